"""What a frame says of metrics that are matrices, of scheduled knobs, and the order of knobs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from interactive_train.optim import setup
from interactive_train.optim.rules import SGD
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records import commands
from interactive_train.training.records.view import KnobView
from interactive_train_widgets import still
from interactive_train_widgets.describe import MATRIX_CLASSES, key_of, order_knobs, signature
from interactive_train_widgets.frames import MAX_COURSES, Composer
from interactive_train_widgets.optimiser import OptimiserSource
from interactive_train_widgets.sources import ReportSource
from tests.widgets.fake_run import FakeRun, Knob
from tests.widgets.test_frames import arrays, curve

COUNTS = np.array([[8, 2], [1, 9]])


def head_of(run: FakeRun) -> dict[str, Any]:
    return Composer([run], False).frame(run.view(), 600)[0]


def confused(counts: Any = COUNTS) -> FakeRun:
    run = FakeRun().run_to(50)
    run.confusion = np.asarray(counts)
    return run


class TestMatrices:
    def test_a_matrix_stands_in_the_head_as_plain_counts_and_in_no_curve(self) -> None:
        head = head_of(confused())
        metric = head["metrics"][-1]
        assert metric["matrix"] == [[8, 2], [1, 9]]
        assert (metric["block"], metric["step"]) == (1, 50)
        assert "validation_confusion" not in [c["name"] for c in head["curves"]]
        json.dumps(head, allow_nan=False)

    @pytest.mark.parametrize("classes", [MATRIX_CLASSES, MATRIX_CLASSES + 1, 1000])
    def test_a_large_matrix_is_summed_in_blocks_and_loses_no_example(self, classes: int) -> None:
        metric = head_of(confused(np.eye(classes) * 3))["metrics"][-1]
        assert len(metric["matrix"]) <= MATRIX_CLASSES
        assert metric["block"] == -(-classes // MATRIX_CLASSES)
        assert np.sum(metric["matrix"]) == 3 * classes

    def test_a_new_matrix_is_worth_a_frame(self) -> None:
        run = confused()
        run.status = "paused"
        before = signature(run.view())
        run.step += 1
        assert signature(run.view()) != before

    def test_the_still_picture_has_the_counts_as_a_table(self) -> None:
        run = confused()
        head, buffers = Composer([run], False).frame(run.view(), 600)
        page = still.bundle(run.view(), head, buffers, "u")["text/html"]
        assert "Validation confusion" in page
        assert "<td>0</td><td>8</td><td>2</td>" in page

    def test_the_still_picture_leaves_a_large_matrix_out(self) -> None:
        run = confused(np.eye(30))
        head, buffers = Composer([run], False).frame(run.view(), 600)
        assert "confusion" not in still.bundle(run.view(), head, buffers, "u")["text/html"]

    def test_a_blocking_fit_reports_its_matrix_too(self) -> None:
        source = ReportSource()
        source.report(1, 1, 0.5, 0.1, {"accuracy": 0.8, "confusion": COUNTS})
        source.report(2, 1, 0.4, 0.1, {"accuracy": 0.9, "confusion": COUNTS + 1})
        accuracy, confusion = source.view().metrics
        assert accuracy.matrix is None
        np.testing.assert_array_equal(confusion.matrix, COUNTS + 1)


class TestCourses:
    def test_a_scheduled_knob_has_a_past_and_a_plan_under_its_key(self) -> None:
        run = FakeRun(last_step=1000)
        momentum = Hyperparameter("momentum", 0.9, low=0.0, high=1.0)
        run.knobs.append(Knob(momentum, "layers.0", lambda step: step / 2000))
        run.run_to(400)
        head, buffers = Composer([run], False).frame(run.view(), 600)
        steps, past = arrays(curve(head, "past", "layers.0.momentum"), buffers)
        assert (steps[0], steps[-1]) == (1, 400)
        np.testing.assert_allclose(past, steps / 2000, rtol=1e-6)
        steps, planned = arrays(curve(head, "plan", "layers.0.momentum"), buffers)
        assert (steps[0], steps[-1]) == (401, 1000)
        np.testing.assert_allclose(planned, steps / 2000, rtol=1e-6)
        assert curve(head, "plan")["count"]  # the learning rate's stays without a name

    def test_both_sides_of_a_change_are_sampled(self) -> None:
        run = FakeRun(last_step=10**6).run_to(10)
        decay = run.knobs[2]
        decay.setting = type(decay.setting)(lambda step: 1e-4)
        run.run_to(20_003)
        run.submit(commands.Adjust("weight_decay", 0.1))
        run.run_to(40_000)
        head, buffers = Composer([run], False).frame(run.view(), 600)
        steps, _ = arrays(curve(head, "past", "weight_decay"), buffers)
        assert {20_003, 20_004} <= set(steps.astype(int).tolist())

    def test_the_courses_of_many_scheduled_knobs_are_limited(self) -> None:
        run = FakeRun().run_to(10)
        about = Hyperparameter("momentum", 0.9, low=0.0, high=1.0)
        run.knobs += [Knob(about, f"layers.{i}", lambda step: 0.5) for i in range(30)]
        kinds = [c["kind"] for c in head_of(run)["curves"]]
        assert kinds.count("past") == MAX_COURSES

    def test_a_chain_with_two_rates_still_has_a_planned_one(self) -> None:
        run = FakeRun().run_to(10)
        run.knobs = [Knob(Hyperparameter("Adam__lr", 0.1, low=0.0), "", 0.1)]
        assert curve(head_of(run), "plan")["count"]


class TestOrder:
    def view(self, name: str, path: str = "") -> KnobView:
        return KnobView(path, Hyperparameter(name, 0.5), 0.5, 0.5, 1.0, None, False)

    def test_ones_own_knob_comes_before_the_fine_print(self) -> None:
        names = ["beta1", "eps", "AdamW__weight_decay", "lr", "temperature", "momentum"]
        ordered = [k.description.name for k in order_knobs([self.view(n) for n in names])]
        assert ordered == ["lr", "temperature", "AdamW__weight_decay", "momentum", "beta1", "eps"]

    def test_what_holds_everywhere_comes_before_what_holds_in_a_part(self) -> None:
        knobs = [self.view("lr", "layers.3"), self.view("weight_decay"), self.view("lr")]
        assert [key_of(k) for k in order_knobs(knobs)] == ["lr", "weight_decay", "layers.3.lr"]


def test_the_course_of_an_optimiser_state_is_that_of_the_part() -> None:
    state = setup(SGD(0.1), {"a": {"w": np.ones(2)}, "c": {"w": np.ones(2)}})
    source = OptimiserSource(state)
    source.submit(commands.Adjust("lr", 0.5, "c")).wait(0)
    assert source.course("lr", [1], "c").tolist() == [0.5]
    assert source.course("lr", [1]).tolist() == [0.1]
