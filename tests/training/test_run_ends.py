"""How a run ends: stops, errors, time limits, extensions, and who waits for them."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses
from interactive_train.training.records.commands import Adjust, Extend, Note, Pause
from interactive_train.training.run import frontend
from tests.training.common import going, line, until


def test_stop_keeps_the_state_and_extend_goes_on_from_there() -> None:
    run = going(epochs=1000, pace=None)
    run.stop().wait(10)
    assert run.status == "stopped"
    step = run.wait(10).step
    assert run.state.step == step == len(run.history)
    ticket = run.extend(steps=7)
    assert ticket.new == f"step {step + 7}"
    assert run.wait(10).step == step + 7
    assert run.view().status == "finished"


def test_extending_by_epochs_finishes_the_pass_that_was_begun() -> None:
    trainer, data = line()
    run = trainer.start(trainer.init(), data, batch_size=2, epochs=9, pace=100)  # 4 steps a pass
    run.pause().wait(10)
    run.advance(5 - run.step % 4).wait(10)  # to one step behind the begin of a pass
    until(lambda: run.status == "paused")
    run.stop().wait(10)
    step = run.wait(10).step
    assert step % 4 == 1
    run.extend(epochs=1).wait(10)
    assert run.wait(10).step == step + 3 + 4
    assert run.state.position[1] == 0


def test_a_running_plan_is_moved_by_extend() -> None:
    run = going(epochs=20, pace=200)  # 40 steps
    run.pause().wait(10)
    assert run.extend(epochs=1).wait(10).new == "step 42"
    assert run.extend(steps=5).wait(10).new == "step 47"
    assert run.extend(epochs=2).wait(10).new == "step 51"
    run.pace(None)
    run.resume()
    assert run.wait(10).step == 51
    assert run.extend(epochs=1).wait(10).new == "step 54"  # from the middle of a pass
    assert run.wait(10).step == 54


def test_what_arrives_with_the_end_is_applied_and_an_extension_then_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer, data = line()
    tickets: list[Any] = []

    def last(step: int) -> None:
        if step == 4:
            tickets.append(run.submit(Note("late")))

    ready = threading.Event()

    def report(step: int) -> None:
        ready.wait(10)
        last(step)

    run = trainer.start(trainer.init(), data, batch_size=4, epochs=2, report=report)
    drain = run._session.inbox.drain
    late = [True]

    def slow() -> Any:  # the loop has drained for the last time; then something arrives
        found = drain()
        if late[0] and run._session.complete():
            late[0] = False
            tickets.append(run.submit(Extend(steps=3)))
            tickets.append(run.submit(Adjust("lr", 0.01)))
            tickets.append(run.submit(Pause()))
        return found

    monkeypatch.setattr(run._session.inbox, "drain", slow)
    ready.set()
    for _ in range(100):
        run.wait(10)
    assert run.step == 7
    assert [t.done for t in tickets] == [True] * 4
    assert run.history.lr.tolist() == [0.1] * 4 + [0.01] * 3
    with pytest.raises(ValueError, match=r"run.pause: the run must be going on; got one that has"):
        tickets[-1].wait()


def test_commands_to_an_ended_run_are_applied_or_refused_at_once() -> None:
    run = going(epochs=2)
    run.wait(10)
    assert run.adjust(lr=0.5).step == 4
    assert run.freeze("layers.0").new == "frozen"
    assert run.stop().done
    assert run.stop().done
    assert run.status == "finished"
    for command in (run.pause, run.resume, run.advance):
        with pytest.raises(ValueError, match=r"must be going on; .* run.extend\(epochs=1\)"):
            command()
    run.extend(steps=2)
    assert run.wait(10).step == 6
    assert run.history.lr[-1] == 0.5


def test_commands_may_come_twice() -> None:
    run = going()
    for command in (run.pause, run.pause, run.resume, run.resume, run.stop, run.stop):
        command().wait(10)
    assert run.wait(10).status == "stopped"
    run.close()
    run.close()


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("where", ["report", "loss", "data"])
def test_an_error_ends_the_run_and_loses_nothing(error: BaseException, where: str) -> None:
    trainer, (x, y) = line()
    calls = {"report": 0, "loss": 0, "data": 0}

    def count(what: str) -> None:
        calls[what] += 1
        if what == where and calls[what] == 4:
            raise error

    def loss(p: Any, t: Any) -> Any:
        count("loss")
        return losses.mse(p, t)

    def element(i: int) -> tuple[Any, Any]:
        count("data")
        return x, y

    def report() -> None:
        count("report")

    trainer.loss = loss
    data = it.Data.from_fn(10, element)
    run = trainer.start(trainer.init(), data, report=report, pace=100, epochs=1)
    tickets = [run.submit(Note(str(i))) for i in range(20)]
    for _ in range(2):
        with pytest.raises(type(error)):
            run.wait(10)
    done = 4 if where == "report" else 3
    assert (run.status, run.step, len(run.history)) == ("failed", done, done)
    assert run.state.step == done
    assert run.state.position == (0, done)
    assert any(f"step {done}" in note for note in error.__notes__)
    assert type(error).__name__ in run.view().message
    assert all(t.wait(1).done for t in tickets)
    run.extend(steps=2)
    assert run.wait(10).step == done + 2
    assert run.error is None


def test_waiting_ends_with_the_time_or_a_pause() -> None:
    run = going(pace=20)
    with pytest.raises(TimeoutError, match=r"run.wait: still at step \d+ after 0.1 s"):
        run.wait(0.1)
    run.pause()
    with pytest.raises(it.RunPaused, match=r"the run paused at step \d+\. Call run.resume"):
        run.wait(10)
    run.extend(steps=5)
    run.pace(None)
    run.resume()
    run.wait(10)  # does not see the pause that the resume ends
    assert run.status == "finished"


def test_a_pause_wakes_who_waits_at_once() -> None:
    run = going(pace=50)
    threading.Timer(0.1, run.pause).start()
    begun = time.monotonic()
    with pytest.raises(it.RunPaused):
        run.wait(10)
    assert time.monotonic() - begun < 2  # not by a poll that comes round


def test_a_report_cannot_wait_for_its_own_run() -> None:
    trainer, data = line()
    caught: list[str] = []

    def report(step: int) -> None:
        if step == 2:
            for wait in (lambda: run.adjust(lr=0.01).wait(), lambda: run.wait()):
                try:
                    wait()
                except RuntimeError as error:
                    caught.append(str(error))

    gate = threading.Event()
    run = trainer.start(
        trainer.init(), data, batch_size=4, epochs=2, report=[lambda: gate.wait(10), report]
    )
    gate.set()
    run.wait(10)
    assert "a report cannot wait for the boundary behind it" in caught[0]
    assert "somebody else than the run itself" in caught[1]
    assert run.history.lr.tolist() == [0.1, 0.1, 0.01, 0.01]


def test_a_listener_that_fails_ends_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    run = going()
    heard: list[str] = []

    def broken() -> None:
        raise ValueError("no comm")

    run.subscribe(broken)
    run.subscribe(lambda: heard.append(run.status))
    run.pause().wait(10)
    run.stop().wait(10)
    assert run.wait(10).status == "stopped"
    assert heard[-1] == "stopped"
    assert capsys.readouterr().err.count("a listener failed: ValueError('no comm')") == 1


def test_the_time_limit_counts_running_only_and_anew_after_an_extension() -> None:
    run = going(pace=100, max_seconds=0.3)
    run.pause().wait(10)
    time.sleep(0.5)
    run.note("still here").wait(10)
    assert run.status == "paused"
    run.resume()
    run.wait(10)
    assert (run.status, run.view().message) == ("stopped", "stopped after 0.3 s")
    assert 0.3 <= run.view().elapsed < 5  # the pause is not counted; the machine may be busy
    step = run.step
    run.extend(steps=3)
    assert run.wait(10).step == step + 3


def test_the_time_limit_does_not_wait_for_a_slow_pace() -> None:
    begun = time.monotonic()
    run = going(pace=0.1, max_seconds=0.2, epochs=5)
    assert run.wait(10).status == "stopped"
    assert time.monotonic() - begun < 9  # a step at this pace takes ten seconds


def test_early_stopping_stops_and_says_why() -> None:
    trainer, data = line()

    def report(step: int) -> None:
        if step == 3:
            raise it.EarlyStop("no progress for 3 steps")

    run = trainer.start(trainer.init(), data, batch_size=4, epochs=9, report=report)
    run.wait(10)
    assert (run.status, run.view().message) == ("stopped", "no progress for 3 steps")
    assert run.extend(steps=1).wait(10)
    assert run.wait(10).step == 4


def test_headless_blocks_at_full_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "is_headless", lambda: True)
    run = going(pace=0.5, epochs=3)
    assert (run.status, run.step) == ("finished", 6)
    run.extend(epochs=2)
    assert (run.status, run.step) == ("finished", 10)
    trainer, data = line()
    with pytest.raises(ValueError, match=r"trainer.start: a run without a front end needs an end"):
        trainer.start(trainer.init(), data, batch_size=4)
    run = trainer.start(trainer.init(), data, batch_size=4, max_seconds=0.1)
    assert run.status == "stopped"
    trainer.loss = lambda p, t: losses.mse(p, t) * np.nan
    with pytest.raises(it.NonFiniteError) as caught:
        trainer.start(trainer.init(), data, batch_size=4, epochs=1)
    assert "it.runs[-1].state" in caught.value.__notes__[-1]
    assert (it.runs[-1].status, it.runs[-1].state.step) == ("failed", 0)


def test_running_a_cell_again_stops_what_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    from interactive_train.training.run import registry

    cell = [("a", 1)]
    monkeypatch.setattr(registry, "cell_id", lambda: cell[0])
    first, second = going(), going()  # a loop of starts in one cell is legal
    assert (first.status, second.status) == ("running", "running")
    cell[0] = ("b", 2)
    other = going()
    cell[0] = ("a", 3)
    again = going()
    assert (first.status, second.status) == ("stopped", "stopped")
    assert (other.status, again.status) == ("running", "running")
    assert list(it.runs)[-4:] == [first, second, other, again]
