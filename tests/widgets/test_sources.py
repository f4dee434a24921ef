"""What may stand under a panel: a run, a bare optimiser state, a report callback; nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from interactive_train import optim
from interactive_train.training.records import commands
from interactive_train_widgets.optimiser import OptimiserSource
from interactive_train_widgets.sources import QUIET, ReportSource, bind
from tests.widgets.fake_run import FakeRun


def tree() -> optim.OptimizerState:
    return optim.setup(
        optim.Adam(1e-3), {"a": {"w": np.ones((3, 2)), "b": np.ones(2)}, "c": {"w": np.ones(4)}}
    )


def scheduled() -> optim.OptimizerState:
    return optim.setup(optim.SGD(lambda step: 0.1 / step), {"w": np.ones(2)})


def test_a_run_stands_for_itself() -> None:
    run = FakeRun()
    assert bind(run, "LossCurve") is run


def test_other_things_are_refused_by_name_and_with_the_fix() -> None:
    with pytest.raises(TypeError, match=r"LossCurve: it shows a run.*got int.*trainer.start"):
        bind(3, "LossCurve")


class TestOptimiserSource:
    def test_it_shows_the_knobs_and_layers_of_the_state(self) -> None:
        view = OptimiserSource(tree()).view()
        assert next(k.description.name for k in view.knobs) == "lr"
        assert [(g.path, g.parameters, g.frozen) for g in view.groups] == [
            ("a", 8, False),
            ("c", 4, False),
        ]

    def test_an_adjustment_reaches_every_leaf_and_can_be_taken_back(self) -> None:
        state = tree()
        source = OptimiserSource(state)
        ticket = source.submit(commands.Adjust("lr", 0.02)).wait(0)
        assert (ticket.old, ticket.new) == ("0.001", "0.02")
        assert {leaf.knobs["lr"].effective(1) for _, leaf in state} == {0.02}
        source.submit(commands.Undo()).wait(0)
        assert {leaf.knobs["lr"].effective(1) for _, leaf in state} == {0.001}
        assert source.view().journal[0].undone

    def test_a_part_that_differs_is_listed_by_its_layer(self) -> None:
        state = tree()
        optim.adjust(state.c, 0.5)
        knobs = OptimiserSource(state).view().knobs
        assert [(k.path, k.effective) for k in knobs if k.description.name == "lr"] == [
            ("", 0.001),
            ("c", 0.5),
        ]

    def test_a_drag_is_one_row(self) -> None:
        source = OptimiserSource(tree())
        for value in (0.1, 0.2, 0.3):
            source.submit(commands.Adjust("lr", value), gesture="g")
        source.submit(commands.Undo())
        assert len(source.view().journal) == 1
        assert source.view().knobs[0].effective == 0.001

    def test_freezing_and_thawing_a_layer_sets_its_leaves(self) -> None:
        state = tree()
        source = OptimiserSource(state)
        source.submit(commands.Freeze("a")).wait(0)
        assert [leaf.frozen for _, leaf in state] == [True, True, False]
        source.submit(commands.Undo()).wait(0)
        assert not any(leaf.frozen for _, leaf in state)
        source.submit(commands.Freeze("c")).wait(0)
        source.submit(commands.Thaw("c")).wait(0)
        assert [e.kind for e in source.view().journal] == ["freeze", "freeze", "thaw"][:3]

    def test_a_schedule_is_scaled_held_and_released(self) -> None:
        source = OptimiserSource(scheduled())
        source.submit(commands.Adjust("lr", optim.scale(0.5))).wait(0)
        assert source.view().knobs[0].scale == 0.5
        source.submit(commands.Adjust("lr", 0.7)).wait(0)
        assert source.view().knobs[0].override == 0.7
        source.submit(commands.Release("lr")).wait(0)
        knob = source.view().knobs[0]
        assert (knob.scale, knob.override, knob.effective) == (1.0, None, 0.1)
        np.testing.assert_allclose(source.course("lr", [1, 2]), [0.1, 0.05])

    @pytest.mark.parametrize(
        ("command", "match"),
        [
            (commands.Adjust("lr", -1.0), "got -1"),
            (commands.Adjust("lrr", 1.0), 'Did you mean "lr"'),
            (commands.Adjust("beta1", optim.scale(5.0)), "beta1"),
            (commands.Freeze("q"), "optimiser state"),
            (commands.Pause(), "knobs and freeze flags only"),
            (commands.Undo(), "something to undo"),
        ],
    )
    def test_what_cannot_be_applied_changes_nothing(
        self, command: commands.Command, match: str
    ) -> None:
        source = OptimiserSource(tree())
        before = source.view()
        ticket = source.submit(command)
        assert match in str(ticket.error)
        after = source.view()
        assert (after.knobs, after.groups, after.journal) == (before.knobs, before.groups, ())


class TestReportSource:
    def test_it_records_what_the_fit_reports(self) -> None:
        now = [0.0]
        source = ReportSource("fit", clock=lambda: now[0])
        assert source.view().status == "ready"
        for step in range(1, 11):
            now[0] += 0.1
            source.report(step, 1, 1 / step, 0.1, {"accuracy": step // 5 / 2})
        view = source.view()
        assert (view.status, view.step, view.loss) == ("running", 10, 0.1)
        assert abs(view.steps_per_second - 10) < 1e-6
        steps, values = source.series("loss", 8)
        assert (steps.tolist(), values.tolist()) == ([9, 10], [1 / 9, 0.1])
        assert view.metrics[0].steps.tolist() == [1, 5, 10]

    def test_silence_means_that_the_fit_is_over(self) -> None:
        now = [0.0]
        source = ReportSource("fit", clock=lambda: now[0])
        source.report(1, 1, 0.5, 0.1, {})
        now[0] += QUIET + 1
        assert source.view().status == "finished"

    def test_it_cannot_be_steered_and_says_how_one_could(self) -> None:
        ticket = ReportSource().submit(commands.Pause())
        assert "trainer.start" in str(ticket.error)

    def test_a_loss_among_the_metrics_is_the_better_the_lower(self) -> None:
        source = ReportSource()
        source.report(1, 1, 0.5, 0.1, {"validation_loss": 0.4, "accuracy": 0.9})
        assert [m.higher_is_better for m in source.view().metrics] == [False, True]
