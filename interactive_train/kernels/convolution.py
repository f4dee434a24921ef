"""Convolutions: one kernel for the output and the input's gradient, one for the weight's gradient.

All three are one sum, S = sum of g[n, f, i, j] x[n, c, i s + a d - p, j s + b d - p] w[f, c, a, b]
(s stride, d dilation, p padding), with one factor left out. Here stand the sums as plain loops;
`convolution_native` computes the same in blocks whose sizes `bands` chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the native bodies refer to; they are compiled with the names of this module.
from interactive_train.kernels.bands import (  # noqa: F401
    LANE_BYTES,
    MOST_LANES,
    ROWS,
    SOURCES,
    TURNED,
    UNITS,
    VECTORS,
    WEIGHTS,
    fits_blocks,
)
from interactive_train.kernels.convolution_native import (  # noqa: F401
    CONVOLVE_BODY,
    FAR,
    WEIGHT_BODY,
    pieces,
    shift,
)
from interactive_train.kernels.kernel import Kernel


def convolve(
    out: Any,
    x: Any,
    w: Any,
    images: int,
    sources: int,
    targets: int,
    groups: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    filters: int,
    depth: int,
    taps_y: int,
    taps_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
    dilation_y: int,
    dilation_x: int,
    transposed: int,
    source_block: int,
    target_block: int,
    row_block: int,
    column_block: int,
) -> int:
    """out[n, f, i, j] = sum of x[n, c, i s + a d - p, ...] w[f, c, a, b]; transposed, its adjoint.

    Transposed: out[n, c, i s + a d - p, ...] = sum of x[n, f, i, j] w[f, c, a, b].
    """
    inner, outer = sources // groups, targets // groups
    for n in range(images):
        for v in range(targets):
            for i in range(rows):
                for j in range(columns):
                    out[n, v, i, j] = 0.0
            first = v // outer * inner
            for u in range(first, first + inner):
                for a in range(taps_y):
                    for b in range(taps_x):
                        weight = w[u, v % outer, a, b] if transposed else w[v, u - first, a, b]
                        for i in range(height if transposed else rows):
                            y = i * stride_y + a * dilation_y - pad_y
                            if y < 0 or y >= (rows if transposed else height):
                                continue
                            for j in range(width if transposed else columns):
                                z = j * stride_x + b * dilation_x - pad_x
                                if z < 0 or z >= (columns if transposed else width):
                                    continue
                                if transposed:
                                    out[n, v, y, z] += weight * x[n, u, i, j]
                                else:
                                    out[n, v, i, j] += weight * x[n, u, y, z]
    return 0


def convolve_weight(
    out: Any,
    x: Any,
    g: Any,
    images: int,
    sources: int,
    targets: int,
    groups: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
    depth: int,
    taps_y: int,
    taps_x: int,
    stride_y: int,
    stride_x: int,
    pad_y: int,
    pad_x: int,
    dilation_y: int,
    dilation_x: int,
    source_block: int,
    target_block: int,
    row_block: int,
    column_block: int,
) -> int:
    """out[f, c, a, b] = sum of x[n, c, i s + a d - p, j s + b d - p] g[n, f, i, j]."""
    outer = targets // groups
    for v in range(targets):
        for c in range(depth):
            u = v // outer * depth + c
            for a in range(taps_y):
                for b in range(taps_x):
                    total = 0.0
                    for n in range(images):
                        for i in range(rows):
                            y = i * stride_y + a * dilation_y - pad_y
                            if y < 0 or y >= height:
                                continue
                            for j in range(columns):
                                z = j * stride_x + b * dilation_x - pad_x
                                if z >= 0 and z < width:
                                    total += x[n, u, y, z] * g[n, v, i, j]
                    out[v, c, a, b] = total
    return 0


def _whole(sizes: Mapping[str, Any]) -> bool:
    """Whether the sizes describe a convolution."""
    groups = sizes["groups"]
    positive = ("groups", "taps_y", "taps_x", "stride_y", "stride_x", "dilation_y", "dilation_x")
    counts = ("images", "sources", "targets", "height", "width", "rows", "columns", "depth")
    return bool(
        min(sizes[name] for name in positive) >= 1
        and min(sizes[name] for name in counts) >= 0
        and min(sizes["pad_y"], sizes["pad_x"]) >= 0
        and sizes["sources"] % groups == 0
        and sizes["targets"] % groups == 0
    )


def _fits_convolve(sizes: Mapping[str, Any]) -> bool:
    names = ("sources", "targets") if sizes["transposed"] else ("targets", "sources")
    return (
        _whole(sizes)
        and sizes["transposed"] in (0, 1)
        and sizes["filters"] == sizes[names[0]]
        and sizes["depth"] * sizes["groups"] == sizes[names[1]]
    )


def _fits_weight(sizes: Mapping[str, Any]) -> bool:
    return _whole(sizes) and bool(sizes["depth"] * sizes["groups"] == sizes["sources"])


_GEOMETRY = "taps_y taps_x stride_y stride_x pad_y pad_x dilation_y dilation_x"
_CONVOLVE_SIGNATURE = (
    "out=T[images,targets,rows,columns] x:T[images,sources,height,width] "
    "w:T[filters,depth,taps_y,taps_x] images sources targets groups height width rows columns "
    f"filters depth {_GEOMETRY} transposed source_block target_block row_block column_block"
)
_WEIGHT_SIGNATURE = (
    "out=T[targets,depth,taps_y,taps_x] x:T[images,sources,height,width] "
    "g:T[images,targets,rows,columns] images sources targets groups height width rows columns "
    f"depth {_GEOMETRY} source_block target_block row_block column_block"
)
CONVOLVE = Kernel(
    "convolve",
    convolve,
    _CONVOLVE_SIGNATURE,
    native=CONVOLVE_BODY,
    fits=lambda sizes: _fits_convolve(sizes) and fits_blocks(sizes),
    parallel=("images",),
)
CONVOLVE_WEIGHT = Kernel(
    "convolve_weight",
    convolve_weight,
    _WEIGHT_SIGNATURE,
    native=WEIGHT_BODY,
    fits=lambda sizes: _fits_weight(sizes) and fits_blocks(sizes, weight=True),
    parallel=("images",),
    summed=("images",),
)
# For windows that no block can hold: the plain loops as they stand.
CONVOLVE_PLAIN = Kernel(
    "convolve_plain", convolve, _CONVOLVE_SIGNATURE, fits=_fits_convolve, parallel=("images",)
)
CONVOLVE_WEIGHT_PLAIN = Kernel(
    "convolve_weight_plain",
    convolve_weight,
    _WEIGHT_SIGNATURE,
    fits=_fits_weight,
    parallel=("images",),
    summed=("images",),
)
KERNELS = ((CONVOLVE, CONVOLVE_PLAIN), (CONVOLVE_WEIGHT, CONVOLVE_WEIGHT_PLAIN))
