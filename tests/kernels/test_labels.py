"""Kernels of labels, native and plain: what they write, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.kernels import labels
from interactive_train.kernels.status import BAD_INDEX, encode
from tests.kernels.fenced import FLOATING, WAYS, run

EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)
ORACLES: dict[str, Any] = {
    "greater_integers": np.greater,
    "greater_equal_integers": np.greater_equal,
    "less_integers": np.less,
    "less_equal_integers": np.less_equal,
    "equal_integers": np.equal,
    "not_equal_integers": np.not_equal,
    "where_integers": np.where,
    "integers_to_float32": np.float32,
    "integers_to_float64": np.float64,
    "truths_to_float32": np.float32,
    "truths_to_float64": np.float64,
    "truths_to_integers": np.int64,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("expression", labels.EXPRESSIONS, ids=lambda e: e.name)
def test_every_expression_against_numpy(expression: Any, way: str) -> None:
    rng = np.random.default_rng(0)
    some: dict[str, Any] = {
        "i8": lambda: rng.choice([-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1], 50),
        "b1": lambda: rng.random(50) < 0.5,
    }
    operands = [some[kind]() for kind in expression.inputs.split()]
    expected = ORACLES[expression.name](*operands)
    kernel = expression.kernel("f" * len(operands))
    code, got = run(kernel, FLOATING[0], np.zeros(50, expected.dtype), *operands, 50, way=way)
    assert code == 0
    np.testing.assert_array_equal(got, expected)


@EACH
@pytest.mark.parametrize("shape", [(4, 5), (1, 1), (0, 3)])
def test_one_hot(dtype: Any, way: str, shape: tuple[int, int]) -> None:
    rows, columns = shape
    label = np.random.default_rng(0).integers(0, columns, rows)
    code, got = run(labels.ONE_HOT, dtype, np.full(shape, np.nan, dtype), label, *shape, way=way)
    assert code == 0
    np.testing.assert_array_equal(got, np.eye(columns)[label])


@EACH
@pytest.mark.parametrize("extents", [(4, 5, 1), (3, 2, 6), (0, 3, 2), (2, 3, 0)])
def test_picking_and_placing_are_adjoint(
    dtype: Any, way: str, extents: tuple[int, int, int]
) -> None:
    rows, columns, picks = extents
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(rows, columns)), rng.normal(size=(rows, picks))
    label = rng.integers(0, columns, (rows, picks))
    x, g = x.astype(dtype), g.astype(dtype)
    out, back = np.full(g.shape, np.nan, dtype), np.full(x.shape, np.nan, dtype)
    _, picked = run(labels.PICK, dtype, out, x, label, *extents, way=way)
    np.testing.assert_array_equal(picked, np.take_along_axis(x, label, 1))
    _, placed = run(labels.PLACE, dtype, back, g, label, *extents, way=way)
    np.testing.assert_allclose((placed * x).sum(), (g * picked).sum(), rtol=1e-5)


@EACH
@pytest.mark.parametrize("bad", [-1, 3])
def test_a_label_out_of_range_is_a_status(dtype: Any, way: str, bad: int) -> None:
    label = np.array([0, 2, bad, 1], np.int64)
    wide, tall = np.zeros((4, 3), dtype), np.zeros((4, 1), dtype)
    column = label.reshape(4, 1)
    found = [
        run(labels.ONE_HOT, dtype, wide, label, 4, 3, way=way)[0],
        run(labels.PICK, dtype, tall, wide, column, 4, 3, 1, way=way)[0],
        run(labels.PLACE, dtype, wide, tall, column, 4, 3, 1, way=way)[0],
    ]
    assert found == [encode(BAD_INDEX, 2)] * 3
