"""What holds for every loss: gradients, extremes, types, reductions, units, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interactive_train as it
from interactive_train import losses

RNG = np.random.default_rng(5)
LABELS = np.array([0, 3, 1, 2])
ROWS = np.random.default_rng(6).dirichlet(np.ones(4), 4)
YES = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
REAL = np.random.default_rng(7).normal(size=(4, 3))
ENTROPY, NONE = "nats per example", ""


@dataclass(frozen=True)
class Case:
    """A loss with targets for predictions of a shape.

    `order` is up to where its gradients are smooth at ordinary predictions.
    """

    loss: Any
    targets: Any
    shape: tuple[int, ...] = (4, 3)
    unit: str = NONE
    order: int = 2

    def __call__(self, predictions: Any, **options: Any) -> Any:
        return self.loss(predictions, self.targets, **options)


CASES: dict[str, Case] = {
    "cross_entropy": Case(losses.cross_entropy, ROWS, (4, 4), ENTROPY),
    "cross_entropy with options": Case(
        partial(losses.cross_entropy, weight=[1, 2, 3, 0.5], label_smoothing=0.1), ROWS, (4, 4)
    ),
    "cross_entropy_sparse": Case(losses.cross_entropy_sparse, LABELS, (4, 4), ENTROPY),
    "cross_entropy_sparse with options": Case(
        partial(
            losses.cross_entropy_sparse,
            weight=[1, 2, 3, 0.5],
            label_smoothing=0.1,
            ignore_index=1,
        ),
        LABELS,
        (4, 4),
    ),
    "binary_cross_entropy": Case(losses.binary_cross_entropy, YES, unit=ENTROPY),
    "binary_cross_entropy with options": Case(
        partial(losses.binary_cross_entropy, weight=2, pos_weight=[1, 2, 3], label_smoothing=0.1),
        YES,
    ),
    "mse": Case(losses.mse, REAL),
    "mae": Case(losses.mae, REAL),
    "huber": Case(losses.huber, REAL),
    "kl_div": Case(losses.kl_div, ROWS, (4, 4), ENTROPY),
    "kl_div with zeros": Case(losses.kl_div, np.eye(4)[LABELS], (4, 4), ENTROPY),
    "hinge": Case(losses.hinge, 2 * YES - 1),
    "squared_hinge": Case(losses.squared_hinge, 2 * YES - 1),
    "focal": Case(losses.focal, LABELS, (4, 4)),
    "focal with options": Case(
        partial(losses.focal, gamma=0.5, weight=[1, 2, 3, 0.5]), LABELS, (4, 4)
    ),
    "binary_focal": Case(losses.binary_focal, YES),
    "binary_focal with options": Case(partial(losses.binary_focal, gamma=0.5, alpha=0.3), YES),
    "dice": Case(losses.dice, YES),
    "poisson": Case(losses.poisson, YES * 3),
    "cosine_similarity": Case(losses.cosine_similarity, REAL),
    "ctc": Case(losses.ctc, np.array([[1, 1], [2, -1], [-1, -1], [1, 2]]), (4, 3, 3), ENTROPY),
}
names = pytest.mark.parametrize("name", CASES)


def predictions(case: Case, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=case.shape).astype(dtype)


@names
def test_gradients_are_central_differences(name: str) -> None:
    case = CASES[name]
    it.check_grads(case, (predictions(case),), order=case.order)


@names
def test_logits_of_zero_are_smooth_too_but_for_kinks(name: str) -> None:
    case = CASES[name]
    if name == "cosine_similarity":  # no direction there
        return
    it.check_grads(case, (np.zeros(case.shape),), order=case.order)


@names
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_are_finite_at_any_magnitude(name: str, dtype: Any) -> None:
    case = CASES[name]
    signs = np.sign(predictions(case, 3))
    for x in (
        signs * 1e4,
        -signs * 1e4,
        np.full(case.shape, 1e4),
        np.full(case.shape, -1e4),
        np.zeros(case.shape),
        predictions(case, 4) * 1e4,
        signs * 60.0,  # where a naive sigmoid is 0 or 1
        signs * 1e-30,
    ):
        loss, gradient = it.value_and_grad(case)(x.astype(dtype))
        assert np.isfinite(loss.numpy()), x
        assert np.isfinite(gradient.numpy()).all(), x


@names
def test_the_type_of_the_predictions_is_kept(name: str) -> None:
    case = CASES[name]
    x = it.Tensor(predictions(case, dtype=np.float32))
    targets = case.targets
    if np.asarray(targets).dtype.kind == "f":
        targets = np.asarray(targets, np.float32)
    loss, gradient = it.value_and_grad(lambda p: case.loss(p, targets))(x)
    assert (loss.dtype, gradient.dtype) == (np.float32, np.float32)
    assert type(case.loss(x.numpy(), targets)) is np.float32
    expected = case(predictions(case, dtype=np.float32).astype(np.float64))
    np.testing.assert_allclose(loss.numpy(), expected, rtol=2e-6)


@names
def test_mean_and_sum_are_those_of_the_losses_that_none_leaves(name: str) -> None:
    case = CASES[name]
    x = predictions(case)
    each = case(x, reduction="none")
    assert each.shape in (case.shape, case.shape[:-1], case.shape[:1])
    np.testing.assert_allclose(case(x, reduction="sum"), each.sum())
    if name == "cross_entropy_sparse with options":  # by weight, without the ignored one
        np.testing.assert_allclose(case(x), each.sum() / (1 + 0.5 + 3))
    else:
        np.testing.assert_allclose(case(x), each.mean())
    assert case(x) == case(x, reduction="mean")


@names
def test_every_example_is_for_itself(name: str) -> None:
    case = CASES[name]
    x, order = predictions(case), np.array([2, 0, 3, 1])
    turned = case.loss(x[order], np.asarray(case.targets)[order], reduction="none")
    np.testing.assert_allclose(turned, case(x, reduction="none")[order], rtol=1e-12)


@names
def test_lists_tensors_and_keywords_serve(name: str) -> None:
    case = CASES[name]
    x = predictions(case)
    expected = case(x)
    assert case.loss(x.tolist(), np.asarray(case.targets).tolist()) == expected
    for loss in (case(it.Tensor(x)), case.loss(x, it.Tensor(case.targets))):
        assert isinstance(loss, it.Tensor)
        assert float(loss) == expected


@names
def test_a_chart_finds_name_and_unit(name: str) -> None:
    case = CASES[name]
    if isinstance(case.loss, partial):
        return
    assert case.loss.unit == case.unit
    assert case.loss.__name__ == name.split(" ")[0]
    assert case.loss.higher_is_better is False


def test_every_public_loss_is_tested_here() -> None:
    tested = {getattr(c.loss, "__name__", "") for c in CASES.values()}
    assert set(losses.__all__) - {"Loss"} == tested - {""}


@names
@pytest.mark.parametrize("reduction", ["max", None, "Mean", 1])
def test_other_reductions_are_refused(name: str, reduction: Any) -> None:
    case = CASES[name]
    with pytest.raises(ValueError, match=r'^losses\.\w+: reduction is "mean", "sum" or "none"; g'):
        case(predictions(case), reduction=reduction)


@names
def test_empty_batches_are_refused(name: str) -> None:
    case = CASES[name]
    x, y = predictions(case)[:0], np.asarray(case.targets)[:0]
    with pytest.raises(ValueError, match=r"^losses\.\w+: needs .*; got .*\(0,"):
        case.loss(x, y)


@names
def test_targets_of_another_shape_are_refused(name: str) -> None:
    case = CASES[name]
    x, y = predictions(case), np.asarray(case.targets)
    for wrong in (y[:3], y[None], y.reshape(-1)[:1]):
        with pytest.raises((ValueError, TypeError), match=r"^losses\.\w+: .*; got .*\. \w"):
            case.loss(x, wrong)


@names
def test_predictions_that_are_no_floats_are_refused(name: str) -> None:
    case = CASES[name]
    for wrong in (np.ones(case.shape, int), np.full(case.shape, "a"), None):
        with pytest.raises(TypeError, match=r"^losses\.\w+: .*; got"):
            case.loss(wrong, case.targets)


@given(
    name=st.sampled_from(sorted(CASES)),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
)
@settings(max_examples=60, deadline=None)
def test_no_loss_but_poisson_is_negative(name: str, seed: int, scale: float) -> None:
    case = CASES[name]
    value = float(case(predictions(case, seed, np.float32) * np.float32(scale)))
    assert np.isfinite(value)
    assert value > -1e-6 or name == "poisson"


def test_a_loss_of_ones_own_is_made_of_them() -> None:
    def both(predictions: Any, targets: Any) -> Any:
        return losses.mse(predictions, targets) + 0.5 * losses.mae(predictions, targets)

    made: Callable[..., Any] = both
    assert made(np.array([2.0]), np.array([0.0])) == 5.0


SHAPES = st.sampled_from([(), (0,), (1,), (3,), (3, 1), (1, 3), (3, 2), (3, 4), (2, 3, 4), (0, 4)])
KINDS = st.sampled_from(["float", "labels", "bool", "huge", "nan", "text", "complex", "none"])


def anything(shape: tuple[int, ...], kind: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    made: dict[str, Callable[[], Any]] = {
        "float": lambda: rng.normal(size=shape),
        "labels": lambda: rng.integers(-1, 4, shape),
        "bool": lambda: rng.integers(0, 2, shape).astype(bool),
        "huge": lambda: rng.normal(size=shape) * 1e300,
        "nan": lambda: np.full(shape, np.nan),
        "text": lambda: np.full(shape, "a"),
        "complex": lambda: np.full(shape, 1j),
        "none": lambda: None,
    }
    return made[kind]()


@given(
    name=st.sampled_from(sorted(set(losses.__all__) - {"Loss"})),
    shapes=st.tuples(SHAPES, SHAPES),
    kinds=st.tuples(KINDS, KINDS),
    seed=st.integers(0, 99),
)
@settings(max_examples=400, deadline=None)
def test_whatever_comes_gives_a_number_or_an_error_of_ours(
    name: str, shapes: Any, kinds: Any, seed: int
) -> None:
    given_ = [anything(s, k, seed) for s, k in zip(shapes, kinds, strict=True)]
    refused, value = "", np.float64(0)
    try:
        value = getattr(losses, name)(*given_)
    except (TypeError, ValueError, IndexError) as error:
        refused = str(error)
    assert np.ndim(value) == 0
    assert not refused or "; got " in refused  # the form of ours
