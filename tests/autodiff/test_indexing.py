"""Indexing equals NumPy's, for every index that it takes; others are refused, never misread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interactive_train.autodiff import Tensor
from interactive_train.autodiff.ops.indexing import add_rows, take, take_rows
from interactive_train.autodiff.ops.softmax import cross_entropy_rows

X = np.random.default_rng(0).normal(size=(3, 4, 5))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_basic_indices(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    got = Tensor(x)[index]
    np.testing.assert_array_equal(got.numpy(), x[index])
    assert got.shape == np.shape(x[index])


@pytest.mark.parametrize(
    "index",
    [
        np.array([0, 2, -1]),
        [2, 0],
        np.array([[0, 1], [2, 2]], np.uint8),
        np.array(1),
        range(2),
        np.zeros(0, np.int64),
        [],
        (np.arange(3), np.array([0, -1, 2])),
        (np.arange(3)[:, None], np.arange(4)),
        (np.arange(3), 1),
        (np.arange(3), np.int64(-2), [1, 1, 4]),
        np.array([0, 1], np.uint64),
    ],
    ids=repr,
)
def test_integer_arrays_in_front(index: Any) -> None:
    np.testing.assert_array_equal(Tensor(X)[index].numpy(), X[index])


def test_a_tensor_is_an_index() -> None:
    np.testing.assert_array_equal(Tensor(X)[Tensor([2, 0])].numpy(), X[[2, 0]])
    np.testing.assert_array_equal(Tensor(X)[np.int32(1)].numpy(), X[1])


@pytest.mark.parametrize("index", [True, np.True_, X > 0, [True, False, True], (0, True)], ids=repr)
def test_masks_are_refused(index: Any) -> None:
    with pytest.raises(TypeError, match=r"Tensor\[\.\.\.\]: a boolean mask has no fixed shape"):
        Tensor(X)[index]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((slice(None), np.array([0])), "without slices beside them"),
        ((np.array([0]), None), "without slices beside them"),
        (1.0, "an index is a whole number"),
        ("a", "an index is a whole number"),
        (np.array([0.5]), "an index is a whole number"),
    ],
)
def test_other_indices_are_refused(index: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tensor(X)[index]


@pytest.mark.parametrize("index", [3, -4, [0, 3], (np.array([0]), np.array([-5])), (0, 0, 0, 0)])
def test_what_is_out_of_range_is_refused(index: Any) -> None:
    with pytest.raises(IndexError):
        Tensor(X)[index]


def test_too_many_index_arrays_and_arrays_that_do_not_broadcast() -> None:
    one = np.array([0])
    with pytest.raises(IndexError, match=r"there are 3 axes; got 4 index arrays"):
        Tensor(X)[one, one, one, one]
    with pytest.raises(IndexError, match=r"must broadcast; got \(2,\) and \(3,\)"):
        Tensor(X)[np.arange(2), np.arange(3)]


def test_take_is_numpys_take() -> None:
    t: Any = Tensor(X)
    for axis in (None, 0):
        np.testing.assert_array_equal(
            np.asarray(np.take(t, [2, 0], axis=axis)), np.take(X, [2, 0], axis=axis)
        )
    with pytest.raises(IndexError, match=r"lies in -3 \.\.\. 2; got 3"):
        take(Tensor(X), [3], axis=0)


def test_a_kernel_names_the_index_and_its_position() -> None:
    table, at = Tensor(np.ones((3, 2))), Tensor([0, 5])
    with pytest.raises(
        IndexError, match=r"take_rows: every index lies in 0 \.\.\. 2; got 5 at pos"
    ):
        take_rows.apply([table, at], {})
    with pytest.raises(IndexError, match="got 5 at position 1"):
        add_rows.apply([Tensor(np.ones((2, 2))), at], {"height": 3})
    with pytest.raises(IndexError, match=r"every label lies in 0 \.\.\. 1; got 5 at position 1"):
        cross_entropy_rows.apply([Tensor(np.ones((2, 2))), at], {})


def test_labels_are_one_integer_for_each_row() -> None:
    with pytest.raises(ValueError, match="one int64 label for each of 2 rows"):
        cross_entropy_rows.apply([Tensor(np.ones((2, 2))), Tensor([0, 1, 0])], {})
    with pytest.raises(ValueError, match="one int64 label"):
        cross_entropy_rows.apply([Tensor(np.ones((2, 2))), Tensor([0.0, 1.0])], {})
