"""Softmax and the cross-entropy of it, over the last axis of [rows, columns].

The largest logit of a row is subtracted first, so that no finite logit overflows. The largest is
found among ranks, which are integers, and the sum may take another order: both become vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.bits import accumulate, rank, unrank
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import BAD_INDEX


def largest(x: Any, i: int, columns: int) -> Any:
    """Return the largest number of row i; a NaN among them makes the row's sum NaN in any case."""
    top = rank(x[i, 0])
    for j in range(1, columns):
        k = rank(x[i, j])
        top = k if k > top else top
    return unrank(top)


def softmax(out: Any, x: Any, rows: int, columns: int) -> int:
    """out[i] = exp(x[i] - max) / sum of the same."""
    for i in range(rows):
        top = largest(x, i, columns)
        total = 0.0
        for j in range(columns):
            e = np.exp(x[i, j] - top)
            out[i, j] = e
            total = accumulate(total, e)
        scale = 1.0 / total
        for j in range(columns):
            out[i, j] *= scale
    return 0


def log_softmax(out: Any, x: Any, rows: int, columns: int) -> int:
    """out[i] = x[i] - log of the sum of exp(x[i])."""
    for i in range(rows):
        top = largest(x, i, columns)
        total = 0.0
        for j in range(columns):
            total = accumulate(total, np.exp(x[i, j] - top))
        shift = np.log(total)
        for j in range(columns):
            out[i, j] = (x[i, j] - top) - shift
    return 0


def cross_entropy_rows(out: Any, x: Any, labels: Any, rows: int, columns: int) -> int:
    """out[i] = log of the sum of exp(x[i]) - x[i, labels[i]], in nats."""
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= columns:
            return BAD_INDEX + 16 * i
        top = largest(x, i, columns)
        total = 0.0
        for j in range(columns):
            total = accumulate(total, np.exp(x[i, j] - top))
        out[i] = np.log(total) - (x[i, label] - top)
    return 0


def cross_entropy_rows_gradient(
    out: Any, g: Any, x: Any, labels: Any, rows: int, columns: int
) -> int:
    """out[i] = g[i] * (softmax(x[i]) - one-hot of labels[i])."""
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= columns:
            return BAD_INDEX + 16 * i
        top = largest(x, i, columns)
        total = 0.0
        for j in range(columns):
            e = np.exp(x[i, j] - top)
            out[i, j] = e
            total = accumulate(total, e)
        scale = g[i] / total
        for j in range(columns):
            out[i, j] *= scale
        out[i, label] -= g[i]
    return 0


_ROWS = "out=T[rows,columns] x:T[rows,columns] rows columns"
SOFTMAX = Kernel("softmax", softmax, _ROWS, parallel=("rows",))
LOG_SOFTMAX = Kernel("log_softmax", log_softmax, _ROWS, parallel=("rows",))
CROSS_ENTROPY_ROWS = Kernel(
    "cross_entropy_rows",
    cross_entropy_rows,
    "out=T[rows] x:T[rows,columns] labels:i8[rows] rows columns",
    parallel=("rows",),
)
CROSS_ENTROPY_ROWS_GRADIENT = Kernel(
    "cross_entropy_rows_gradient",
    cross_entropy_rows_gradient,
    "out=T[rows,columns] g:T[rows] x:T[rows,columns] labels:i8[rows] rows columns",
    parallel=("rows",),
)


def cross_entropy_rows_both(
    out: Any, gradient: Any, g: Any, x: Any, labels: Any, rows: int, columns: int
) -> int:
    """The loss of each row and its gradient, from one softmax."""
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= columns:
            return BAD_INDEX + 16 * i
        top = largest(x, i, columns)
        total = 0.0
        for j in range(columns):
            e = np.exp(x[i, j] - top)
            gradient[i, j] = e
            total = accumulate(total, e)
        scale = g[i] / total
        for j in range(columns):
            gradient[i, j] *= scale
        gradient[i, label] -= g[i]
        out[i] = np.log(total) - (x[i, label] - top)
    return 0


CROSS_ENTROPY_ROWS_BOTH = Kernel(
    "cross_entropy_rows_both",
    cross_entropy_rows_both,
    "out=T[rows] gradient=T[rows,columns] g:T[rows] x:T[rows,columns] labels:i8[rows] rows columns",
    parallel=("rows",),
)
