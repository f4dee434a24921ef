"""Curves of a source: windows, branches, and what is forgotten when a run goes back in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from interactive_train.training.records.view import BranchView, RunView
from interactive_train_widgets.curves import departure
from interactive_train_widgets.frames import MAX_ROWS, Composer, shared_out
from tests.widgets.fake_run import FakeRun
from tests.widgets.test_frames import arrays, curve


class Branched:
    """A fake run with branches: a name and own rows each."""

    def __init__(self, run: FakeRun, *branches: BranchView) -> None:
        self.run, self.branches, self.generation = run, branches, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)

    def view(self) -> RunView:
        return replace(self.run.view(), branches=self.branches, generation=self.generation)

    def series(self, name: str, start: int = 0, branch: str = "") -> Any:
        if not branch:
            return self.run.series(name, start)
        own = next(b for b in self.branches if b.name == branch)
        every, value = (10, 0.25) if name in own.metrics else (1, float(own.loss))
        steps = np.arange(every, own.last_step + 1, every)
        return steps[start:], np.full(len(steps), value)[start:]


def branch(
    name: str, parent: str, fork: int, last: int, current: bool = False, metrics: Any = ()
) -> BranchView:
    return BranchView(name, parent, fork, last, current, 0.5, metrics)


def test_a_window_is_sent_beside_the_whole_and_shows_more() -> None:
    run = FakeRun(last_step=9000).run_to(8000)
    head, buffers = Composer([run], False).frame(run.view(), 200, [(4000.0, 4100.0)])
    assert head["windows"] == [[4000.0, 4100.0]]
    whole, part = (c for c in head["curves"] if c["kind"] == "loss")
    assert (whole["size"], part["size"], part["window"]) == (64, 1, 0)
    steps, mean = arrays(part, buffers)
    assert steps[0] < 4000
    assert steps[-1] > 4100
    expected = run.series("loss")[1][steps.astype(int) - 1]
    np.testing.assert_array_equal(mean, expected.astype(np.float32))


def test_a_window_into_a_short_curve_adds_nothing() -> None:
    run = FakeRun(last_step=2000).run_to(150)
    head, _ = Composer([run], False).frame(run.view(), 200, [(40.0, 80.0)])
    assert [c.get("window") for c in head["curves"] if c["kind"] == "loss"] == [None]


def test_every_curve_that_is_sent_in_buckets_has_a_window() -> None:
    run = FakeRun(last_step=2000).run_to(210)
    head, _ = Composer([run], False).frame(run.view(), 200, [(40.0, 80.0)])
    assert [c["size"] for c in head["curves"] if c["kind"] == "loss"] == [2, 1]


def test_the_plan_is_finer_in_a_window() -> None:
    run = FakeRun(last_step=9000).run_to(1000)
    head, buffers = Composer([run], False).frame(run.view(), 200, [(5000.0, 5100.0)])
    part = next(c for c in head["curves"] if c["kind"] == "plan" and "window" in c)
    steps, values = arrays(part, buffers)
    np.testing.assert_array_equal(steps, np.arange(5000, 5102))
    np.testing.assert_allclose(values, run.course("lr", steps.astype(int).tolist()), rtol=1e-6)


def test_a_frame_is_bounded_by_columns_however_long_the_run_is() -> None:
    sizes = []
    for steps in (4000, 16_000):
        run = FakeRun(last_step=20_000).run_to(steps)
        _, buffers = Composer([run], False).frame(run.view(), 100, [(1.0, 3000.0), (5.0, 900.0)])
        sizes.append(sum(map(len, buffers)))
    assert max(sizes) < 1.3 * min(sizes)


def test_branches_are_overlaid_from_where_they_leave_the_current_line() -> None:
    main, tail = branch("main", "", 0, 60), branch("lower", "main", 20, 50, current=True)
    run = Branched(FakeRun().run_to(50), main, tail)
    head, buffers = Composer([run], False).frame(run.view(), 600)
    assert [c.get("branch", "") for c in head["curves"] if c["kind"] == "loss"] == ["", "main"]
    overlaid = next(c for c in head["curves"] if c.get("branch") == "main")
    assert (overlaid["apart"], overlaid["total"]) == (20, 60)
    np.testing.assert_array_equal(arrays(overlaid, buffers)[1], 0.5)


def test_validation_losses_of_branches_are_sent_with_them() -> None:
    names = ("validation_accuracy", "validation_loss")
    main = branch("main", "", 0, 60, metrics=names)
    # The current line has not been evaluated: it was left before its first pass was over.
    run = Branched(FakeRun().run_to(15), main, branch("b", "main", 10, 15, current=True))
    head, buffers = Composer([run], False).frame(run.view(), 600)
    found = [(c["kind"], c["name"]) for c in head["curves"] if c.get("branch") == "main"]
    assert found == [("loss", ""), ("metric", "validation_loss")]
    overlaid = next(c for c in head["curves"] if c["name"] == "validation_loss" and c["count"])
    assert (overlaid["branch"], overlaid["apart"], overlaid["last"]) == ("main", 10, 60)
    steps, values = arrays(overlaid, buffers)
    np.testing.assert_array_equal(steps, np.arange(10, 61, 10))
    np.testing.assert_array_equal(values, 0.25)


def test_validation_losses_of_branches_are_bounded_and_finer_in_a_window() -> None:
    sizes = []
    for last in (40_000, 160_000):
        main = branch("main", "", 0, last, metrics=("validation_loss",))
        run = Branched(FakeRun().run_to(50), main, branch("b", "main", 20, 50, current=True))
        head, buffers = Composer([run], False).frame(run.view(), 100, [(500.0, 900.0)])
        mine = [c for c in head["curves"] if c["name"] == "validation_loss" and "branch" in c]
        assert [c.get("window") for c in mine] == [None, 0]
        assert mine[1]["size"] < mine[0]["size"]
        sizes.append(sum(map(len, buffers)))
    assert max(sizes) < 1.3 * min(sizes)


def test_rows_hold_the_metrics_of_branches() -> None:
    main = branch("main", "", 0, 60, metrics=("validation_loss",))
    run = Branched(FakeRun().run_to(50), main, branch("b", "main", 20, 50, current=True))
    head, buffers = Composer([run], False).rows(run.view())
    about = next(c for c in head["curves"] if c["branch"] == "main" and c["name"])
    assert (about["kind"], about["name"], about["count"]) == ("metric", "validation_loss", 6)
    at = about["at"]
    np.testing.assert_array_equal(np.frombuffer(buffers[1], "<f8")[at : at + 6], 0.25)


def test_short_curves_leave_their_share_of_a_file_to_long_ones() -> None:
    assert shared_out([10, 10], 100, 50) == 50
    assert shared_out([10, 10, 200, 300], 100, 1000) == 40
    assert shared_out([10, 200, 300], 100, 20) == 20


@pytest.mark.parametrize(
    ("name", "step"), [("main", 20), ("b", 20), ("c", 30), ("d", 15), ("lost", 0)]
)
def test_the_last_shared_step_is_found_in_the_tree(name: str, step: int) -> None:
    tree = [
        branch("main", "", 0, 100),
        branch("a", "main", 20, 90, current=True),
        branch("b", "main", 50, 80),
        branch("c", "a", 30, 70),
        branch("d", "main", 15, 40),
    ]
    assert departure(tree, name) == step


@pytest.mark.parametrize(
    ("name", "drawn", "step"),
    [("b", [], 20), ("b", ["main"], 50), ("d", ["main", "b"], 15), ("e", ["main", "b"], 60)],
)
def test_what_a_branch_shares_with_a_drawn_one_is_not_drawn_again(
    name: str, drawn: list[str], step: int
) -> None:
    tree = [
        branch("main", "", 0, 100),
        branch("a", "main", 20, 90, current=True),
        branch("b", "main", 50, 80),
        branch("d", "main", 15, 40),
        branch("e", "b", 60, 90),
    ]
    assert departure(tree, name, drawn) == step


def test_another_generation_is_read_anew() -> None:
    run = Branched(FakeRun(last_step=3000).run_to(100))
    composer = Composer([run], False)
    composer.frame(run.view(), 600)
    run.run._values["loss"][:100] = 7.0
    run.generation = 1
    head, buffers = composer.frame(run.view(), 600)
    np.testing.assert_array_equal(arrays(curve(head, "loss"), buffers)[1], 7.0)


def test_rows_are_what_was_recorded_bit_for_bit() -> None:
    run, other = FakeRun("a", last_step=3000).run_to(1500), FakeRun("b").run_to(70)
    head, buffers = Composer([run, other], False).rows(run.view())
    assert head["runs"] == ["a", "b"]
    steps, values = (np.frombuffer(part, "<f8") for part in buffers)
    for about in head["curves"]:
        at, count = about["at"], about["count"]
        assert about["values"] == at
        if about["kind"] in ("loss", "lr"):
            source = (run, other)[about["run"]]
            np.testing.assert_array_equal(steps[at : at + count], source.series("loss")[0])
            np.testing.assert_array_equal(values[at : at + count], source.series(about["kind"])[1])
    assert {c["name"] for c in head["curves"]} == {"", "validation_loss", "validation_accuracy"}


def test_rows_are_the_newest_million_at_most() -> None:
    class Long:
        def __init__(self, run: FakeRun) -> None:
            self.view = run.view

        def series(self, name: str, start: int = 0, branch: str = "") -> Any:
            return np.arange(start, MAX_ROWS + 5), np.zeros(MAX_ROWS + 5 - start)

    run = FakeRun()
    head, buffers = Composer([Long(run)], False).rows(run.view())  # type: ignore[list-item]
    loss = curve(head, "loss")
    assert (loss["count"], loss["whole"]) == (MAX_ROWS, MAX_ROWS + 5)
    assert np.frombuffer(buffers[0], "<f8")[0] == 5
