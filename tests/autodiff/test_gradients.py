"""Every gradient, and the gradient of it, against central differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interactive_train.autodiff import OPERATIONS, Tensor, check_grads, grad, value_and_grad, vjp
from interactive_train.autodiff.ops.indexing import add_rows, take, take_rows
from interactive_train.autodiff.ops.random import dropout
from interactive_train.autodiff.ops.softmax import cross_entropy_rows
from interactive_train.runtime.key import Key
from tests.autodiff.shapes import arrays, broadcastable


def draw(*shape: int, seed: int = 0, low: float = 0.3, high: float = 2.0) -> Any:
    """Numbers away from zero, kinks and ties."""
    signs = np.random.default_rng(seed + 100).choice([-1.0, 1.0], shape)
    return np.random.default_rng(seed).uniform(low, high, shape) * signs


LABELS = Tensor(np.array([0, 2, 1, 2]))
ROWS = Tensor(np.array([2, 0, 2]))
F: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "add": (lambda a, b: (a + b) ** 2.0 * a, (abs(draw(3, 4)), abs(draw(4)))),
    "subtract": (lambda a, b: (a - b) * b, (draw(3, 4), draw(3, 1))),
    "multiply": (lambda a, b: a * b * b, (draw(2, 1, 4), draw(3, 1))),
    "divide": (lambda a, b: a / b, (draw(3, 4), draw(4, seed=1))),
    "power": (lambda a, b: a**b, (abs(draw(3)), draw(3, seed=1))),
    "a square": (lambda a: a**2, (draw(3),)),
    "a cube": (lambda a: a**3, (draw(3),)),
    "number to a power": (lambda a: 2.0**a, (draw(3),)),
    "maximum": (lambda a, b: np.maximum(a, b) ** 2, (draw(3, 4), draw(4, seed=1))),
    "minimum": (lambda a, b: np.minimum(a, b) ** 2, (draw(3, 4), draw(1, seed=1))),
    "absolute": (lambda a: abs(a) * a, (draw(3),)),
    "exp": (np.exp, (draw(3),)),
    "log": (np.log, (abs(draw(3)),)),
    "sqrt": (np.sqrt, (abs(draw(3)),)),
    "tanh": (np.tanh, (draw(3),)),
    "erf": (OPERATIONS["erf"], (draw(3),)),
    "sigmoid": (OPERATIONS["sigmoid"], (draw(5),)),
    "softplus": (OPERATIONS["softplus"], (draw(5),)),
    "relu": (lambda a: OPERATIONS["relu"](a) ** 2, (draw(5),)),
    "gate": (lambda g, x: OPERATIONS["gate"](g, x) * g, (draw(5), draw(5, seed=1))),
    "gelu": (OPERATIONS["gelu"], (draw(5),)),
    "where": (lambda a, b: np.where(a > 0, a * a, b * a), (draw(3, 4), draw(4, seed=1))),
    "sum": (lambda a: np.sum(a * a, axis=(0, 2)), (draw(2, 3, 4),)),
    "mean": (lambda a: np.mean(a * a, axis=-1, keepdims=True), (draw(2, 3),)),
    "max": (lambda a: np.max(a, axis=1) ** 2, (draw(3, 5),)),
    "min": (lambda a: np.min(a) ** 2, (draw(3, 5),)),
    "var": (lambda a: np.var(a, axis=0), (draw(4, 3),)),
    "std": (lambda a: np.std(a, axis=1), (draw(4, 3),)),
    "clip": (lambda a: np.clip(a, -1.0, 1.0) * a, (draw(6),)),
    "logsumexp": (lambda a: OPERATIONS["logsumexp"](a, axis=0), (draw(4, 3),)),
    "matmul": (lambda a, b: a @ b, (draw(3, 4), draw(4, 2, seed=1))),
    "matmul with itself": (lambda a: a.T @ a, (draw(3, 4),)),
    "matmul of batches": (lambda a, b: a @ b, (draw(2, 1, 3, 4), draw(5, 4, 2, seed=1))),
    "matmul of rows": (lambda a, b: a @ b, (draw(2, 3, 4), draw(4, 2, seed=1))),
    "matmul of vectors": (lambda a, b: a @ b, (draw(4), draw(4, seed=1))),
    "matrix by vector": (lambda a, b: a @ b * (b @ b), (draw(3, 4), draw(4, seed=1))),
    "vector by batches": (lambda a, b: a @ b, (draw(4), draw(2, 4, 3, seed=1))),
    "reshape": (lambda a: a.reshape(-1, 2) ** 2, (draw(3, 4),)),
    "transpose": (lambda a: np.transpose(a, (2, 0, 1)) * a.reshape(4, 2, 3), (draw(2, 3, 4),)),
    "broadcast_to": (lambda a: np.broadcast_to(a, (2, 3, 4)) ** 3, (draw(3, 1),)),
    "slices": (lambda a: a[::-1, 1:3] * a[:, :2], (draw(3, 4),)),
    "one element": (lambda a: a[1, 2] * a, (draw(3, 4),)),
    "concatenate": (lambda a, b: np.concatenate([a, b, a], 1) ** 2, (draw(2, 3), draw(2, 1))),
    "stack": (lambda a, b: np.stack([a, b], -1) ** 2, (draw(3), draw(3, seed=1))),
    "take": (lambda a: take(a, np.array([2, 0, 2]), 0) ** 2, (draw(3, 4),)),
    "take of all": (lambda a: take(a, np.array([[2, 0], [-1, 2]])) ** 2, (draw(3, 4),)),
    "index arrays": (lambda a: a[np.arange(3), np.array([0, 0, 3])] ** 2, (draw(3, 4),)),
    "take_rows": (lambda a: take_rows.apply([a * a, ROWS], {}), (draw(3, 2),)),
    "add_rows": (lambda a: add_rows.apply([a * a, ROWS], {"height": 4}), (draw(3, 2),)),
    "softmax": (lambda a: OPERATIONS["softmax"](a) * a, (draw(2, 4),)),
    "softmax along 0": (lambda a: OPERATIONS["softmax"](a, axis=0) * a, (draw(2, 4),)),
    "log_softmax": (lambda a: OPERATIONS["log_softmax"](a) * a, (draw(2, 4),)),
    "cross-entropy": (lambda a: cross_entropy_rows.apply([a * a, LABELS], {}), (draw(4, 3),)),
    "dropout": (lambda a: dropout(a * a, 0.5, Key.from_seed(0)), (draw(8),)),
    "no axis": (lambda a, b: a * b, (draw(), draw(2))),
    "no element": (lambda a: np.sum(a * a, axis=0), (np.zeros((0, 3)),)),
    "layer norm": (
        lambda a: (
            (a - np.mean(a, -1, keepdims=True)) / np.sqrt(np.var(a, -1, keepdims=True) + 1e-5)
        ),
        (draw(3, 5),),
    ),
}


@pytest.mark.parametrize("name", F)
def test_first_and_second_order(name: str) -> None:
    f, args = F[name]
    check_grads(f, args, order=2)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_gradient_has_the_shape_and_type_of_what_it_belongs_to(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    a, b = (data.draw(arrays(s, 0.5, 2, dtype)) for s in data.draw(broadcastable(2)))
    _, pull = vjp(lambda x, y: (x + y) * x / y, a, b)
    shape = np.broadcast_shapes(a.shape, b.shape)
    g, h = pull(np.ones(shape, dtype))
    assert (g.shape, h.shape) == (a.shape, b.shape)
    assert g.dtype == h.dtype == dtype
    want = ((2 * a + b) / b).sum() if np.prod(shape) else 0.0
    np.testing.assert_allclose(float(g.sum()), want, rtol=1e-3, atol=1e-4)


def test_the_third_derivative() -> None:
    third = grad(grad(grad(lambda x: x**4)))
    assert float(third(np.array(2.0))) == pytest.approx(48.0)


def test_equal_elements_share_the_gradient_of_the_largest() -> None:
    assert grad(lambda x: np.max(x))(np.array([2.0, 1.0, 2.0])).numpy().tolist() == [0.5, 0.0, 0.5]
    assert grad(lambda x: np.maximum(x, 2.0).sum())(np.array([2.0, 3.0])).numpy().tolist() == [
        0.5,
        1.0,
    ]


def test_relu_has_gradient_zero_at_zero_and_keeps_nan() -> None:
    g = grad(lambda x: OPERATIONS["relu"](x).sum())
    assert g(np.array([0.0, -0.0, 1.0])).numpy().tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(g(np.array([np.nan])).numpy()[0])


def test_a_power_of_zero_has_a_finite_gradient() -> None:
    g = grad(lambda x: (x**0.0).sum() + (x**1.0).sum() + (x**2).sum())
    assert g(np.array([0.0, 3.0])).numpy().tolist() == [1.0, 7.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_enormous_logits_has_a_finite_gradient(dtype: Any) -> None:
    x = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]], dtype)
    labels = Tensor(np.array([1, 0]))
    loss, g = value_and_grad(lambda z: cross_entropy_rows.apply([z, labels], {}).sum())(x)
    assert float(loss) == pytest.approx(4e4, rel=1e-4)
    want = np.array([[1, -1, 0], [-1, 0.5, 0.5]])
    np.testing.assert_allclose(g.numpy(), want, atol=1e-6)


def test_a_wrong_gradient_is_found() -> None:
    from interactive_train.autodiff.ops.elementwise import Elementwise
    from interactive_train.kernels.elementwise import EXP

    wrong = Elementwise(EXP, "wrong_exp")
    try:
        wrong.gradients(lambda g, y, x: g * y * 1.001)
        with pytest.raises(
            AssertionError, match=r"it\.check_grads: the projected gradient of order 1"
        ):
            check_grads(wrong, (np.array([0.5, 1.0]),))
        wrong.gradients(lambda g, y, x: g * Tensor(y.data))  # right, but constant
        check_grads(wrong, (np.array([0.5, 1.0]),))
        with pytest.raises(AssertionError, match="of order 2"):
            check_grads(wrong, (np.array([0.5, 1.0]),), order=2)
    finally:
        del OPERATIONS["wrong_exp"]
