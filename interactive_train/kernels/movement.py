"""Kernels that only move values: broadcasting, transposing, slicing, and the way back.

A view of an array is (start, shape, strides) over its flat memory, in elements.
`gather_view` copies a view into a contiguous array, `scatter_view` is its
adjoint where no element is seen twice.
"""

from __future__ import annotations

from typing import Any

from interactive_train.kernels.kernel import Kernel


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


_VIEW = "shape:i8[axes] strides:i8[8] rows columns span axes start"
GATHER_VIEW = Kernel("gather_view", gather_view, f"out=T[rows,columns] source:T[span] {_VIEW}")
SCATTER_VIEW = Kernel("scatter_view", scatter_view, f"out=T[span] g:T[rows,columns] {_VIEW}")
JOIN_TWO = Kernel(
    "join_two",
    join_two,
    "out=T[outer,total] x:T[outer,left] y:T[outer,right] outer left right total",
)
