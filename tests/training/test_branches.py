"""Branches of a run, and what goes back in time beside the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import callbacks, losses, nn, optim
from tests.training.common import all_bits, going, line, problem, until
from tests.training.test_rewind import Keeper, deep, forward, kept_going, rewound


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


def test_a_command_that_is_refused_where_a_best_state_stands_begins_no_branch() -> None:
    x, y = problem()
    trainer = it.Trainer(deep(), optim.SGD(0.05), loss=losses.cross_entropy_sparse)
    stop = callbacks.early_stopping("loss", 1000, mode="max")
    run = trainer.start(trainer.init(seed=1), (x, y), batch_size=7, epochs=3, report=stop).wait(20)
    best, rows, before = run.step, len(run.history), all_bits(run.state)
    assert best < rows
    for _ in range(2):
        with pytest.raises(ValueError, match=r"run\.undo"):
            run.undo()
        assert [branch.name for branch in run.branches] == ["main"]
        assert (run.step, len(run.history), all_bits(run.state)) == (best, rows, before)
    run.adjust(lr=0.01)
    assert (run.view().branches[-1].current, len(run.history)) == (True, best)
    run.undo()
    run.switch("main").wait(20)
    assert (run.step, len(run.history)) == (rows, rows)
