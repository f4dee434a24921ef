"""What every recorded step does beside the model: its batch, its keys, its counters, its norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import BAD_INDEX, NONFINITE


def take_batch(
    out: Any,
    source: Any,
    order: Any,
    position: Any,
    rows: int,
    width: int,
    height: int,
    length: int,
    first: int,
) -> int:
    """out[i] = source[order[position + first + i]]: the rows of the step's batch."""
    start = position[0] + first
    if start < 0 or start + rows > length:
        return BAD_INDEX
    for i in range(rows):
        k = order[start + i]
        if k < 0 or k >= height:
            return BAD_INDEX + 16 * i
        for j in range(width):
            out[i, j] = source[k, j]
    return 0


def keys_at(out: Any, base: Any, step: Any, n: int) -> int:
    """out[i] = the key base[i] at a step: its second word plus the step's number."""
    for i in range(n):
        out[i, 0] = base[i, 0]
        out[i, 1] = base[i, 1] + np.uint64(step[0])
    return 0


def advance(counters: Any, by: Any, n: int) -> int:
    """counters += by: the step's number, its row of the schedule, its place in the data."""
    for i in range(n):
        counters[i] += by[i]
    return 0


def sum_of_squares(out: Any, x: Any, n: int) -> int:
    """out = sum of x[i]^2 in float64, so that no finite float32 overflows."""
    total = np.float64(0.0)
    for i in range(n):
        v = np.float64(x[i])
        total += v * v
    out[0] = total
    return 0


def require_finite(flag: Any, x: Any, n: int) -> int:
    """Stop the step where an element is not finite; flag is 1.0 otherwise."""
    wrong = 0
    for i in range(n):
        v = x[i] - x[i]
        wrong += 0 if v == v else 1
    flag[0] = 1.0
    if wrong > 0:
        return NONFINITE
    return 0


TAKE_BATCH = Kernel(
    "take_batch",
    take_batch,
    "out=T[rows,width] source:T[height,width] order:i8[length] position:i8[1] "
    "rows width height length first",
    parallel=("rows",),
    offset="first",
)
KEYS_AT = Kernel("keys_at", keys_at, "out=u8[n,2] base:u8[n,2] step:i8[1] n")
ADVANCE = Kernel("advance", advance, "counters=i8[n] by:i8[n] n")
SUM_OF_SQUARES = Kernel(
    "sum_of_squares",
    sum_of_squares,
    "out=f8[1] x:T[n] n",
    reorder=True,
    parallel=("n",),
    summed=("n",),
)
REQUIRE_FINITE = Kernel("require_finite", require_finite, "flag=f8[1] x:T[n] n")


def root_of_sums(out: Any, parts: Any, limit: Any, n: int) -> int:
    """out = [sqrt of the sum of parts, the same or Inf where it is above the limit]."""
    total = np.float64(0.0)
    for i in range(n):
        total += parts[i]
    norm = np.sqrt(total)
    out[0] = norm
    out[1] = norm if norm <= limit[0] else np.float64(np.inf)
    return 0


ROOT_OF_SUMS = Kernel("root_of_sums", root_of_sums, "out=f8[2] parts:f8[n] limit:f8[1] n")
