"""Losses are recorded on unknown predictions and targets; what was recorded is the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses
from interactive_train.autodiff.ghost import recording
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Tensor
from interactive_train.kernels.status import BAD_INDEX, CHANGED
from interactive_train.nn.knob import KnobValues, turned_to
from tests.losses.test_properties import CASES, Case
from tests.recorded import Recorded

RNG = np.random.default_rng(3)
RECORDABLE = {name: case for name, case in CASES.items() if not name.startswith("ctc")}


def other_targets(targets: Any) -> Any:
    """Return the targets of other examples: the same ones in another order."""
    return np.ascontiguousarray(np.asarray(targets)[::-1])


def with_gradient(case: Case, reduction: str) -> Any:
    def function(tensors: list[Tensor], numbers: Any) -> list[Tensor]:
        point = leaf(tensors[0])
        value = case.loss(point, tensors[1], reduction=reduction)
        seed = Tensor.wrap(np.ones(value.shape, value.dtype))
        (gradient,) = backward(value, seed, [point])
        assert gradient is not None
        return [value, gradient]

    return function


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RECORDABLE)
def test_a_recorded_loss_is_the_loss_on_other_data(name: str, dtype: Any, reduction: str) -> None:
    case = RECORDABLE[name]
    targets = np.asarray(case.targets)
    targets = targets.astype(dtype if targets.dtype.kind == "f" else targets.dtype)
    function = with_gradient(case, reduction)
    first, second = (RNG.normal(size=case.shape).astype(dtype) for _ in range(2))
    recorded = Recorded(function, [first, targets])
    for x, y in ((first, targets), (second, other_targets(targets))):
        expected = [t.numpy() for t in function([Tensor(x), Tensor(y)], [])]
        for found, right in zip(recorded([x, y]), expected, strict=True):
            assert found.dtype == right.dtype
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    ("loss", "good"),
    [
        (losses.cross_entropy_sparse, [0, 1, 2]),
        (lambda x, y: losses.cross_entropy_sparse(x, y, ignore_index=-1), [0, -1, 2]),
        (lambda x, y: losses.cross_entropy_sparse(x, y, weight=[1, 2, 3]), [0, 1, 2]),
        (losses.focal, [0, 1, 2]),
    ],
)
@pytest.mark.parametrize("bad", [3, -7])
def test_a_label_out_of_range_stops_the_step(loss: Any, good: list[int], bad: int) -> None:
    x = RNG.normal(size=(3, 3))
    recorded = Recorded(lambda tensors, _: [loss(*tensors)], [x, np.array(good)])
    with pytest.raises(RuntimeError, match=f"status {BAD_INDEX}"):
        recorded([x, np.array([*good[:2], bad])])
    with pytest.raises((IndexError, ValueError), match=str(bad)):  # eagerly it is named
        loss(Tensor(x), Tensor(np.array([*good[:2], bad])))


def test_a_batch_of_which_nothing_counts_is_not_finite() -> None:
    x, y = RNG.normal(size=(3, 3)), np.array([0, -1, 2])
    recorded = Recorded(
        lambda tensors, _: [losses.cross_entropy_sparse(*tensors, ignore_index=-1)], [x, y]
    )
    with np.errstate(invalid="ignore"):
        assert np.isnan(recorded([x, np.full(3, -1)])[0])


def test_truth_values_are_targets() -> None:
    z, y = RNG.normal(size=(4, 2)), RNG.random((4, 2)) < 0.5
    recorded = Recorded(lambda tensors, _: [losses.binary_cross_entropy(*tensors)], [z, y])
    expected = losses.binary_cross_entropy(z, ~y)
    np.testing.assert_allclose(recorded([z, ~y])[0], expected, rtol=1e-15)


KNOB = it.Knob("it_turns", 0.5, low=0.0, high=10.0)
WITH_KNOB: dict[str, Any] = {
    "label_smoothing": lambda x, y: losses.cross_entropy_sparse(x, y, label_smoothing=KNOB),
    "label_smoothing of yes and no": lambda x, y: losses.binary_cross_entropy(
        x[:, 0], y > 0, label_smoothing=KNOB
    ),
    "gamma": lambda x, y: losses.focal(x, y, gamma=KNOB),
    "alpha": lambda x, y: losses.binary_focal(x[:, 0], y > 0, alpha=KNOB),
    "delta": lambda x, y: losses.huber(x, x * 3.0, delta=KNOB),
    "smooth": lambda x, y: losses.dice(x, x > 0.0, smooth=KNOB),
    "a factor": lambda x, y: losses.mse(x, x * KNOB) * KNOB,
}


@pytest.mark.parametrize("name", WITH_KNOB)
def test_a_knob_in_a_loss_is_turned_between_recorded_steps(name: str) -> None:
    class Numbers(KnobValues):
        def read(self, knob: Any) -> Any:
            return self.settings[knob.name]

    def function(tensors: list[Tensor], numbers: Any) -> list[Tensor]:
        with turned_to(Numbers({KNOB.name: numbers[0]})):
            return [WITH_KNOB[name](*tensors)]

    x, y = RNG.normal(size=(3, 3)), np.array([0, 2, 1])
    recorded = Recorded(function, [x, y], [0.5])
    for value in (0.5, 0.25, 0.9):
        (expected,) = function([Tensor(x), Tensor(y)], [value])
        np.testing.assert_allclose(recorded([x, y], [value])[0], expected.numpy(), rtol=1e-14)
    if name != "a factor":
        with pytest.raises(RuntimeError, match=f"status {CHANGED}"):
            recorded([x, y], [-1.0])
        with pytest.raises(ValueError, match="got -1"):
            function([Tensor(x), Tensor(y)], [-1.0])


def test_ctc_says_that_it_needs_the_labels() -> None:
    x, y = RNG.normal(size=(1, 4, 3)), np.array([[1, 2]])
    with recording(), pytest.raises(TypeError, match=r"losses\.ctc: the values of labels .*eager"):
        Recorded(lambda tensors, _: [losses.ctc(*tensors)], [x, y])
    lengths = np.array([2])
    with pytest.raises(TypeError, match=r"the values of label_lengths"):
        Recorded(lambda t, _: [losses.ctc(t[0], y, label_lengths=t[1])], [x, lengths])


def test_ctc_with_labels_at_hand_is_recorded() -> None:
    x, y = RNG.normal(size=(2, 4, 3)), np.array([[1, 2], [2, -1]])
    recorded = Recorded(lambda tensors, _: [losses.ctc(tensors[0], y)], [x])
    np.testing.assert_allclose(recorded([x + y.sum()])[0], losses.ctc(x + y.sum(), y), rtol=1e-14)
