"""Products by the library: small right sides that lie across are turned first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train.kernels.gemm import FEW, SMALL, TURNED

SHAPES = [
    (64, 32, 32),
    (FEW, 16, 48),
    (FEW - 1, 16, 48),
    (33, 96, 64),
    (40, 33, 16),
    (40, 16, 33),
    (70, 128, 112),  # too large to be turned
    (1, 16, 16),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_a_product_with_a_transposed_side_is_the_product(
    m: int, n: int, k: int, dtype: Any
) -> None:
    draw = np.random.default_rng(m + n + k)
    a, b = (draw.standard_normal(shape).astype(dtype) for shape in ((m, k), (n, k)))
    expected = a.astype(np.float64) @ b.T.astype(np.float64)
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(it.Tensor(a) @ it.Tensor(b).T, expected, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_matrix_of_a_batch_is_turned_for_itself(dtype: Any) -> None:
    draw = np.random.default_rng(0)
    a = draw.standard_normal((3, 40, 16)).astype(dtype)
    b = draw.standard_normal((3, 32, 16)).astype(dtype)
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    turned = it.Tensor(b).transpose(0, 2, 1)
    np.testing.assert_allclose(it.Tensor(a) @ turned, a @ b.transpose(0, 2, 1), atol=tolerance)
    np.testing.assert_allclose(
        it.Tensor(a) @ it.Tensor(b[0]).T, a @ b[0].T, atol=tolerance
    )  # one for all


def test_what_is_turned_fits_its_place() -> None:
    assert TURNED * FEW < SMALL
