"""Integers, truth values and labels: compared, chosen, made floats, against NumPy."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interactive_train.autodiff.check import check_grads
from interactive_train.autodiff.ops.labels import chosen, one_hot, take_along_axis
from interactive_train.autodiff.tensor import Tensor

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")
}
INTEGERS = st.integers(-(2**63), 2**63 - 1)
choose: Any = np.where  # of Tensors
along: Any = np.take_along_axis
SHAPES = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4)


@pytest.mark.parametrize("name", COMPARISONS)
@given(data=st.data(), shapes=SHAPES)
def test_integers_compare_as_in_numpy(name: str, data: Any, shapes: Any) -> None:
    elements = st.one_of(st.integers(-2, 2), INTEGERS)
    x, y = (data.draw(hnp.arrays(np.int64, s, elements=elements)) for s in shapes.input_shapes)
    compare = COMPARISONS[name]
    for found in (compare(Tensor(x), Tensor(y)), compare(Tensor(x), y)):
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found.numpy(), compare(x, y))
    number = data.draw(st.integers(-2, 2))
    np.testing.assert_array_equal(compare(Tensor(x), number).numpy(), compare(x, number))
    np.testing.assert_array_equal(compare(Tensor(x), Tensor(y > 0)).numpy(), compare(x, y > 0))
    truths = compare(Tensor(x > 0), Tensor(y > 0))
    np.testing.assert_array_equal(truths.numpy(), compare(x > 0, y > 0))


@given(data=st.data(), shapes=hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3))
def test_a_choice_between_integers_is_one_of_them(data: Any, shapes: Any) -> None:
    first, second, third = shapes.input_shapes
    condition = data.draw(hnp.arrays(np.bool_, first))
    x, y = (data.draw(hnp.arrays(np.int64, s, elements=INTEGERS)) for s in (second, third))
    found = choose(Tensor(condition), Tensor(x), Tensor(y))
    np.testing.assert_array_equal(found.numpy(), np.where(condition, x, y))
    assert found.dtype == np.int64
    zero = choose(Tensor(condition), Tensor(x), 0)
    np.testing.assert_array_equal(zero.numpy(), np.where(condition, x, 0))


def test_numbers_alone_are_floats_as_ever() -> None:
    found = choose(Tensor([True, False]), 1, 0)
    assert found.dtype == np.float64


@pytest.mark.parametrize("to", [np.float32, np.float64])
@given(data=st.data(), shape=hnp.array_shapes(min_dims=0, min_side=0))
def test_integers_and_truth_values_become_floats(to: Any, data: Any, shape: Any) -> None:
    for dtype in (np.int64, np.bool_):
        x = data.draw(hnp.arrays(dtype, shape))
        found = Tensor(x).astype(to)
        assert found.dtype == to
        np.testing.assert_array_equal(found.numpy(), x.astype(to))
    assert float(np.sum(Tensor(x))) == x.sum()  # how many hold


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (0,), ()])
def test_one_hot_rows(dtype: Any, shape: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).integers(0, 4, shape)
    found = one_hot(Tensor(labels), 4, dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), np.eye(4)[labels])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), [((4, 5), 1), ((4, 5), 0), ((2, 3, 4), 1), ((6,), -1)])
def test_elements_along_an_axis_as_in_numpy(dtype: Any, shape: Any, axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(dtype)
    for picks in (1, 3, 0):
        wanted = list(shape)
        wanted[axis] = picks
        index = rng.integers(-shape[axis], shape[axis], wanted)
        for given_index in (index, Tensor(index)):
            found = along(Tensor(x), given_index, axis=axis)
            np.testing.assert_array_equal(
                np.asarray(found), np.take_along_axis(x, index, axis=axis)
            )


def test_the_gradient_of_picking_adds_up() -> None:
    x = np.random.default_rng(1).normal(size=(3, 4))
    index = np.array([[0, 0, 3], [1, 2, 2], [3, 3, 3]])
    check_grads(lambda t: (take_along_axis(t, index) ** 3.0).sum(), (x,))


def test_labels_that_do_not_count() -> None:
    counts, labels = chosen(Tensor([3, -1, 0]), -1)
    assert counts.numpy().tolist() == [True, False, True]
    assert labels.numpy().tolist() == [3, 0, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: one_hot(Tensor([0, 4]), 4, "f"), IndexError, r"one_hot: .*0 \.\.\. 3; got 4 at"),
        (
            lambda: take_along_axis(np.ones((1, 3)), [[3]]),
            IndexError,
            r"take_along_axis: indices lie in -3 \.\.\. 2; got 3 at index \(0, 0\)",
        ),
        (lambda: take_along_axis(np.ones(3), [0.5]), TypeError, "indices are integers; got float"),
        (
            lambda: take_along_axis(np.ones((2, 3)), [0, 1]),
            ValueError,
            r"For one label per row give labels\[:, None\]",
        ),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
