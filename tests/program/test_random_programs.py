"""Random functions and their gradients: recorded, optimised and sharded as eager execution says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interactive_train import nn
from interactive_train.autodiff.tensor import Tensor
from interactive_train.program.compile import PASSES, optimised
from tests.program.fits import draw
from tests.program.programs import eagerly, recorded, run, with_gradients

MOST = 400  # elements of a value
BATCH = 6
ARRAYS = [
    draw(BATCH, 4), draw(BATCH, 3, 4, seed=1), draw(4, 4, seed=2), draw(4, seed=3), draw(seed=4),
]  # fmt: skip
BATCHED = (0, 1)
SMOOTH: list[Any] = [np.tanh, lambda t: np.exp(-t * t), nn.relu, nn.sigmoid]
Move = tuple[int, int, int, int]  # what, of which value, with which other one, how
MOVES = st.lists(st.tuples(st.integers(0, 14), *[st.integers(0, 11)] * 3), min_size=2, max_size=9)


def moved(move: Move, values: list[Any]) -> Any:
    """Return the value that a move makes; None where shapes do not allow it."""
    what, i, j, how = move
    x, y = values[-1 - i % len(values)], values[-1 - j % len(values)]
    axis = how % x.ndim if x.ndim else None
    if what <= 3:
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return None
        return [x + y, x - y, x * y, x / (y * y + 1.0)][what]
    if what == 4:
        return SMOOTH[how % 4](x)
    if what == 5 and x.ndim:
        return x.sum(axis, keepdims=how % 2 == 0)
    if what == 6 and x.ndim:
        return [x.mean(axis), x.max(axis), x.sum()][how % 3]
    if what == 7 and x.ndim >= 1 and y.ndim == 2 and x.shape[-1] == y.shape[0]:
        return x @ y
    if what == 8 and x.ndim and x.shape[0] > 1:
        return [x[1:], x[:-1], x[::2], x[0], x[..., ::-1], x[..., :1]][how % 6]
    if what == 9 and x.ndim > 1:
        return x.reshape(-1) if how % 2 else x.reshape(x.shape[0], -1)
    if what == 10 and x.ndim > 1:
        return np.transpose(x) if how % 2 else np.swapaxes(x, 0, -1)
    if what == 11 and x.ndim and x.ndim == y.ndim and x.shape[1:] == y.shape[1:]:
        return np.concatenate([x, y], 0)
    if what == 12 and x.ndim:
        return nn.softmax(x) if how % 2 else nn.log_softmax(x)
    if what == 13 and x.shape == y.shape:
        return np.where(x > 0.1, x, y * 0.5)
    if what == 14 and x.ndim == 3 and y.ndim == 3 and x.shape[0] == y.shape[0]:
        other = np.swapaxes(y, 1, 2)
        return x @ other if x.shape[2] == y.shape[2] else None
    return None


def loss_of(moves: list[Move]) -> Any:
    def loss(*tensors: Tensor) -> Any:
        values: list[Any] = list(tensors)
        for move in moves:
            made = moved(move, values)
            if made is not None and 0 < made.size <= MOST:
                values.append(made)
        total = np.tanh(values[-1]).mean()
        for value in values[-3:-1]:
            total = total + 0.3 * np.tanh(value).sum()
        return total

    return with_gradients(loss, 0, 2, 3, 4)


Z = (0, 0, 0, 0)


# Sums over one row, and pieces of a value beside the whole, that once closed a circle.
@example([(0, 0, 2, 0), Z, (0, 3, 3, 0), (5, 1, 0, 0), Z, Z, Z, Z, Z, (0, 0, 6, 0)])
@example([(0, 0, 1, 0), *[Z] * 9, (8, 8, 0, 9), (0, 0, 9, 0), Z, Z])
@given(MOVES)
@settings(max_examples=40)
def test_a_random_function_is_what_eager_execution_says(moves: list[Move]) -> None:
    function = loss_of(moves)
    expected = eagerly(function, ARRAYS)
    program = recorded(function, ARRAYS, BATCHED)
    whole = optimised(program)
    for shards in (1, 2):
        for ours, right in zip(run(whole, ARRAYS, shards, BATCH), expected, strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", PASSES)
@given(MOVES)
@settings(max_examples=8)
def test_any_pass_may_be_left_out(name: str, moves: list[Move]) -> None:
    function = loss_of(moves)
    expected = eagerly(function, ARRAYS)
    program = recorded(function, ARRAYS, BATCHED)
    for found in (optimised(program, [name]), optimised(program, [p for p in PASSES if p != name])):
        for shards in (1, 3):
            for ours, right in zip(run(found, ARRAYS, shards, BATCH), expected, strict=True):
                np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-11)
