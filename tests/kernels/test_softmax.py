"""Softmax and its like over rows as long as several vectors, whose largest may stand anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from interactive_train.kernels.softmax import (
    CROSS_ENTROPY_ROWS,
    CROSS_ENTROPY_ROWS_GRADIENT,
    LOG_SOFTMAX,
    SOFTMAX,
)
from tests.kernels.fenced import FLOATING, WAYS, close, run

EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)
COLUMNS = [1, 15, 16, 17, 64, 131]


@EACH
@pytest.mark.parametrize("columns", COLUMNS)
def test_the_largest_logit_is_found_wherever_it_stands(
    dtype: np.dtype[Any], way: str, columns: int
) -> None:
    rng = np.random.default_rng(0)
    x = -rng.uniform(1, 2, (columns, columns)).astype(dtype)
    x += np.eye(columns, dtype=dtype) * 1000  # else exp overflows
    x -= np.arange(columns, dtype=dtype)[:, None] * 50  # both signs
    labels = rng.integers(0, columns, columns)
    g = rng.normal(size=columns).astype(dtype)
    wide = x.astype(float)
    logs = scipy.special.log_softmax(wide, 1)
    _, got = run(SOFTMAX, dtype, np.zeros_like(x), x, *x.shape, way=way)
    close(got, scipy.special.softmax(wide, 1), dtype, scale=4)
    _, got = run(LOG_SOFTMAX, dtype, np.zeros_like(x), x, *x.shape, way=way)
    close(got, logs, dtype, scale=4)
    out = np.zeros(columns, dtype)
    _, got = run(CROSS_ENTROPY_ROWS, dtype, out, x, labels, *x.shape, way=way)
    close(got, -logs[np.arange(columns), labels], dtype, scale=4)
    _, got = run(
        CROSS_ENTROPY_ROWS_GRADIENT, dtype, np.zeros_like(x), g, x, labels, *x.shape, way=way
    )
    close(got, g[:, None] * (np.exp(logs) - np.eye(columns)[labels]), dtype, scale=4)


@EACH
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_nan_of_either_sign_makes_its_row_nan_and_no_other(
    dtype: np.dtype[Any], way: str, columns: int, sign: float
) -> None:
    x = np.random.default_rng(0).normal(size=(3, columns)).astype(dtype)
    for place in {0, columns // 2, columns - 1}:
        bad = x.copy()
        bad[1, place] = np.copysign(np.nan, sign)
        for kernel in (SOFTMAX, LOG_SOFTMAX):
            _, got = run(kernel, dtype, np.zeros_like(x), bad, *x.shape, way=way)
            assert np.isnan(got[1]).all()
            assert np.isfinite(got[[0, 2]]).all()
        labels = np.zeros(3, np.int64)
        _, got = run(CROSS_ENTROPY_ROWS, dtype, np.zeros(3, dtype), bad, labels, *x.shape, way=way)
        np.testing.assert_array_equal(np.isnan(got), [False, True, False])


@EACH
def test_an_infinite_logit_is_told_from_a_masked_one(dtype: np.dtype[Any], way: str) -> None:
    x = np.full((3, 40), -np.inf, dtype)
    x[0, 7] = 1.0
    x[1, :20] = 0.0
    _, got = run(SOFTMAX, dtype, np.ones_like(x), x, *x.shape, way=way)
    np.testing.assert_array_equal(got[0], np.eye(40)[7])
    np.testing.assert_allclose(got[1], np.repeat([0.05, 0.0], 20), rtol=1e-6)
    assert np.isnan(got[2]).all()  # nothing is left to choose from


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_equal_rows_give_equal_bits_and_so_do_parts(dtype: np.dtype[Any]) -> None:
    x = np.tile(np.random.default_rng(0).normal(size=131).astype(dtype), (5, 1))
    for kernel in (SOFTMAX, LOG_SOFTMAX):
        _, whole = run(kernel, dtype, np.zeros_like(x), x, *x.shape)
        _, part = run(kernel, dtype, np.zeros_like(x[:2]), x[:2], 2, 131)
        assert kernel.parallel == ("rows",)
        assert {row.tobytes() for row in (*whole, *part)} == {whole[0].tobytes()}
