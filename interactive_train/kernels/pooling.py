"""Pooling over windows of an image: the largest value, the average, and the ways back.

Window (i, j) covers rows i s - p ... i s - p + window - 1, clipped to the image. The place of the
largest value is found again where it is needed, so that nothing but the image is kept: the first
of equals, and a NaN before everything else. Windows of 2 x 2, two apart, have loops of their
own, since those the compiler turns into vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interactive_train.kernels.kernel import Kernel


def max_pool(
    out: Any,
    x: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    window_y: int,
    window_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
) -> int:
    """out[n, c, i, j] = max of x[n, c] over window (i, j); NaN if one of them is NaN."""
    halves = window_y == 2 and window_x == 2 and stride_y == 2 and stride_x == 2
    halves = halves and pad_y == 0 and pad_x == 0
    for n in range(images):
        for c in range(channels):
            for i in range(rows):
                if halves:
                    for j in range(columns):
                        best = x[n, c, 2 * i, 2 * j]
                        v = x[n, c, 2 * i, 2 * j + 1]
                        best = v if (v > best or v != v) else best
                        v = x[n, c, 2 * i + 1, 2 * j]
                        best = v if (v > best or v != v) else best
                        v = x[n, c, 2 * i + 1, 2 * j + 1]
                        out[n, c, i, j] = v if (v > best or v != v) else best
                    continue
                top, bottom = i * stride_y - pad_y, i * stride_y - pad_y + window_y
                top, bottom = max(top, 0), min(bottom, height)
                for j in range(columns):
                    left, right = j * stride_x - pad_x, j * stride_x - pad_x + window_x
                    left, right = max(left, 0), min(right, width)
                    best = x[n, c, top, left]
                    for y in range(top, bottom):
                        for z in range(left, right):
                            v = x[n, c, y, z]
                            best = v if (v > best or v != v) else best
                    out[n, c, i, j] = best
    return 0


def max_pool_gradient(
    out: Any,
    g: Any,
    x: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    window_y: int,
    window_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
) -> int:
    """out[n, c, y, z] = sum of g[n, c, i, j] over the windows whose largest value is there."""
    for n in range(images):
        for c in range(channels):
            for y in range(height):
                for z in range(width):
                    out[n, c, y, z] = 0.0
            for i in range(rows):
                top, bottom = i * stride_y - pad_y, i * stride_y - pad_y + window_y
                top, bottom = max(top, 0), min(bottom, height)
                for j in range(columns):
                    left, right = j * stride_x - pad_x, j * stride_x - pad_x + window_x
                    left, right = max(left, 0), min(right, width)
                    best, at_y, at_z = x[n, c, top, left], top, left
                    for y in range(top, bottom):
                        for z in range(left, right):
                            v = x[n, c, y, z]
                            if v > best or v != v:
                                best, at_y, at_z = v, y, z
                    out[n, c, at_y, at_z] += g[n, c, i, j]
    return 0


def max_pool_halves_gradient(
    out: Any,
    g: Any,
    x: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
) -> int:
    """Do the same for windows of 2 x 2, two apart: every element belongs to one at most."""
    for n in range(images):
        for c in range(channels):
            for y in range(height):
                for z in range(width):
                    out[n, c, y, z] = 0.0
            for i in range(rows):
                for j in range(columns):
                    best = x[n, c, 2 * i, 2 * j]
                    v = x[n, c, 2 * i, 2 * j + 1]
                    one = (v > best) | (v != v)
                    best = v if one else best
                    v = x[n, c, 2 * i + 1, 2 * j]
                    two = (v > best) | (v != v)
                    best = v if two else best
                    v = x[n, c, 2 * i + 1, 2 * j + 1]
                    three = (v > best) | (v != v)
                    given = g[n, c, i, j]
                    upper = 0.0 if three | two else given
                    lower = 0.0 if three else given
                    out[n, c, 2 * i, 2 * j] = 0.0 if one else upper
                    out[n, c, 2 * i, 2 * j + 1] = upper if one else 0.0
                    out[n, c, 2 * i + 1, 2 * j] = lower if two else 0.0
                    out[n, c, 2 * i + 1, 2 * j + 1] = given if three else 0.0
    return 0


_HALVES = """
def max_pool_halves_gradient(out, g, x, images, channels, height, width, rows, columns):
    item = out.itemsize
    for plane in range(images * channels):
        to, x_at = out.ctypes.data, x.ctypes.data
        if height != 2 * rows or width != 2 * columns:
            copy(T(0.0), to + plane * height * width * item, 0, height * width)
        for i in range(rows):
            at = (plane * height + 2 * i) * width * item
            put_back(T(0.0), to + at, g.ctypes.data + (plane * rows + i) * columns * item,
                     x_at + at, width * item, columns)
    return 0
