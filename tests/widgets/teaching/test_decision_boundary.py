"""Decision regions: what is drawn follows from the model's outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import interactive_train as it
from interactive_train_widgets import DecisionBoundary
from interactive_train_widgets.teaching.decision_boundary import regions
from interactive_train_widgets.teaching.outputs import probabilities
from tests.widgets.teaching.page import READY, eventually, heard, say

rng = np.random.default_rng(0)
LABELS = np.arange(90) % 3
POINTS = (
    np.stack([np.cos(2.1 * LABELS), np.sin(2.1 * LABELS)], 1) * 2 + 0.3 * rng.normal(size=(90, 2))
).astype(np.float32)


def trainer(outputs: int = 3) -> it.Trainer:
    loss = it.losses.cross_entropy_sparse
    return it.Trainer(it.nn.Linear(2, outputs), it.optim.SGD(0.5), loss=loss)


def test_several_outputs_become_probabilities_as_scipy_has_them() -> None:
    logits = rng.normal(size=(7, 4)) * 50
    assert np.allclose(probabilities(logits), softmax(logits, axis=1))


def test_one_output_is_the_second_of_two_classes() -> None:
    p = probabilities(np.array([[-800.0], [0.0], [800.0]]))
    assert p.tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    assert probabilities(np.array([0.25]), "probabilities").tolist() == [[0.75, 0.25]]


def test_the_border_of_a_linear_model_is_its_line() -> None:
    axis = np.linspace(-1, 1, 33)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    found = regions(probabilities(grid @ np.array([2.0, 1.0]) - 0.5), axis, axis)
    ends = found.border.reshape(-1, 2)
    assert np.allclose(ends @ [2.0, 1.0], 0.5, atol=0.01)
    assert (found.winners == (2 * axis + axis[:, None] > 0.5)).mean() > 0.99
    assert found.shade.min() == 0 or found.shade.min() < 20


def test_a_run_is_drawn_with_its_data_and_counts_what_lies_right() -> None:
    run = trainer().start(trainer().init(seed=0), (POINTS, LABELS), batch_size=30, epochs=30)
    run.wait()
    view = DecisionBoundary(run, POINTS, LABELS, classes=["a", "b", "c"])
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    frame = heard(view, "frame")[0]
    right = run.predict(POINTS).argmax(1) == LABELS
    assert sum(frame["data"]["right"]) == right.sum() > 80
    assert f"{right.sum()} of 90 points" in frame["text"]
    parts = [int(row[3].rstrip(" %")) for row in frame["table"]["rows"]]
    assert sum(parts) == pytest.approx(100, abs=1)
    assert frame["table"]["rows"][0][:2] == ["a", "30"]
    view.close()


def test_the_grid_is_finer_when_the_run_rests_and_coarse_when_it_is_dear() -> None:
    state = trainer().init(seed=0)
    view = DecisionBoundary(state, POINTS, LABELS)
    rest = view._sources[0].view()
    moving = _running(rest)
    assert view.compute(moving, 600).arrays["winners"].shape == (64, 64)
    view._per_point = 1e-6
    assert view._choose_side(moving) == 40
    assert view._choose_side(rest) == 136
    view._per_point = 1e-3
    assert view._choose_side(moving) == 32
    view.close()


def _running(view: Any) -> Any:
    from dataclasses import replace

    return replace(view, status="running")


def test_a_model_of_other_inputs_is_said_on_the_page_and_the_kernel_lives() -> None:
    model = it.Trainer(it.nn.Linear(3, 2), it.optim.SGD(0.1)).init(seed=0)
    view = DecisionBoundary(model, POINTS, LABELS)
    say(view, READY)
    eventually(lambda: heard(view, "frame") or heard(view, "trouble"))
    view.close()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((4, 3)), np.zeros(4, int), "x has two columns"),
        (np.ones((4, 2)), np.zeros(3, int), "y has 4 labels"),
        (np.ones((2, 2)), np.array([0.5, 1]), "labels are whole numbers"),
        (np.ones((2, 2)), np.array([-1, 1]), "labels are whole numbers"),
    ],
)
def test_wrong_data_are_refused(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecisionBoundary(trainer().init(seed=0), x, y)


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(TypeError, match='Did you mean "classes"'):
        DecisionBoundary(trainer().init(seed=0), POINTS, LABELS, clases=["a"])
    with pytest.raises(ValueError, match='Did you mean "logits"'):
        DecisionBoundary(trainer().init(seed=0), POINTS, LABELS, outputs="logit")  # type: ignore[arg-type]


def test_a_saved_notebook_keeps_regions_as_a_picture() -> None:
    view = DecisionBoundary(trainer().init(seed=0), POINTS, LABELS)
    page = view._still(view.compute(view._sources[0].view(), 600))["text/html"]
    assert "data:image/png" in page
    assert "lie on the side of their own class" in page
    assert len(page) < 80_000
    view.close()
