"""The scalar program of a step: what follows from hyperparameters and counters alone.

Learning rates, powers of beta, bias corrections are numbers, dozens of them; one kernel works
them off as a list of four-word codes over an array of float64 cells (three-address code), so no
step needs a kernel of its own for them. Every cell is mirrored in float32 for kernels of that type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import CHANGED

ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, MINIMUM, MAXIMUM = range(7)
NEGATIVE, ABSOLUTE, SQRT, EXP, LOG, FLOOR, COPY = range(7, 14)
LESS, LESS_EQUAL, EQUAL = range(14, 17)  # conditions of the recording: must come out as they did


def scalars(
    cells: Any,
    single: Any,
    schedule: Any,
    cursor: Any,
    code: Any,
    rows: int,
    inputs: int,
    length: int,
    count: int,
) -> int:
    """cells[:inputs] = schedule[cursor]; then cells[code[3]] = code[0](cells[code[1]], ...)."""
    row = cursor[0]
    if inputs > 0 and (row < 0 or row >= rows):
        return CHANGED + 16 * int(row)
    for k in range(inputs):
        cells[k] = schedule[row, k]
        single[k] = np.float32(cells[k])
    for k in range(length):
        operation = code[k, 0]
        x = cells[code[k, 1]]
        y = cells[code[k, 2]]
        out = code[k, 3]
        if operation >= LESS:
            holds = x < y if operation == LESS else (x <= y if operation == LESS_EQUAL else x == y)
            if holds != (out != 0):
                return CHANGED + 16 * k
        else:
            z = x
            if operation == ADD:
                z = x + y
            elif operation == SUBTRACT:
                z = x - y
            elif operation == MULTIPLY:
                z = x * y
            elif operation == DIVIDE:
                z = x / y
            elif operation == POWER:
                z = x**y
            elif operation == MINIMUM:
                z = x if (x <= y or x != x) else y
            elif operation == MAXIMUM:
                z = x if (x >= y or x != x) else y
            elif operation == NEGATIVE:
                z = -x
            elif operation == ABSOLUTE:
                z = abs(x)
            elif operation == SQRT:
                z = np.sqrt(x)
            elif operation == EXP:
                z = np.exp(x)
            elif operation == LOG:
                z = np.log(x)
            elif operation == FLOOR:
                z = np.floor(x)
            cells[out] = z
            single[out] = np.float32(z)
    return 0


SCALARS = Kernel(
    "scalars",
    scalars,
    "cells=f8[count] single=f4[count] schedule:f8[rows,inputs] cursor:i8[1] code:i8[length,4] "
    "rows inputs length count",
    fits=lambda o: bool(
        o["length"] == 0
        or (
            o["code"].min() >= 0
            and o["code"][:, 0].max() <= EQUAL
            and o["code"][:, 1:3].max() < o["count"]
            and o["code"][:, 3].max() < o["count"]
        )
    ),
)
