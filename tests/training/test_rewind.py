"""Going back in time: every step can be reached again, to the bit, with all that was done."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.training.loop import leaping
from interactive_train.training.records.commands import BranchOff, Rewind, Stop, TakeSnapshot
from tests.training.common import all_bits, line, problem, until

Bits = tuple[object, ...]


class Keeper:
    """A report that keeps the bits of the state behind every step."""

    def __init__(self) -> None:
        self.bits: dict[int, Bits] = {}

    def __call__(self, *, global_step: int, state: Any) -> None:
        self.bits.setdefault(global_step, all_bits(state))


def deep(rate: float = 0.25) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm(8), nn.relu, nn.Dropout(rate), nn.Linear(8, 3)
    )


def kept_going(rule: Any = None, epochs: int | None = 40, **options: Any) -> tuple[it.Run, Keeper]:
    """Return a paused run, at step 0 or 1, of a network with everything that has a state."""
    keeper = Keeper()
    trainer = it.Trainer(deep(), rule or optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    given: dict[str, Any] = {"batch_size": 7, "shuffle": 3, "epochs": epochs, "pace": 1000}
    run = trainer.start(trainer.init(seed=1), problem(), report=keeper, **(given | options))
    run.pause().wait(20)
    return run, keeper


def forward(run: it.Run, steps: int) -> None:
    """Take so many steps."""
    run.run_until(step=run.step + steps).wait(10)
    until(lambda: run.status == "paused")


def rewound(run: it.Run, step: int) -> Bits:
    run.rewind(step).wait(20)
    assert (run.status, run.step) == ("paused", step)
    assert list(run.history.step) == list(range(1, step + 1))
    return all_bits(run.state)


@pytest.mark.parametrize("mode", ["native", "eager"])
@pytest.mark.parametrize(
    "rule",
    [
        optim.SGD(schedules.cosine_decay(0.2, 100), momentum=0.9),
        optim.Adam(schedules.one_cycle(0.05, 100)),
    ],
    ids=["momentum", "adam"],
)
def test_every_step_is_reached_to_the_bit_with_all_interventions(
    rule: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaping, "is_native", lambda: mode == "native")
    run, keeper = kept_going(rule)
    forward(run, 3)
    run.adjust(lr=it.scale(0.5)).wait(10)
    run.adjust("layers.3", rate=0.5).wait(10)
    forward(run, 4)
    run.freeze("layers.0").wait(10)
    forward(run, 2)
    run.undo().wait(10)
    run.set_batch_size(5).wait(10)
    forward(run, 9)
    run.thaw("layers.4").wait(10)
    run.assign("layers.4.bias", np.array([0.5, -0.5, 0.25])).wait(10)
    run.release("lr").wait(10)
    forward(run, 13)
    run.undo().wait(10)
    run.undo().wait(10)
    forward(run, 6)
    end, last = all_bits(run.state), run.step
    for step in (last - 1, 17, 4, 22, 9, 0, 30, 12):
        run.switch("main").wait(20)
        assert all_bits(run.state) == end
        assert rewound(run, step) == keeper.bits.get(step, all_bits(run.state))
        assert not run.view().message


def test_what_follows_a_rewind_is_a_branch_and_the_course_before_stays() -> None:
    run, _ = kept_going()
    forward(run, 20)
    end, curve = all_bits(run.state), run.history.loss.copy()
    step, generation = run.step, run.view().generation
    ticket = run.rewind(12).wait(20)
    assert (ticket.step, ticket.old, ticket.new) == (12, f"step {step}", "step 12 (branch 1)")
    assert run.view().generation != generation
    run.adjust(lr=0.001).wait(10)
    forward(run, 5)
    branch = all_bits(run.state)
    main, other = run.branches
    assert (main.name, main.parent, main.last_step, main.current) == ("main", "", step, False)
    assert (other.name, other.parent, other.fork_step, other.last_step, other.current) == (
        "branch 1", "main", 12, 17, True,
    )  # fmt: skip
    assert main.loss == curve[-1]
    np.testing.assert_array_equal(run.series("loss", branch="main")[1], curve)
    steps, values = run.series("loss")
    assert list(steps) == list(range(1, 18))
    np.testing.assert_array_equal(values[:12], curve[:12])
    assert values[13] != curve[13]
    run.switch("main").wait(10)
    assert all_bits(run.state) == end
    run.switch("branch 1").wait(10)
    assert all_bits(run.state) == branch
    assert [e.branch for e in run.journal if e.kind == "adjust"] == ["branch 1"]
    assert [(e.kind, e.branch) for e in run.journal if e.kind in ("rewind", "switch")] == [
        ("rewind", "main"), ("switch", "branch 1"), ("switch", "main"),
    ]  # fmt: skip


def test_going_on_from_a_rewind_repeats_the_course() -> None:
    run, keeper = kept_going()
    forward(run, 25)
    rewound(run, 8)
    forward(run, 17)
    assert all_bits(run.state) == keeper.bits[run.step]
    np.testing.assert_array_equal(
        run.series("loss", branch="main")[1][: run.step], run.history.loss
    )


def test_scrubbing_leaves_no_empty_branches() -> None:
    run, keeper = kept_going()
    forward(run, 20)
    for step in (10, 15, 5, 19):
        assert rewound(run, step) == keeper.bits[step]
    assert [b.name for b in run.branches] == ["main", "branch 4"]
    run.rewind(run.branches[0].last_step).wait(10)
    assert [b.name for b in run.branches] == ["main"]
    assert run.rewind(run.step).wait(10).new == f"step {run.step}"


def test_interventions_at_the_boundary_itself_are_left_out_and_a_snapshot_has_them() -> None:
    run, keeper = kept_going()
    forward(run, 9)
    at = run.step
    run.adjust(lr=0.5).wait(10)
    run.snapshot("fast").wait(10)
    fast = all_bits(run.state)
    run.adjust(lr=0.7).wait(10)
    forward(run, 5)
    assert rewound(run, at) == keeper.bits[at]
    assert run.setting("lr").effective(1) == 0.01
    run.rewind("fast").wait(10)
    assert all_bits(run.state) == fast
    assert run.setting("lr").effective(1) == 0.5
    run.undo().wait(10)
    assert run.setting("lr").effective(1) == 0.01
    with pytest.raises(ValueError, match=r"run.snapshot: a name that no snapshot has"):
        run.snapshot("fast").wait(10)
    run.delete_snapshot("fast").wait(10)
    with pytest.raises(ValueError, match=r"run.rewind: a snapshot; got 'fast'"):
        run.rewind("fast")


@pytest.mark.parametrize("wrong", [-1, 10_000, "nobody", 2.5, True])
def test_what_cannot_be_reached_is_refused_and_nothing_changes(wrong: Any) -> None:
    run, _ = kept_going()
    forward(run, 6)
    bits, rows = all_bits(run.state), len(run.journal)
    with pytest.raises((ValueError, TypeError), match=r"run.rewind: .*; got "):
        run.rewind(wrong)
    assert (all_bits(run.state), len(run.journal)) == (bits, rows)
    assert [b.name for b in run.branches] == ["main"]


def test_data_that_pass_once_refuse_and_train_on() -> None:
    trainer, (x, y) = line()
    run = trainer.start(trainer.init(), iter([(x, y)] * 500), pace=300)
    until(lambda: run.step > 3)
    for command in (Rewind(1), BranchOff("b"), TakeSnapshot("s")):
        with pytest.raises(ValueError, match=r"data that can be passed again"):
            run.submit(command).wait(10)
    with pytest.raises(ValueError, match=r"run.set_batch_size: data that can be passed again"):
        run.set_batch_size(2)
    step = run.step
    until(lambda: run.step > step)


def test_a_run_that_has_ended_is_paused_there_and_goes_on() -> None:
    run, keeper = kept_going(epochs=6)
    run.pace(None).wait(10)
    run.resume()
    assert run.wait(20).status == "finished"
    end = all_bits(run.state)
    assert rewound(run, 11) == keeper.bits[11]
    run.resume()
    assert run.wait(20).status == "finished"
    assert all_bits(run.state) == end
    ticket = run.submit(Rewind(10_000))
    assert ticket.error is not None
    assert run.status == "finished"


def test_a_failed_run_goes_back_to_before() -> None:
    def fail(step: int) -> None:
        if step == 20 and not told:
            told.append(step)
            raise RuntimeError("stopped here")

    told: list[int] = []
    trainer = it.Trainer(deep(), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    keeper = Keeper()
    run = trainer.start(trainer.init(seed=1), problem(), batch_size=7, report=[keeper, fail])
    with pytest.raises(RuntimeError, match="stopped here"):
        run.wait(20)
    assert run.status == "failed"
    assert rewound(run, 13) == keeper.bits[13]
    run.resume()
    until(lambda: run.step > 30)
    assert run.error is None


def test_a_stop_gets_through_while_steps_are_run_again() -> None:
    slow = threading.Event()

    def loss(predictions: Any, targets: Any) -> Any:
        if slow.is_set():
            until(lambda: not slow.is_set() or waiting.is_set(), 20)
        return losses.mse(predictions, targets)

    waiting = threading.Event()
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=loss)
    run = trainer.start(trainer.init(), (x, 3 * x), batch_size=4, pace=2000)
    run._session.engine = None
    until(lambda: run.step > 30)
    run.pause().wait(10)
    end, step = all_bits(run.state), run.step
    slow.set()
    ticket = run.submit(Rewind(20))
    until(lambda: run._session.rerun is not None)
    assert "running steps" in run.view().message
    stop = run.submit(Stop())
    waiting.set()
    stop.wait(20)
    with pytest.raises(RuntimeError, match=r"run.rewind: stopped before it was there"):
        ticket.wait(10)
    run.wait(10)
    assert (run.status, run.step, all_bits(run.state)) == ("stopped", step, end)
    assert [b.name for b in run.branches] == ["main"]


def test_an_interrupt_while_steps_are_run_again_changes_nothing() -> None:
    run, _ = kept_going()
    forward(run, 12)
    end, session = all_bits(run.state), run._session
    before = session.stepper.compute
    session.engine = None
    main = threading.current_thread()

    def interrupted(*args: Any) -> Any:
        raise KeyboardInterrupt if session.rerun is not None else AssertionError(main)

    session.stepper.compute = interrupted  # type: ignore
    ticket = run.submit(Rewind(5))
    with pytest.raises(RuntimeError, match=r"rewind: interrupted"):
        ticket.wait(10)
    with pytest.raises(KeyboardInterrupt):
        run.wait(10)
    session.stepper.compute = before  # type: ignore[method-assign]
    assert all_bits(run.state) == end
    assert [b.name for b in run.branches] == ["main"]
    run.rewind(5).wait(10)
    assert run.step == 5


def test_skipped_steps_are_skipped_again() -> None:
    x, y = problem(40)
    x[17] = np.nan
    keeper = Keeper()
    trainer = it.Trainer(deep(), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    run = trainer.start(
        trainer.init(seed=1), (x, y), batch_size=7, shuffle=1, epochs=6, on_nonfinite="skip",
        report=keeper,
    ).wait(20)  # fmt: skip
    assert len(run.history) < run.step
    for step in (run.step - 2, 12, 3):
        run.switch("main").wait(10)
        run.rewind(step).wait(10)
        assert all_bits(run.state) == keeper.bits.get(step, all_bits(run.state))


def test_data_that_changed_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    trainer, (x, y) = line()
    y = y.copy()
    run = trainer.start(trainer.init(), (x, y), batch_size=4, pace=500)
    until(lambda: run.step > 20)
    run.pause().wait(10)
    y += 1.0
    run.rewind(10).wait(10)
    assert "run again, step 1 came out differently" in run.view().message
    assert "came out differently" in capsys.readouterr().err


def test_knobs_of_the_loss_random_maps_and_gathered_gradients_come_back() -> None:
    warmth, (x, y), keeper = it.Knob("warmth", 1.0, low=0.1, high=10), problem(60), Keeper()

    def loss(predictions: Any, labels: Any) -> Any:
        return losses.cross_entropy_sparse(predictions / warmth, labels)

    def noisy(a: Any, b: Any, *, rng: np.random.Generator) -> Any:
        return a + rng.normal(size=a.shape).astype(np.float32), b

    data = it.Data.from_arrays(x, y).shuffle(2).map(noisy, rng=True, seed=3).batch(6)
    trainer = it.Trainer(deep(), optim.MixedPrecision(optim.AdamW(0.01)), loss=loss)
    run = trainer.start(
        trainer.init(seed=1), data, accumulate=2, clip_norm=2.0, report=keeper, pace=1000
    )
    run.pause().wait(10)
    forward(run, 7)
    run.adjust(warmth=2.0).wait(10)
    run.assign("layers.4.weight", np.ones((8, 3))).wait(10)
    forward(run, 9)
    end, last = all_bits(run.state), run.step
    for step in (last - 4, 5, 0, 2):
        assert rewound(run, step) == keeper.bits.get(step, all_bits(run.state))
        assert not run.view().message
        run.switch("main").wait(10)
        assert all_bits(run.state) == end


def test_an_evaluation_stands_once_where_a_pass_of_unknown_length_ends() -> None:
    x, y = problem()
    batches = [(x[k : k + 10], y[k : k + 10]) for k in range(0, 40, 10)]

    class Batches:  # without a length: the end of a pass shows when it runs dry
        def __iter__(self) -> Any:
            return iter(batches)

    trainer = it.Trainer(deep(), optim.SGD(0.05), loss=losses.cross_entropy_sparse)
    data = it.Data.from_iterable(Batches())
    run = trainer.start(trainer.init(seed=1), data, epochs=3, validation=(x, y)).wait(20)
    course = {name: (list(s), list(v)) for name, (s, v) in run.history.metrics.items()}
    for step in (8, 4, 6):
        run.rewind(step).wait(20)
        run.resume()
        run.wait(20)
        again = run.history.metrics.items()
        assert {name: (list(s), list(v)) for name, (s, v) in again} == course
