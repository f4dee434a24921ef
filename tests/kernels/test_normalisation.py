"""The kernels of normalisation and of sums per channel, native and plain, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels import normalisation, reduction
from tests.kernels.fenced import FLOATING, WAYS, close, run

EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)
ROWS = [(1, 1), (3, 4), (2, 33), (5, 128), (0, 3), (2, 0)]
CHANNELS = [(1, 1, 1), (2, 3, 4), (4, 7, 1), (5, 2, 33), (0, 3, 2), (2, 0, 5), (2, 5, 0)]
EPS = 1e-5


def draw(dtype: np.dtype[Any], *shape: int, seed: int = 0) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(seed).normal(1.0, 2.0, size=shape).astype(dtype))


def numbers(dtype: np.dtype[Any], columns: int) -> NDArray[Any]:
    return np.array([EPS, columns], dtype)


def scale_of(squares: NDArray[Any]) -> Any:
    return 1.0 / np.sqrt(squares.mean(-1, keepdims=True) + EPS)


@EACH
@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.filterwarnings("ignore:.*(empty slice|invalid value|divide).*:RuntimeWarning")
def test_a_row_is_normalised(dtype: Any, way: str, shape: tuple[int, int], centred: bool) -> None:
    x = draw(dtype, *shape)
    kernel = normalisation.NORMALISE_ROWS if centred else normalisation.NORMALISE_RMS
    out = np.full(shape, np.nan, dtype)
    code, got = run(kernel, dtype, out, x, numbers(dtype, shape[1]), *shape, way=way)
    exact = x.astype(float) - (x.astype(float).mean(-1, keepdims=True) if centred else 0.0)
    assert code == 0
    close(got, exact * scale_of(exact**2), dtype, scale=10)


@EACH
@pytest.mark.parametrize("shape", [s for s in ROWS if s[1] > 1])
@pytest.mark.parametrize("centred", [True, False])
def test_the_gradient_of_a_row(dtype: Any, way: str, shape: tuple[int, int], centred: bool) -> None:
    x, g = draw(dtype, *shape), draw(dtype, *shape, seed=1)
    kernel = (
        normalisation.NORMALISE_ROWS_GRADIENT if centred else normalisation.NORMALISE_RMS_GRADIENT
    )
    out = np.full(shape, np.nan, dtype)
    code, got = run(kernel, dtype, out, g, x, numbers(dtype, shape[1]), *shape, way=way)
    exact, wide = x.astype(float), g.astype(float)
    if centred:
        exact = exact - exact.mean(-1, keepdims=True)
        wide = wide - wide.mean(-1, keepdims=True)
    r = scale_of(exact**2)
    y = exact * r
    assert code == 0
    close(got, (wide - y * (y * wide).mean(-1, keepdims=True)) * r, dtype, scale=50)


@EACH
def test_a_mean_far_from_zero_costs_no_digits(dtype: Any, way: str) -> None:
    spread = np.tile(np.array([-1.0, 1.0], dtype), 64)[None]
    x = spread + dtype.type(4096.0)
    out = np.zeros_like(x)
    few = numbers(dtype, 128)
    _, got = run(normalisation.NORMALISE_ROWS, dtype, out, x, few, 1, 128, way=way)
    close(got, spread / np.sqrt(1.0 + EPS), dtype)
    g = draw(dtype, 1, 128)
    kernel = normalisation.NORMALISE_ROWS_GRADIENT
    _, far = run(kernel, dtype, out, g, x, few, 1, 128, way=way)
    _, near = run(kernel, dtype, out, g, spread, few, 1, 128, way=way)
    close(far, near, dtype, scale=5)


@EACH
def test_a_row_with_nan_is_nan_and_leaves_the_others(dtype: Any, way: str) -> None:
    x = draw(dtype, 3, 8)
    x[1, 5] = np.nan
    out = np.zeros_like(x)
    for kernel in (normalisation.NORMALISE_ROWS, normalisation.NORMALISE_RMS):
        _, got = run(kernel, dtype, out, x, numbers(dtype, 8), 3, 8, way=way)
        assert np.isnan(got).all(axis=1).tolist() == [False, True, False]


@EACH
@pytest.mark.parametrize("extents", CHANNELS)
def test_sums_per_channel(dtype: Any, way: str, extents: tuple[int, int, int]) -> None:
    x, g = draw(dtype, *extents), draw(dtype, *extents, seed=1)
    centre = draw(dtype, extents[1], seed=2)
    out = np.full(extents[1], np.nan, dtype)
    wide, apart = x.astype(float), x.astype(float) - centre[:, None]
    code, total = run(reduction.SUM_OUTER_INNER, dtype, out, x, *extents, way=way)
    assert code == 0
    close(total, wide.sum((0, 2)), dtype, scale=100)
    _, squares = run(normalisation.CHANNEL_SQUARES, dtype, out, x, centre, *extents, way=way)
    close(squares, (apart**2).sum((0, 2)), dtype, scale=100)
    operands = (out, g, x, centre, *extents)
    _, products = run(normalisation.CHANNEL_PRODUCTS, dtype, *operands, way=way)
    close(products, (g * apart).sum((0, 2)), dtype, scale=100)


@pytest.mark.parametrize(
    "kernel",
    [
        reduction.SUM_OUTER_INNER,
        normalisation.CHANNEL_SQUARES,
        normalisation.NORMALISE_ROWS,
        normalisation.NORMALISE_ROWS_GRADIENT,
    ],
    ids=lambda kernel: kernel.name,
)
def test_parts_of_the_batch_make_the_whole(kernel: Any) -> None:
    dtype = FLOATING[1]
    channels = bool(kernel.summed)
    rest: tuple[int, ...] = (3, 4) if channels else (12,)

    def part(first: int, last: int) -> NDArray[Any]:
        count = last - first
        values = {
            name: draw(dtype, 6, *rest, seed=seed)[first:last]
            for seed, name in enumerate(("x", "g"))
        }
        values |= {"mean": draw(dtype, 3, seed=2), "numbers": numbers(dtype, 12)}
        out = np.zeros(3 if channels else (count, 12), dtype)
        sizes = {"outer": count, "rows": count, "columns": 12}
        sizes |= {"channels": 3, "middle": 3, "inner": 4}
        given: dict[str, Any] = {**values, **sizes}
        operands = [given[operand.name] for operand in kernel.operands[1:]]
        return run(kernel, dtype, out, *operands)[1]

    parts = [part(0, 2), part(2, 6)]
    whole = parts[0] + parts[1] if channels else np.concatenate(parts)
    np.testing.assert_allclose(part(0, 6), whole, rtol=1e-12)
