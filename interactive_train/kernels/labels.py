"""Integers and truth values: compared, chosen, made floats; and labels, one per row.

Labels are class numbers from 0. One that is out of range is a status code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Expression, Kernel
from interactive_train.kernels.status import BAD_INDEX


def greater_integers(x: Any, y: Any) -> Any:
    return x > y


def greater_equal_integers(x: Any, y: Any) -> Any:
    return x >= y


def less_integers(x: Any, y: Any) -> Any:
    return x < y


def less_equal_integers(x: Any, y: Any) -> Any:
    return x <= y


def equal_integers(x: Any, y: Any) -> Any:
    return x == y


def not_equal_integers(x: Any, y: Any) -> Any:
    return x != y


def where_integers(condition: Any, x: Any, y: Any) -> Any:
    return x if condition else y


def integers_to_float32(x: Any) -> Any:
    return np.float32(x)


def integers_to_float64(x: Any) -> Any:
    return np.float64(x)


def truths_to_float32(x: Any) -> Any:
    return np.float32(x)


def truths_to_float64(x: Any) -> Any:
    return np.float64(x)


def truths_to_integers(x: Any) -> Any:
    return np.int64(x)


GREATER = Expression(greater_integers, "i8 i8", "b1")
GREATER_EQUAL = Expression(greater_equal_integers, "i8 i8", "b1")
LESS = Expression(less_integers, "i8 i8", "b1")
LESS_EQUAL = Expression(less_equal_integers, "i8 i8", "b1")
EQUAL = Expression(equal_integers, "i8 i8", "b1", commutative=True)
NOT_EQUAL = Expression(not_equal_integers, "i8 i8", "b1", commutative=True)
WHERE = Expression(where_integers, "b1 i8 i8", "i8")
INTEGERS_TO_FLOAT32 = Expression(integers_to_float32, "i8", "f4")
INTEGERS_TO_FLOAT64 = Expression(integers_to_float64, "i8", "f8")
TRUTHS_TO_FLOAT32 = Expression(truths_to_float32, "b1", "f4")
TRUTHS_TO_FLOAT64 = Expression(truths_to_float64, "b1", "f8")
TRUTHS_TO_INTEGERS = Expression(truths_to_integers, "b1", "i8")

EXPRESSIONS = tuple(value for value in list(globals().values()) if isinstance(value, Expression))


def one_hot(out: Any, labels: Any, rows: int, columns: int) -> int:
    """out[i] = 1 at labels[i], 0 elsewhere."""
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= columns:
            return BAD_INDEX + 16 * i
        for j in range(columns):
            out[i, j] = 0.0
        out[i, label] = 1.0
    return 0


def pick(out: Any, x: Any, labels: Any, rows: int, columns: int, picks: int) -> int:
    """out[i, k] = x[i, labels[i, k]]."""
    for i in range(rows):
        for k in range(picks):
            label = labels[i, k]
            if label < 0 or label >= columns:
                return BAD_INDEX + 16 * i
            out[i, k] = x[i, label]
    return 0


def place(out: Any, g: Any, labels: Any, rows: int, columns: int, picks: int) -> int:
    """out[i, labels[i, k]] += g[i, k] from zero, in the order of k; the adjoint of `pick`."""
    for i in range(rows):
        for j in range(columns):
            out[i, j] = 0.0
        for k in range(picks):
            label = labels[i, k]
            if label < 0 or label >= columns:
                return BAD_INDEX + 16 * i
            out[i, label] += g[i, k]
    return 0


ONE_HOT = Kernel(
    "one_hot", one_hot, "out=T[rows,columns] labels:i8[rows] rows columns", parallel=("rows",)
)
PICK = Kernel(
    "pick",
    pick,
    "out=T[rows,picks] x:T[rows,columns] labels:i8[rows,picks] rows columns picks",
    parallel=("rows",),
)
PLACE = Kernel(
    "place",
    place,
    "out=T[rows,columns] g:T[rows,picks] labels:i8[rows,picks] rows columns picks",
    parallel=("rows",),
)
