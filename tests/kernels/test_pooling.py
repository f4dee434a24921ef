"""The pooling kernels, native and plain, against windows of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels import pooling as kernels
from interactive_train.kernels.kernel import Kernel
from tests.kernels.fenced import FLOATING, WAYS, close, run

# (image, window, stride, padding): halves, odd halves, one line, overlaps, gaps, clipped windows
CASES = [
    ((4, 6), (2, 2), (2, 2), (0, 0)),
    ((5, 7), (2, 2), (2, 2), (0, 0)),
    ((1, 9), (1, 3), (1, 2), (0, 1)),
    ((5, 6), (3, 3), (2, 2), (1, 1)),
    ((7, 7), (2, 1), (3, 3), (0, 0)),
    ((3, 3), (2, 2), (2, 2), (1, 1)),
    ((2, 34), (2, 2), (2, 2), (0, 0)),
]
EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)


def sizes_of(case: Any, images: int = 2, channels: int = 3) -> tuple[list[int], tuple[int, ...]]:
    (height, width), window, stride, padding = case
    rows, columns = (
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip((height, width), window, stride, padding, strict=True)
    )
    sizes = [images, channels, height, width, rows, columns, *window, *stride, *padding]
    return sizes, (images, channels, rows, columns)


def windows(x: NDArray[Any], case: Any, shape: tuple[int, ...]) -> Any:
    """Yield (place in the output, rows, columns) of every window, clipped."""
    (height, width), window, stride, padding = case
    for i in range(shape[2]):
        for j in range(shape[3]):
            top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
            y = slice(max(top, 0), min(top + window[0], height))
            z = slice(max(left, 0), min(left + window[1], width))
            yield (slice(None), slice(None), i, j), (slice(None), slice(None), y, z)


def draw(dtype: Any, seed: int, shape: tuple[int, ...]) -> NDArray[Any]:
    values = np.random.default_rng(seed).normal(size=shape)
    return np.asarray(np.maximum(values.round(1), -0.5), dtype=dtype)  # with ties


def launch(kernel: Kernel, dtype: Any, way: str, shape: Any, *operands: Any) -> NDArray[Any]:
    code, got = run(kernel, dtype, np.full(shape, np.nan, dtype), *operands, way=way)
    assert code == 0
    return got


@EACH
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_largest_of_each_window_and_the_way_back(dtype: Any, way: str, case: Any) -> None:
    sizes, shape = sizes_of(case)
    x, g = draw(dtype, 0, (2, 3, *case[0])), draw(dtype, 1, shape)
    y, dx, picked = np.zeros(shape), np.zeros(x.shape), np.zeros(shape)
    h = draw(dtype, 2, x.shape)
    for at, place in windows(x, case, shape):
        part = x[place].reshape(2, 3, -1)
        first = part.argmax(-1)[..., None]
        y[at] = part.max(-1)
        picked[at] = np.take_along_axis(h[place].reshape(2, 3, -1), first, -1)[..., 0]
        share = np.zeros(part.shape)
        np.put_along_axis(share, first, g[at][..., None].astype(float), -1)
        dx[place] += share.reshape(x[place].shape)
    np.testing.assert_array_equal(launch(kernels.MAX_POOL, dtype, way, shape, x, *sizes), y)
    close(launch(kernels.MAX_POOL_GRADIENT, dtype, way, x.shape, g, x, *sizes), dx, dtype)
    if case[1:] == ((2, 2), (2, 2), (0, 0)):
        halves = kernels.MAX_POOL_HALVES_GRADIENT
        close(launch(halves, dtype, way, x.shape, g, x, *sizes[:6]), dx, dtype)
    np.testing.assert_array_equal(
        launch(kernels.MAX_POOL_PICK, dtype, way, shape, h, x, *sizes), picked
    )


@EACH
@pytest.mark.parametrize("with_pad", [0, 1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_average_of_each_window_and_the_way_back(
    dtype: Any, way: str, case: Any, with_pad: int
) -> None:
    sizes, shape = sizes_of(case)
    x, g = draw(dtype, 0, (2, 3, *case[0])), draw(dtype, 1, shape)
    y, dx = np.zeros(shape), np.zeros(x.shape)
    for at, place in windows(x, case, shape):
        part = x[place].astype(float)
        size = case[1][0] * case[1][1] if with_pad else part[0, 0].size
        y[at] = part.sum((2, 3)) / size
        dx[place] += g[at][..., None, None] / size
    close(launch(kernels.AVERAGE_POOL, dtype, way, shape, x, *sizes, with_pad), y, dtype)
    got = launch(kernels.AVERAGE_POOL_GRADIENT, dtype, way, x.shape, g, *sizes, with_pad)
    close(got, dx, dtype)


@EACH
@pytest.mark.parametrize("case", CASES, ids=str)
def test_nan_is_the_largest_and_gets_the_gradient(dtype: Any, way: str, case: Any) -> None:
    sizes, shape = sizes_of(case, 1, 1)
    x, g = draw(dtype, 0, (1, 1, *case[0])), np.ones(shape, dtype)
    x[0, 0, 0, 1] = np.nan
    y, touched = np.zeros(shape, bool), 0
    for at, place in windows(x, case, shape):
        y[at] = np.isnan(x[place]).any()
        touched += int(y[at].sum())
    got = launch(kernels.MAX_POOL, dtype, way, shape, x, *sizes)
    np.testing.assert_array_equal(np.isnan(got), y)
    back = launch(kernels.MAX_POOL_GRADIENT, dtype, way, x.shape, g, x, *sizes)
    assert back[0, 0, 0, 1] == touched
    if case[1:] == ((2, 2), (2, 2), (0, 0)):
        halves = kernels.MAX_POOL_HALVES_GRADIENT
        again = launch(halves, dtype, way, x.shape, g, x, *sizes[:6])
        np.testing.assert_array_equal(again, back)


@pytest.mark.parametrize(
    "change", [{6: 0}, {8: 0}, {10: 2}, {4: 4}, {5: 9}, {11: -1}, {0: -1}], ids=str
)
def test_a_window_outside_of_the_image_cannot_be_built(change: dict[int, int]) -> None:
    sizes, shape = sizes_of(CASES[0])
    for place, value in change.items():
        sizes[place] = value
    x, out = np.zeros(4000, np.float32), np.zeros(4000, np.float32)
    assert shape
    with pytest.raises(ValueError, match="max_pool"):
        run(kernels.MAX_POOL, FLOATING[0], out, x, *sizes)
