"""Going back in time: every step can be reached again, to the bit, with all that was done."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import callbacks, losses, nn, optim, schedules
from interactive_train.training.commands import BranchOff, Rewind, Stop, TakeSnapshot
from tests.training.common import all_bits, going, line, problem, until

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
    monkeypatch.setattr("interactive_train.training.leaping.is_native", lambda: mode == "native")
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


def test_a_row_that_was_taken_back_later_stands_again() -> None:
    run, _ = kept_going()
    forward(run, 4)
    run.adjust(lr=0.05).wait(10)
    forward(run, 4)
    run.undo().wait(10)
    forward(run, 4)
    assert run.journal[_row(run, "adjust")].undone
    run.rewind(7).wait(10)
    assert not run.journal[_row(run, "adjust")].undone
    assert run.setting("lr").base == 0.05
    assert run.course("lr", [3, 7], "")[0] == 0.01
    run.switch("main").wait(10)
    assert run.journal[_row(run, "adjust")].undone


def _row(run: it.Run, kind: str) -> int:
    return next(e.sequence for e in run.journal if e.kind == kind)


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


def test_branches_are_begun_left_and_forgotten() -> None:
    run, keeper = kept_going()
    forward(run, 6)
    fork = run.branch("careful").wait(10).step
    run.adjust(lr=0.001).wait(10)
    forward(run, 6)
    careful = all_bits(run.state)
    run.rewind(9).wait(10)
    forward(run, 1)
    assert {b.name: (b.parent, b.fork_step) for b in run.branches} == {
        "main": ("", 0), "careful": ("main", fork), "branch 1": ("careful", 9),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"run.branch: a name that no branch has; got 'careful'"):
        run.branch("careful")
    with pytest.raises(ValueError, match=r"run.switch: a branch; got 'carefull'. Did you mean"):
        run.switch("carefull")
    with pytest.raises(ValueError, match=r"run.delete_branch: another branch than the current"):
        run.delete_branch("branch 1").wait(10)
    run.switch("careful").wait(10)
    assert all_bits(run.state) == careful
    run.delete_branch("main").wait(10)
    assert {b.name: (b.parent, b.fork_step) for b in run.branches} == {
        "careful": ("", 0), "branch 1": ("careful", 9),
    }  # fmt: skip
    assert rewound(run, 2) == keeper.bits[2]
    run.delete_branch("careful").wait(10)
    assert [b.name for b in run.branches] == ["branch 1", "branch 2"]


def test_memory_of_a_branch_is_given_back() -> None:
    trainer = it.Trainer(nn.Linear(300, 300), optim.Adam(0.01), loss=losses.mse)
    x = np.ones((8, 300), np.float32)
    run = trainer.start(trainer.init(), (x, x), batch_size=4, pace=500)
    until(lambda: run.step > 4)
    run.pause().wait(10)
    forward(run, 4)
    run.rewind(3).wait(10)
    forward(run, 2)
    run.snapshot("here").wait(10)
    before = run.view().snapshot_bytes
    run.delete_branch("main").wait(10)
    assert run.view().snapshot_bytes <= before - 300 * 300 * 4 * 3
    assert run.view().snapshot_bytes == sum(
        s.nbytes for s in run.view().snapshots
    ) + 1500 * 6 * len(run.view().snapshots)


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


def test_a_batch_size_is_changed_in_the_middle_of_a_pass_and_no_row_is_lost() -> None:
    seen: list[int] = []

    def noted(a: Any, b: Any) -> Any:
        seen.append(int(a[0]))
        return a, b

    x = np.arange(40, dtype=np.float32).reshape(-1, 1)
    data = it.Data.from_arrays(x, x).map(noted).batch(7)
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(1e-6), loss=losses.mse)
    run = trainer.start(trainer.init(), data, pace=500)
    run.pause().wait(10)
    forward(run, 6 - run.step % 6 + 1)  # behind the first batch of a pass
    first = run._session.position
    ticket = run.set_batch_size(16).wait(10)
    assert (first, ticket.old, ticket.new, run.view().batch_size) == (7, "7", "16", 16)
    seen.clear()
    forward(run, 3)
    assert sorted(seen)[-33:] == list(range(7, 40))
    assert run._session.position == 0
    with pytest.raises(ValueError, match=r"run.set_batch_size: the batch size .*; got 0"):
        run.set_batch_size(0)


def test_what_has_no_batch_size_refuses() -> None:
    trainer, (x, y) = line()
    run = trainer.start(trainer.init(), [(x, y)], pace=100)
    with pytest.raises(ValueError, match=r"run.set_batch_size: .*only a pipeline that batches"):
        run.set_batch_size(4)
    assert run.view().batch_size is None


def test_assigned_values_are_copied_and_the_next_step_uses_them() -> None:
    run = going(pace=500)
    run.pause().wait(10)
    given = np.array([[2.5]])
    ticket = run.assign("layers.0.weight", given)
    given[:] = 7
    assert ticket.wait(10).new == "norm 2.5"
    assert run.state.model.layers[0].weight[0, 0] == np.float32(2.5)
    loss = run.history.loss[-1]
    forward(run, 1)
    assert run.history.loss[-1] != loss
    for path, value, message in (
        ("layers.0.wieght", [[1.0]], r"Did you mean \"layers.0.weight\""),
        ("layers.0.weight", [1.0, 2.0], r"has shape \(1, 1\); got \(2,\)"),
        ("layers.0.weight", [[np.inf]], r"finite values of float32; got inf at \[0, 0\]"),
        ("layers.0.weight", [["a"]], r"real numbers"),
    ):
        with pytest.raises((ValueError, TypeError), match=f"run.assign: .*{message}"):
            run.assign(path, value)


def test_a_state_that_a_report_restored_begins_a_branch_when_the_run_is_extended() -> None:
    stop = callbacks.early_stopping("loss", 6)
    trainer = it.Trainer(deep(), optim.SGD(2.0, momentum=0.9), loss=losses.cross_entropy_sparse)
    keeper = Keeper()
    run = trainer.start(
        trainer.init(seed=1), problem(), batch_size=8, shuffle=0, epochs=60, report=[keeper, stop]
    )
    run.wait(20)
    best, last = run.step, int(run.history.step[-1])
    assert best == stop.best_step < last
    assert all_bits(run.state) == keeper.bits[best]
    run.extend(steps=3).wait(10)
    run.wait(20)
    assert (np.diff(run.history.step) == 1).all()
    assert [(b.name, b.fork_step) for b in run.branches][:2] == [("main", 0), ("branch 1", best)]
    run.switch("main").wait(20)
    assert all_bits(run.state) == keeper.bits[last]
    assert rewound(run, best - 1) == keeper.bits[best - 1]


def test_early_stopping_goes_back_with_its_run() -> None:
    stop = callbacks.early_stopping("loss", 1000)
    trainer = it.Trainer(deep(), optim.SGD(0.5), loss=losses.cross_entropy_sparse)
    run = trainer.start(trainer.init(seed=1), problem(), batch_size=8, epochs=12, report=stop)
    run.wait(20)
    best, low = stop.best_step, float(run.history.loss.min())
    run.rewind(20).wait(10)
    assert stop.best == run.history.loss.min() >= low
    assert stop.best_step <= 20
    run.resume()
    run.wait(20)
    assert (stop.best_step, stop.best) == (best, low)


def test_steps_that_were_not_recorded_are_not_recorded_again() -> None:
    run, keeper = kept_going()
    forward(run, 5)
    engine = run._session.engine
    assert engine is not None
    before = engine.advance

    def advance(*args: Any) -> Any:
        engine.advance = before  # type: ignore
        engine._refuse("something that will not be in the way the next time")

    engine.advance = advance  # type: ignore
    forward(run, 9)
    assert engine.refused
    end, last = all_bits(run.state), run.step
    assert rewound(run, 3) == keeper.bits[3]
    assert not engine.refused
    run.switch("main").wait(10)
    assert engine.refused
    assert all_bits(run.state) == end
    assert rewound(run, last - 2) == keeper.bits[last - 2]
    assert engine.refused
    assert not run.view().message


def test_metrics_and_matrices_are_those_of_the_step() -> None:
    run, _ = kept_going(
        validation=problem(24),
        metrics={"accuracy": it.metrics.accuracy, "confusion": it.metrics.confusion_matrix},
    )
    forward(run, 12)
    matrix = run.history.arrays["validation_confusion"]
    score = run.history.metrics["validation_accuracy"]
    forward(run, 20)
    run.rewind(int(score[0][-1]) + 1).wait(10)
    now = run.history.arrays["validation_confusion"]
    assert now[0] == matrix[0]
    np.testing.assert_array_equal(now[1], matrix[1])
    np.testing.assert_array_equal(run.history.metrics["validation_accuracy"], score)
    assert run.evaluate()["validation_accuracy"] is not None


def test_an_extension_belongs_to_the_course_behind_it() -> None:
    run, keeper = kept_going(epochs=2)
    run.pace(None).wait(10)
    run.resume()
    first = run.wait(20).step
    run.extend(steps=10).wait(10)
    assert run.wait(20).step == first + 10
    assert rewound(run, first + 3) == keeper.bits[first + 3]
    assert run.view().last_step == first + 10
    run.resume()
    assert all_bits(run.wait(20).state) == keeper.bits[first + 10]
    assert rewound(run, first - 3) == keeper.bits[first - 3]
    assert run.view().last_step == first
    run.resume()
    assert run.wait(20).step == first


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


def test_the_journal_of_each_branch_makes_it_again() -> None:
    run, _ = kept_going()
    forward(run, 5)
    run.adjust(lr=0.05).wait(10)
    forward(run, 5)
    run.set_batch_size(5).wait(10)
    forward(run, 7)
    run.rewind(8).wait(10)
    run.adjust(lr=0.02).wait(10)
    forward(run, 6)
    run.undo().wait(10)
    run.snapshot("here").wait(10)
    forward(run, 6)
    run.rewind("here").wait(10)
    run.freeze("layers.0").wait(10)
    run.assign("layers.4.bias", [0.1, 0.2, 0.3]).wait(10)
    forward(run, 8)
    trainer = it.Trainer(deep(), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    for branch in run.branches:
        run.switch(branch.name).wait(10)
        again = it.replay(run.journal, trainer, trainer.init(seed=1), problem())
        assert all_bits(again.state) == all_bits(run.state)
        np.testing.assert_array_equal(again.history.loss, run.history.loss)