"""


def max_pool_pick(
    out: Any,
    h: Any,
    x: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    window_y: int,
    window_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
) -> int:
    """out[n, c, i, j] = h[n, c] where x[n, c] is largest in window (i, j)."""
    for n in range(images):
        for c in range(channels):
            for i in range(rows):
                top, bottom = i * stride_y - pad_y, i * stride_y - pad_y + window_y
                top, bottom = max(top, 0), min(bottom, height)
                for j in range(columns):
                    left, right = j * stride_x - pad_x, j * stride_x - pad_x + window_x
                    left, right = max(left, 0), min(right, width)
                    best, at_y, at_z = x[n, c, top, left], top, left
                    for y in range(top, bottom):
                        for z in range(left, right):
                            v = x[n, c, y, z]
                            if v > best or v != v:
                                best, at_y, at_z = v, y, z
                    out[n, c, i, j] = h[n, c, at_y, at_z]
    return 0


def average_pool(
    out: Any,
    x: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    window_y: int,
    window_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
    with_pad: int,
) -> int:
    """out[n, c, i, j] = sum of x[n, c] over window (i, j) / its size.

    The size counts what lies outside of the image where `with_pad` is 1.
    """
    for n in range(images):
        for c in range(channels):
            for i in range(rows):
                top, bottom = i * stride_y - pad_y, i * stride_y - pad_y + window_y
                top, bottom = max(top, 0), min(bottom, height)
                for j in range(columns):
                    left, right = j * stride_x - pad_x, j * stride_x - pad_x + window_x
                    left, right = max(left, 0), min(right, width)
                    total = 0.0
                    for y in range(top, bottom):
                        for z in range(left, right):
                            total += x[n, c, y, z]
                    size = window_y * window_x if with_pad else (bottom - top) * (right - left)
                    out[n, c, i, j] = total / (size * 1.0)
    return 0


def average_pool_gradient(
    out: Any,
    g: Any,
    images: int,
    channels: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    window_y: int,
    window_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
    with_pad: int,
) -> int:
    """out[n, c, y, z] = sum of g[n, c, i, j] / size over the windows (i, j) that cover it."""
    for n in range(images):
        for c in range(channels):
            for y in range(height):
                for z in range(width):
                    out[n, c, y, z] = 0.0
            for i in range(rows):
                top, bottom = i * stride_y - pad_y, i * stride_y - pad_y + window_y
                top, bottom = max(top, 0), min(bottom, height)
                for j in range(columns):
                    left, right = j * stride_x - pad_x, j * stride_x - pad_x + window_x
                    left, right = max(left, 0), min(right, width)
                    size = window_y * window_x if with_pad else (bottom - top) * (right - left)
                    share = g[n, c, i, j] / (size * 1.0)
                    for y in range(top, bottom):
                        for z in range(left, right):
                            out[n, c, y, z] += share
    return 0


def _fits(sizes: Mapping[str, Any]) -> bool:
    """Whether every window has a pixel of the image in it."""
    axes = (("rows", "height", "y"), ("columns", "width", "x"))
    return min(sizes["images"], sizes["channels"]) >= 0 and all(
        min(sizes[f"window_{axis}"], sizes[f"stride_{axis}"]) >= 1
        and 0 <= sizes[f"pad_{axis}"] < sizes[f"window_{axis}"]
        and sizes[count] >= 0
        and (sizes[count] - 1) * sizes[f"stride_{axis}"] - sizes[f"pad_{axis}"] < sizes[extent]
        for count, extent, axis in axes
    )


def _fits_halves(sizes: Mapping[str, Any]) -> bool:
    """Whether windows of 2 x 2, whose loops do not clip, lie within the image."""
    windows = [sizes[f"{name}_{axis}"] for name in ("window", "stride") for axis in "yx"]
    halves = windows == [2, 2, 2, 2] and sizes["pad_y"] == 0 and sizes["pad_x"] == 0
    inside = 2 * sizes["rows"] <= sizes["height"] and 2 * sizes["columns"] <= sizes["width"]
    return _fits(sizes) and (inside or not halves)


_SMALL, _LARGE = "T[images,channels,rows,columns]", "T[images,channels,height,width]"
_SIZES = "images channels height width rows columns window_y window_x stride_y stride_x pad_y pad_x"
MAX_POOL = Kernel(
    "max_pool",
    max_pool,
    f"out={_SMALL} x:{_LARGE} {_SIZES}",
    fits=_fits_halves,
    parallel=("images",),
)
MAX_POOL_GRADIENT = Kernel(
    "max_pool_gradient",
    max_pool_gradient,
    f"out={_LARGE} g:{_SMALL} x:{_LARGE} {_SIZES}",
    fits=_fits,
    parallel=("images",),
)
MAX_POOL_HALVES_GRADIENT = Kernel(
    "max_pool_halves_gradient",
    max_pool_halves_gradient,
    f"out={_LARGE} g:{_SMALL} x:{_LARGE} images channels height width rows columns",
    native=_HALVES,
    fits=lambda sizes: bool(
        min(sizes["rows"], sizes["columns"]) >= 0
        and 2 * sizes["rows"] <= sizes["height"]
        and 2 * sizes["columns"] <= sizes["width"]
    ),
    parallel=("images",),
)
MAX_POOL_PICK = Kernel(
    "max_pool_pick",
    max_pool_pick,
    f"out={_SMALL} h:{_LARGE} x:{_LARGE} {_SIZES}",
    fits=_fits,
    parallel=("images",),
)
AVERAGE_POOL = Kernel(
    "average_pool",
    average_pool,
    f"out={_SMALL} x:{_LARGE} {_SIZES} with_pad",
    fits=_fits,
    parallel=("images",),
)
AVERAGE_POOL_GRADIENT = Kernel(
    "average_pool_gradient",
    average_pool_gradient,
    f"out={_LARGE} g:{_SMALL} {_SIZES} with_pad",
    fits=_fits,
    parallel=("images",),
)
