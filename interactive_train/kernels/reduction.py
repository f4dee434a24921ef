"""Reductions over the middle axis of [outer, middle, inner].

Every reduction over adjacent axes is of this form. A sum over all axes but some adjacent ones (a
bias of a convolution, batch norm) is `sum_outer_inner`; others are taken in turn.
The order of summation is fixed by the shapes, so equal input gives equal bits.
"""

from __future__ import annotations

from typing import Any

from interactive_train.kernels.kernel import Kernel


def sum_middle(out: Any, x: Any, outer: int, middle: int, inner: int) -> int:
    """out[o, i] = sum over m of x[o, m, i]."""
    for o in range(outer):
        if inner == 1:
            total = 0.0
            for m in range(middle):
                total += x[o, m, 0]
            out[o, 0] = total
        else:
            for i in range(inner):
                out[o, i] = 0.0
            for m in range(middle):
                for i in range(inner):
                    out[o, i] += x[o, m, i]
    return 0


def sum_outer_inner(out: Any, x: Any, outer: int, middle: int, inner: int) -> int:
    """out[m] = sum over o and i of x[o, m, i]."""
    for m in range(middle):
        out[m] = 0.0
    for o in range(outer):
        for m in range(middle):
            total = 0.0
            for i in range(inner):
                total += x[o, m, i]
            out[m] += total
    return 0


def max_middle(out: Any, x: Any, outer: int, middle: int, inner: int) -> int:
    """out[o, i] = max over m of x[o, m, i]; NaN if one of them is NaN."""
    for o in range(outer):
        for i in range(inner):
            out[o, i] = x[o, 0, i]
        for m in range(1, middle):
            for i in range(inner):
                v = x[o, m, i]
                best = out[o, i]
                out[o, i] = v if (v > best or v != v) else best
    return 0


def argmax_middle(out: Any, x: Any, outer: int, middle: int, inner: int) -> int:
    """out[o, i] = first m at which x[o, m, i] is largest (a NaN counts as largest)."""
    for o in range(outer):
        for i in range(inner):
            best = x[o, 0, i]
            at = 0
            for m in range(1, middle):
                v = x[o, m, i]
                if v > best or (v != v and best == best):
                    best = v
                    at = m
            out[o, i] = at
    return 0


_MIDDLE = "out=T[outer,inner] x:T[outer,middle,inner] outer middle inner"
SUM = Kernel(
    "sum_middle",
    sum_middle,
    _MIDDLE,
    reorder=True,
    parallel=("outer", "middle"),
    summed=("middle",),
)
SUM_OUTER_INNER = Kernel(
    "sum_outer_inner",
    sum_outer_inner,
    "out=T[middle] x:T[outer,middle,inner] outer middle inner",
    reorder=True,
    parallel=("outer",),
    summed=("outer",),
)
MAX = Kernel("max_middle", max_middle, _MIDDLE, parallel=("outer",))
ARGMAX = Kernel(
    "argmax_middle", argmax_middle, _MIDDLE.replace("out=T", "out=i8"), parallel=("outer",)
)
