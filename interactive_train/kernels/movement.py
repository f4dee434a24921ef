"""Kernels that only move values: broadcasting, transposing, slicing, and the way back.

A view of an array is (start, shape, strides) over its flat memory, in elements.
`gather_view` copies a view into a contiguous array, `scatter_view` is its
adjoint where no element is seen twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from interactive_train.kernels.kernel import Kernel

MOST_AXES = 64  # as many as NumPy allows


def gather_view(
    out: Any,
    source: Any,
    shape: Any,
    strides: Any,
    rows: int,
    columns: int,
    span: int,
    axes: int,
    start: int,
) -> int:
    """out[r, j] = source[start + (row r of the outer axes) + j * last stride]."""
    step = strides[axes]
    for r in range(rows):
        offset = start
        rest = r
        for axis in range(axes - 1, -1, -1):
            offset += (rest % shape[axis]) * strides[axis]
            rest //= shape[axis]
        for j in range(columns):
            out[r, j] = source[offset + j * step]
    return 0


def scatter_view(
    out: Any,
    g: Any,
    shape: Any,
    strides: Any,
    rows: int,
    columns: int,
    span: int,
    axes: int,
    start: int,
) -> int:
    """Fill out with zeros but for the view, which becomes g; the adjoint of `gather_view`."""
    for k in range(span):
        out[k] = 0.0
    step = strides[axes]
    for r in range(rows):
        offset = start
        rest = r
        for axis in range(axes - 1, -1, -1):
            offset += (rest % shape[axis]) * strides[axis]
            rest //= shape[axis]
        for j in range(columns):
            out[offset + j * step] = g[r, j]
    return 0


def join_two(out: Any, x: Any, y: Any, outer: int, left: int, right: int, total: int) -> int:
    """out[o] = x[o] followed by y[o]: concatenation along the middle axis."""
    for o in range(outer):
        for i in range(left):
            out[o, i] = x[o, i]
        for i in range(right):
            out[o, left + i] = y[o, i]
    return 0


def copy(out: Any, x: Any, n: int) -> int:
    """out = x."""
    for i in range(n):
        out[i] = x[i]
    return 0


def _fits(operands: Mapping[str, Any]) -> bool:
    """Whether the view lies within the `span` elements of its memory."""
    rows, columns, axes = operands["rows"], operands["columns"], operands["axes"]
    if not 0 <= axes < MOST_AXES or min(rows, columns, operands["span"]) < 0:
        return False
    shape = [*operands["shape"].tolist()[:axes], columns]
    if math.prod(shape[:-1]) != rows:
        return False
    if rows * columns == 0:
        return True
    reach = [
        (n - 1) * step
        for n, step in zip(shape, operands["strides"].tolist()[: axes + 1], strict=True)
    ]
    lowest = operands["start"] + sum(r for r in reach if r < 0)
    highest = operands["start"] + sum(r for r in reach if r > 0)
    return bool(lowest >= 0 and highest < operands["span"])


_VIEW = f"shape:i8[axes] strides:i8[{MOST_AXES}] rows columns span axes start"
GATHER_VIEW = Kernel(
    "gather_view", gather_view, f"out=T[rows,columns] source:T[span] {_VIEW}", fits=_fits
)
SCATTER_VIEW = Kernel(
    "scatter_view", scatter_view, f"out=T[span] g:T[rows,columns] {_VIEW}", fits=_fits
)
COPY = Kernel("copy", copy, "out=T[n] x:T[n] n", parallel=("n",))
JOIN_TWO = Kernel(
    "join_two",
    join_two,
    "out=T[outer,total] x:T[outer,left] y:T[outer,right] outer left right total",
    parallel=("outer",),
    fits=lambda operands: operands["left"] + operands["right"] == operands["total"],
)
