"""Rows taken by an index, and the way back. An index out of range is a status code."""

from __future__ import annotations

from typing import Any

from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import BAD_INDEX


def take_rows(out: Any, table: Any, index: Any, rows: int, columns: int, height: int) -> int:
    """out[i] = table[index[i]], an embedding's forward."""
    for i in range(rows):
        k = index[i]
        if k < 0 or k >= height:
            return BAD_INDEX + 16 * i
        for j in range(columns):
            out[i, j] = table[k, j]
    return 0


def add_rows(out: Any, g: Any, index: Any, rows: int, columns: int, height: int) -> int:
    """out[index[i]] += g[i] from zero, in the order of i; the adjoint of `take_rows`."""
    for k in range(height):
        for j in range(columns):
            out[k, j] = 0.0
    for i in range(rows):
        k = index[i]
        if k < 0 or k >= height:
            return BAD_INDEX + 16 * i
        for j in range(columns):
            out[k, j] += g[i, j]
    return 0


TAKE_ROWS = Kernel(
    "take_rows",
    take_rows,
    "out=T[rows,columns] table:T[height,columns] index:i8[rows] rows columns height",
    parallel=("rows",),
)
ADD_ROWS = Kernel(
    "add_rows",
    add_rows,
    "out=T[height,columns] g:T[rows,columns] index:i8[rows] rows columns height",
    parallel=("rows",),
    summed=("rows",),
)
