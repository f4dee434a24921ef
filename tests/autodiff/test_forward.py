"""Every operation's value against NumPy, over many shapes, both types, plain and native."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from interactive_train.autodiff import OPERATIONS, Tensor
from tests.autodiff.shapes import DTYPES, arrays, broadcastable

quick = settings(max_examples=60, deadline=None)
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "greater": np.greater,
    "less_equal": np.less_equal,
}
UNARY: dict[str, Callable[..., Any]] = {
    "negative": np.negative,
    "absolute": np.absolute,
    "exp": np.exp,
    "tanh": np.tanh,
    "square": np.square,
    "sign": np.sign,
    "sigmoid": scipy.special.expit,
    "erf": scipy.special.erf,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "softmax": lambda x: scipy.special.softmax(x, -1),
    "log_softmax": lambda x: scipy.special.log_softmax(x, -1),
}


def close(got: Tensor, want: Any, dtype: Any = np.float64) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape
    assert got.data.flags.c_contiguous
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", BINARY)
@quick
@given(data=st.data())
def test_two_operands_broadcast_as_numpy_says(name: str, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x, y = (data.draw(arrays(s, 0.5, 3, dtype)) for s in data.draw(broadcastable(2)))
    got = OPERATIONS[name](Tensor(x), Tensor(y))
    want = BINARY[name](x, y)
    assert got.dtype == want.dtype
    close(got, want, dtype)


@quick
@given(data=st.data())
def test_where_broadcasts_three_operands(data: st.DataObject) -> None:
    c, x, y = (data.draw(arrays(s)) for s in data.draw(broadcastable(3)))
    got: Any = np.where(Tensor(c) > 0, Tensor(x), Tensor(y))
    close(got, np.where(c > 0, x, y))


@pytest.mark.parametrize("name", UNARY)
@quick
@given(data=st.data())
def test_one_operand_of_any_shape(name: str, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x = data.draw(arrays(dtype=dtype))
    if "softmax" in name and (x.ndim == 0 or x.shape[-1] == 0):
        with pytest.raises(ValueError, match=name):
            OPERATIONS[name](Tensor(x))
        return
    close(OPERATIONS[name](Tensor(x)), UNARY[name](x) if x.size else np.zeros_like(x), dtype)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "logsumexp", "argmax"])
@quick
@given(data=st.data())
def test_reductions_over_any_axes(name: str, data: st.DataObject) -> None:
    x = data.draw(arrays())
    axes: st.SearchStrategy[Any] = st.none()
    if x.ndim:
        one = st.integers(-x.ndim, x.ndim - 1)
        axes |= one
        if name != "argmax":
            axes |= st.lists(
                st.integers(0, x.ndim - 1), unique=True, min_size=1, max_size=x.ndim
            ).map(tuple)
    axis, keepdims = data.draw(axes), data.draw(st.booleans())
    oracle: Any = (
        (lambda v, **options: np.log(np.sum(np.exp(v), **options)))
        if name == "logsumexp"
        else getattr(np, name)
    )
    count = x.size if axis is None else np.prod([x.shape[a] for a in np.atleast_1d(axis)])
    if count == 0 and name != "sum":
        with pytest.raises(ValueError, match="needs at least one element"):
            OPERATIONS[name](Tensor(x), axis=axis, keepdims=keepdims)
        return
    close(
        OPERATIONS[name](Tensor(x), axis=axis, keepdims=keepdims),
        oracle(x, axis=axis, keepdims=keepdims),
    )


@quick
@given(data=st.data())
def test_products_over_batches_that_broadcast(data: st.DataObject) -> None:
    extent = st.integers(0, 5)
    m, k, n = data.draw(extent), data.draw(extent), data.draw(extent)
    lead_a, lead_b = data.draw(
        broadcastable(2).filter(lambda shapes: all(len(s) < 3 for s in shapes))
    )
    a = data.draw(arrays((*lead_a, *((m,) if data.draw(st.booleans()) else ()), k)))
    b = data.draw(arrays((*lead_b, k, n) if data.draw(st.booleans()) else (k,)))
    try:
        want = a @ b
    except ValueError:
        with pytest.raises(ValueError, match="matmul"):
            Tensor(a) @ Tensor(b)
        return
    close(Tensor(a) @ Tensor(b), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_the_usual_sizes(dtype: Any) -> None:
    draw = np.random.default_rng(0)
    for m, k, n in ((1, 784, 10), (64, 64, 128), (129, 33, 257)):
        a, b = draw.normal(size=(m, k)).astype(dtype), draw.normal(size=(k, n)).astype(dtype)
        got = (Tensor(a) @ b).numpy()
        np.testing.assert_allclose(got, a.astype(float) @ b, rtol=1e-3, atol=1e-3)


MOVES: list[tuple[Callable[[Any], Any], tuple[int, ...]]] = [
    (lambda x: np.reshape(x, (6, 4)), (2, 3, 4)),
    (lambda x: x.reshape(-1), (2, 3, 4)),
    (lambda x: x.reshape(4, -1), (2, 3, 4)),
    (lambda x: x.reshape(0, 7), (0, 3)),
    (lambda x: np.transpose(x, (2, 0, 1)), (2, 3, 4)),
    (lambda x: np.transpose(x, (-1, 0, 1)), (2, 3, 4)),
    (lambda x: x.T, (2, 3, 4)),
    (lambda x: x.T, ()),
    (lambda x: np.swapaxes(x, 0, -1), (2, 3, 4)),
    (lambda x: np.swapaxes(x, 1, -1), (0, 3, 4)),
    (lambda x: np.squeeze(x), (1, 3, 1)),
    (lambda x: np.squeeze(x, axis=-1), (1, 3, 1)),
    (lambda x: np.expand_dims(x, (0, -1)), (3, 4)),
    (lambda x: np.broadcast_to(x, (2, 3, 4)), (3, 1)),
    (lambda x: np.broadcast_to(x, (0, 4)), (1, 4)),
    (lambda x: np.concatenate([x, x, x], axis=1), (2, 3)),
    (lambda x: np.concatenate([x, x[:, :0]], axis=-1), (2, 3)),
    (lambda x: np.stack([x, x], axis=-1), (2, 3)),
    (lambda x: np.clip(x, -0.5, 0.5), (2, 3)),
    (lambda x: np.clip(x, a_min=None, a_max=0.5), (2, 3)),
    (lambda x: x**2, (2, 3)),
    (lambda x: abs(-x) ** 0.5, (2, 3)),
    (lambda x: 2.0**x, (2, 3)),
    (lambda x: 1 - x / 2 + 3 * x - (x - 1), (2, 3)),
    (lambda x: 1.0 / (x + 5.0), (2, 3)),
    (lambda x: np.sqrt(np.abs(x)) + np.log(np.abs(x) + 1), (2, 3)),
    (lambda x: np.amax(x, axis=0) - np.amin(x, axis=0), (2, 3)),
]


@pytest.mark.parametrize(("move", "shape"), MOVES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_code_gives_the_same_on_tensors(
    move: Any, shape: tuple[int, ...], dtype: Any
) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(dtype)
    got, want = move(Tensor(x)), move(x)
    assert isinstance(got, Tensor)
    assert got.dtype == want.dtype
    close(got, want, dtype)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_integers_and_truth_values_can_be_moved_and_compared(dtype: Any) -> None:
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    t: Any = Tensor(x)
    move: Any
    for move in (
        lambda a: a.T,
        lambda a: a[1, ::2],
        lambda a: a.reshape(-1)[np.array([3, -1, 0])],
        lambda a: a[np.array([1, 0])],
        lambda a: np.concatenate([a, a], axis=0),
        lambda a: np.broadcast_to(a, (2, 2, 3, 4)),
        lambda a: a == a[0],
        lambda a: a != a,
    ):
        got = move(t)
        assert got.dtype == move(x).dtype
        np.testing.assert_array_equal(got.numpy(), move(x))
    right = np.argmax(Tensor([[0.0, 1.0], [2.0, 0.0]]), axis=1) == np.array([1, 1])
    assert float(right.mean()) == 0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_enormous_logits_stays_finite(dtype: Any) -> None:
    x = Tensor(np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype))
    for name in ("softmax", "log_softmax", "logsumexp"):
        assert np.isfinite(OPERATIONS[name](x).numpy()).all()
    np.testing.assert_allclose(OPERATIONS["log_softmax"](x).numpy()[1], -np.log(3), rtol=1e-6)
    infinite = Tensor(np.array([[-np.inf, -np.inf], [np.inf, 0.0]], dtype))
    np.testing.assert_array_equal(OPERATIONS["logsumexp"](infinite).numpy(), [-np.inf, np.inf])


def test_softmax_along_another_axis() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    for axis in (0, 1, -2):
        close(OPERATIONS["softmax"](Tensor(x), axis=axis), scipy.special.softmax(x, axis))


def test_the_mean_of_equal_numbers_is_that_number() -> None:
    for n in (3, 7, 49):
        assert float(np.mean(Tensor(np.full(n, 0.1)))) == pytest.approx(0.1, rel=1e-15)
