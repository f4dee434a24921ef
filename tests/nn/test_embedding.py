"""Embedding: rows of a table, their gradient, and the table as an output layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from interactive_train.machine.eager import execution


def table(dtype: Any = np.float64) -> Any:
    return nn.init(nn.Embedding(7, 4), seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", ["native", "checked"])
@pytest.mark.parametrize(
    "index",
    [
        np.array([[0, 6, 3], [3, 3, 1]]),
        np.array([[1, 2], [3, 4]], np.int32)[:, ::-1],
        np.array(5),
        np.zeros((2, 0), np.int64),
        np.array([[[1]], [[2]]], np.uint8),
        [1, 2],
    ],
    ids=str,
)
def test_rows_are_those_of_the_table(dtype: Any, way: Any, index: Any) -> None:
    layer = table(dtype)
    with execution(way):
        y = layer(index)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.numpy(), layer.weight[np.asarray(index)])


def test_the_gradient_adds_what_falls_on_a_row() -> None:
    index = np.array([[0, 6, 3], [3, 3, 1]])
    g = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer = table()
    _, pull = it.vjp(lambda w: layer.apply({"weight": w}, {}, index)[0], layer.weight)
    want = np.zeros((7, 4))
    np.add.at(want, index, g)
    np.testing.assert_allclose(pull(g)[0].numpy(), want, rtol=1e-14)


def test_first_and_second_order_with_tied_output() -> None:
    layer, index = table(), np.array([[0, 6], [3, 3]])

    def logits(weight: Any) -> Any:
        twin = nn.init(layer, dtype=np.float64)
        twin.weight = weight
        return twin.attend(np.tanh(twin(it.Tensor(index))))

    w = np.random.default_rng(0).normal(size=(7, 4))
    np.testing.assert_allclose(logits(w).numpy(), np.tanh(w[index]) @ w.T, rtol=1e-13)
    it.check_grads(logits, (w,), order=2)


def test_attend_is_the_product_with_the_transposed_table() -> None:
    layer = table(np.float32)
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    for given in (x, x[0], x[0, 0], x[:0]):
        np.testing.assert_allclose(
            layer.attend(given).numpy(), given @ layer.weight.T, rtol=1e-5, atol=1e-7
        )
    with pytest.raises(ValueError, match=r"nn\.Embedding\.attend: the last axis .* has 4 features"):
        layer.attend(x[..., :3])


@pytest.mark.parametrize("way", ["native", "checked"])
@pytest.mark.parametrize("wrong", [7, -1, 2**40])
def test_an_index_out_of_range_is_named_with_its_position(way: Any, wrong: int) -> None:
    message = rf"nn\.Embedding: every index lies in 0 \.\.\. 6; got {wrong} at position \(1, 0\)"
    with execution(way), pytest.raises(IndexError, match=message):
        table()(np.array([[0, 1], [wrong, 3]]))


@pytest.mark.parametrize("wrong", [np.zeros(2), np.array([True, False]), [1.5]])
def test_other_types_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"nn\.Embedding: the input is of integers"):
        table()(wrong)


def test_declarations_are_checked() -> None:
    with pytest.raises(ValueError, match=r"nn\.Embedding: vocabulary is a positive integer"):
        nn.Embedding(0, 3)
    ones = nn.init(nn.Embedding(2, 3, weight_init=nn.initializers.ones))
    np.testing.assert_array_equal(ones.weight, np.ones((2, 3)))
