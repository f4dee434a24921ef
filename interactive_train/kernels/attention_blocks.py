"""Blocks of attention's scores: weights, running sums, gradients and dropout of one block.

What the native bodies of `attention` call between two matrix products. A block s [keys, queries]
lies on the stack; query i sees key j of it where i >= j - shown. The loops go over all QUERIES, so
that the compiler knows their length, and sums over four keys at once, so that they wait less for
each other. What lies behind the last query is ignored, and a key behind the last is seen by none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.random import MANTISSA_SHIFT, philox

QUERIES = 32  # a block of scores: 32 x 256 float32 are 32 KiB
KEYS = 256
BLOCK = QUERIES * KEYS
ROWS = 4 * QUERIES


def factor(key: Any, rate: Any, index: Any) -> Any:
    """Return what dropout multiplies weight number `index` by (of its [batch, heads, i, j])."""
    word = philox(key[0], np.uint64(index), key[1])
    uniform = np.float64(word >> MANTISSA_SHIFT) * np.float64(2.0**-53)
    return 1.0 / (1.0 - rate[0]) if uniform >= rate[0] else 0.0


def begin(order: Any, top: Any, total: Any, mean: Any) -> None:
    """Start the running maxima and sums of a row of blocks; order[i] = i, to be compared with."""
    for i in range(QUERIES):
        order[i] = i
        top[i] = -np.inf
        total[i] = 0.0
        mean[i] = 0.0
    order[QUERIES] = QUERIES


def opening(j: int, columns: int, shown: int) -> int:
    """Return the first query that sees key j."""
    return min(max(j - shown, 0), QUERIES) if j < columns else QUERIES


def weigh(s: Any, order: Any, top: Any, total: Any, change: Any, columns: int, shown: int) -> None:
    """Turn scores into weights exp(s - top), raise top and total to include them.

    What was summed under an earlier top is to be multiplied by `change`.
    """
    for i in range(QUERIES):
        change[i] = top[i]
    for j in range(0, columns, 4):
        a, b = order[opening(j, columns, shown)], order[opening(j + 1, columns, shown)]
        c, d = order[opening(j + 2, columns, shown)], order[opening(j + 3, columns, shown)]
        for i in range(QUERIES):
            t = s[j, i] if (s[j, i] > top[i]) & (order[i] >= a) else top[i]
            t = s[j + 1, i] if (s[j + 1, i] > t) & (order[i] >= b) else t
            t = s[j + 2, i] if (s[j + 2, i] > t) & (order[i] >= c) else t
            t = s[j + 3, i] if (s[j + 3, i] > t) & (order[i] >= d) else t
            top[i] = t
    for i in range(QUERIES):
        change[i] = np.exp(change[i] - top[i])
        total[i] *= change[i]
    expose(s, order, top, columns, shown)
    whole = columns // 4 * 4
    for j in range(0, whole, 4):
        for i in range(QUERIES):
            total[i] += (s[j, i] + s[j + 1, i]) + (s[j + 2, i] + s[j + 3, i])
    for j in range(whole, columns):
        for i in range(QUERIES):
            total[i] += s[j, i]


def expose(s: Any, order: Any, top: Any, columns: int, shown: int) -> None:
    """Turn scores into weights exp(s - top) under the final top."""
    for j in range(columns):
        a = order[opening(j, columns, shown)]
        for i in range(QUERIES):
            s[j, i] = np.exp(s[j, i] - top[i]) if order[i] >= a else 0.0


def average(p: Any, d: Any, change: Any, mean: Any, columns: int) -> None:
    """Add sum of p d over the keys to the running mean."""
    for i in range(QUERIES):
        mean[i] *= change[i]
    whole = columns // 4 * 4
    for j in range(0, whole, 4):
        for i in range(QUERIES):
            one = p[j, i] * d[j, i] + p[j + 1, i] * d[j + 1, i]
            mean[i] += one + (p[j + 2, i] * d[j + 2, i] + p[j + 3, i] * d[j + 3, i])
    for j in range(whole, columns):
        for i in range(QUERIES):
            mean[i] += p[j, i] * d[j, i]


def slope(p: Any, d: Any, part: Any, mean: Any, scale: Any, columns: int) -> None:
    """Divide the weights by their sum, p *= part; then d = p (d - mean) scale, of the scores."""
    for j in range(columns):
        for i in range(QUERIES):
            p[j, i] *= part[i]
            d[j, i] = p[j, i] * (d[j, i] - mean[i]) * scale


def draw(
    kept: Any, key: Any, rate: Any, at: int, step: int, columns: int, rows: int, shown: int
) -> None:
    """Set bit i of kept[j] where the weight is not dropped, of those that are seen.

    The block's first weight is number `at`, a query is `step` on, a key 1.
    """
    for j in range(columns):
        bits = 0
        for i in range(max(0, j - shown), rows):
            bits |= (factor(key, rate, at + i * step + j) > 0.0) << i
        kept[j] = bits


def drop(p: Any, kept: Any, rate: Any, columns: int) -> None:
    """Multiply a block by dropout's factors."""
    scale = 1.0 / (1.0 - rate[0])
    for j in range(columns):
        for i in range(QUERIES):
            p[j, i] = p[j, i] * scale if (kept[j] >> i) & 1 else 0.0
