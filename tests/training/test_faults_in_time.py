"""Faults around going back in time: nothing is lost, nothing is left behind."""

from __future__ import annotations

import random
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.records.commands import (
    Adjust,
    BranchOff,
    Command,
    Note,
    Rewind,
    SetBatchSize,
    Switch,
    TakeSnapshot,
    Undo,
)
from interactive_train.training.run import registry
from tests.training.common import all_bits, going, until


def test_commands_that_arrive_during_a_snapshot_wait_for_its_end() -> None:
    run = going(pace=300)
    time_of, inside, go_on = run._session.time, threading.Event(), threading.Event()
    assert time_of is not None
    before = time_of.take

    def slow(name: str = "") -> Any:
        inside.set()
        go_on.wait(10)
        return before(name)

    time_of.take = slow  # type: ignore
    first = threading.Thread(target=lambda: run.snapshot("slow"))
    first.start()
    assert inside.wait(10)
    tickets: list[Any] = []
    others = [
        threading.Thread(target=lambda v=v: tickets.append(run.submit(Adjust("lr", v))))
        for v in (0.01, 0.02)
    ]
    for other in others:
        other.start()
    time.sleep(0.05)
    assert not any(ticket.done for ticket in tickets)
    go_on.set()
    for thread in (first, *others):
        thread.join(10)
    assert {ticket.wait(10).new for ticket in tickets} == {"0.01", "0.02"}
    assert "slow" in {s.name for s in run.view().snapshots}


def test_what_is_asked_twice_or_behind_the_end_is_done_or_refused() -> None:
    run = going(pace=None, epochs=10)
    run.wait(10)
    end = all_bits(run.state)
    run.snapshot("end").wait(10)
    with pytest.raises(ValueError, match=r"a name that no snapshot has; got 'end'"):
        run.snapshot("end").wait(10)
    run.branch("more").wait(10)
    with pytest.raises(ValueError, match=r"a name that no branch has"):
        run.branch("more").wait(10)
    assert run.status == "finished"
    first, second = run.submit(Rewind(5)), run.submit(Rewind(5))
    assert (first.wait(10).step, second.wait(10).step, run.status) == (5, 5, "paused")
    assert [b.name for b in run.branches] == ["main", "more", "branch 1"]
    run.switch("more").wait(10)
    run.switch("more").wait(10)
    assert all_bits(run.state) == end
    run.delete_branch("main").wait(10)
    with pytest.raises(ValueError, match=r"run.delete_branch: a branch; got 'main'"):
        run.delete_branch("main").wait(10)
    run.stop().wait(10)
    run.wait(10)
    assert run.rewind(7).wait(10).step == 7


def test_a_rewind_that_arrives_with_the_end_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    run = going(pace=None, epochs=None)
    session = run._session
    before = session.end
    late: list[Any] = []

    def end() -> None:
        before()
        if not late:
            late.append(run.submit(Rewind(1)))

    monkeypatch.setattr(session, "end", end)
    run.stop()
    until(lambda: bool(late) and late[0].done)
    assert late[0].wait(10).step == 1
    assert (run.status, run.step) == ("paused", 1)


def test_a_report_that_raises_leaves_a_run_that_goes_back() -> None:
    def fail(global_step: int) -> None:
        if global_step == 30:
            raise ValueError("no more")

    run = going(pace=None, report=fail, epochs=100)
    with pytest.raises(ValueError, match="no more"):
        run.wait(10)
    run.rewind(12).wait(10)
    run.run_until(step=20).wait(10)
    until(lambda: run.status == "paused")
    assert run.step == 20


def test_an_interrupt_of_who_waits_leaves_the_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = going(pace=200)

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run._changed, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.wait(10)
    monkeypatch.undo()
    step = run.step
    until(lambda: run.step > step)
    assert run.rewind(1).wait(10).step == 1


def test_two_hundred_commands_a_second_for_a_minute_are_applied_in_order_or_refused() -> None:
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm(8), nn.Dropout(0.2), nn.Linear(8, 1)),
        optim.SGD(0.01, momentum=0.9),
        loss=losses.mse,
    )
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    run = trainer.start(trainer.init(), (x, x[:, :1]), batch_size=8, shuffle=1, pace=2000)
    until(lambda: run.step > 20)
    tickets: list[Any] = []
    chance, names = random.Random(7), iter(range(100_000))
    makers: list[Callable[[], Command]] = [
        lambda: Adjust("lr", chance.choice([0.01, 0.02, 0.005])),
        lambda: Adjust("lr", chance.choice([0.01, 0.02, 0.005])),
        lambda: Note("so"),
        lambda: Undo(),
        lambda: SetBatchSize(chance.choice([4, 8, 16])),
        lambda: Rewind(chance.randrange(0, max(1, run.step))),
        lambda: Switch(chance.choice(["main", "nobody"])),
        lambda: BranchOff(f"b{next(names)}"),
        lambda: TakeSnapshot(f"s{next(names)}"),
        lambda: it.training.records.commands.Resume(),
    ]
    weights = [30, 30, 5, 10, 5, 1, 1, 1, 2, 15]
    begun = time.monotonic()
    for number in range(12_000):
        tickets.append(run.submit(chance.choices(makers, weights)[0]()))
        time.sleep(max(0.0, begun + number / 200 - time.monotonic()))
    until(lambda: all(ticket.done for ticket in tickets), 60)
    applied = [t for t in tickets if t.error is None]
    assert len(applied) > 6_000
    arrivals = [t.sequence for t in tickets if t.sequence >= 0]
    assert arrivals == list(range(len(arrivals)))
    times = [t.applied_at for t in tickets if t.sequence >= 0]
    assert times == sorted(times)
    assert len(run.journal) == len(applied)
    run.advance(10).wait(10)  # so that the branch has steps of its own and stays when it is left
    until(lambda: run.status == "paused")
    assert (np.diff(run.history.step) == 1).all()
    state, step = all_bits(run.state), run.step
    name = next(b.name for b in run.branches if b.current)
    run.rewind(max(0, step - 3)).wait(30)
    run.switch(name).wait(10)
    assert all_bits(run.state) == state
    assert "came out differently" not in run.view().message


def test_a_cell_that_runs_ten_times_leaves_no_thread_and_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = ["cell", 0]
    monkeypatch.setattr(registry, "cell_id", lambda: tuple(cell))
    trainer = it.Trainer(nn.Linear(300, 300), optim.Adam(0.01), loss=losses.mse)
    x = np.ones((16, 300), np.float32)
    state = trainer.init()
    whole = 300 * 300 * 4 * 3
    grown: list[int] = []
    tracemalloc.start()
    for number in range(10):
        cell[1] = number
        run = trainer.start(state, (x, x), batch_size=8, pace=500)
        until(lambda run=run: run.step > 3)  # type: ignore[misc]
        for name in ("a", "b", "c"):
            run.snapshot(name).wait(10)
            run.advance(1).wait(10)
            until(lambda run=run: run.status == "paused")  # type: ignore[misc]
        grown.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sum(t.name.startswith("train ") for t in threading.enumerate()) == 1
    old = list(it.runs)[-2]
    assert (old.status, old.view().snapshots) == ("stopped", ())
    assert old.state.step == old.step > 3
    with pytest.raises(ValueError, match=r"run.rewind: a run that keeps its snapshots"):
        old.rewind(1)
    assert (grown[-1] - grown[1]) / 8 < 1.5 * whole  # the state itself
    old.extend(steps=5).wait(10)
    assert old.wait(10).status == "finished"
