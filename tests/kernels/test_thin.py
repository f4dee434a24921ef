"""Products that are a few elements wide: every kind against NumPy, and by shapes alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train.kernels.thin import PAIRS, THIN, thin_kind, thin_product


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("transpose_b", [0, 1])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 7), (64, 33), (3, 2 * PAIRS + 5)])
def test_a_thin_product_is_the_product(
    m: int, n: int, k: int, transpose_b: int, dtype: Any
) -> None:
    kind = thin_kind(m, n, k, 0, transpose_b)
    if kind == 0:
        assert transpose_b
        assert k == THIN
        return
    draw = np.random.default_rng(m + n + k)
    a = draw.standard_normal((m, k + 2)).astype(dtype)  # rows lie further apart than they are wide
    b = draw.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    out = np.empty((m, n), dtype)
    leads = (k + 2, b.shape[1], n)
    pairs = np.empty(2 * PAIRS, dtype)
    thin_product(out.reshape(-1), a.reshape(-1), b.reshape(-1), m, n, k, *leads, kind, pairs)
    wide = a[:, :k] @ (b.T if transpose_b else b)
    np.testing.assert_allclose(out, wide, rtol=1e-5 if dtype is np.float32 else 1e-12, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_products_and_their_gradients_run_natively(k: int, dtype: Any) -> None:
    draw = np.random.default_rng(k)
    x = draw.standard_normal((9, k)).astype(dtype)
    w = draw.standard_normal((k, 2 * PAIRS + 17)).astype(dtype)
    g = draw.standard_normal((9, k)).astype(dtype)
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(it.Tensor(x) @ it.Tensor(w), x @ w, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        it.Tensor(g) @ it.Tensor(w.T.copy()).T, g @ w, rtol=tolerance, atol=tolerance
    )


def test_what_is_thin_is_decided_by_shapes() -> None:
    assert thin_kind(64, 32, 3, 0, 0) == thin_kind(64, 32, 1, 0, 1) == 1
    assert (thin_kind(64, 32, 2, 0, 0), thin_kind(64, 32, 2, 0, 1)) == (2, 3)
    assert thin_kind(64, 32, 32, 0, 0) == thin_kind(2, 32, 64, 1, 0) == 0
