"""Thin products: a few elements wide, over before a library has looked at its arguments.

Two inputs, two classes: the models that people begin with. The few products of an element are
written out, so that the inner loop runs over what is long and becomes vectors.
"""

from __future__ import annotations

from typing import Any

THIN = 3  # products in an element up to which these loops are quicker
PAIRS = 64  # columns of a right side that are laid out anew at once


def thin_kind(m: int, n: int, k: int, transpose_a: int, transpose_b: int) -> int:
    """Return which of the loops below takes a product, 0 for none; by shapes alone."""
    if transpose_a == 0 and k == 2:
        return 3 if transpose_b else 2
    if transpose_a == 0 and k <= (1 if transpose_b else THIN):
        return 1
    return 0


def thin_product(
    out: Any,
    a: Any,
    b: Any,
    m: int,
    n: int,
    k: int,
    a_lead: int,
    b_lead: int,
    out_lead: int,
    kind: int,
    pairs: Any,
) -> None:
    """out = op(a) @ op(b); out [m, n], k > 0, rows lie their matrix's lead of elements apart.

    `pairs` is room for twice `PAIRS` elements.
    """
    if kind == 1:  # few products in an element
        for i in range(m):
            row, left, right = out[i * out_lead : i * out_lead + n], a[i * a_lead :], b[:n]
            scale = left[0]
            for j in range(n):
                row[j] = scale * right[j]
            for p in range(1, k):
                scale, right = left[p], b[p * b_lead : p * b_lead + n]
                for j in range(n):
                    row[j] += scale * right[j]
    else:  # two products in an element
        for start in range(0, n, PAIRS):
            some = min(PAIRS, n - start)
            upper, lower = pairs[:some], pairs[PAIRS : PAIRS + some]
            for j in range(some):
                at = (start + j) * b_lead if kind == 3 else start + j
                upper[j], lower[j] = b[at], b[at + (1 if kind == 3 else b_lead)]
            for i in range(m):
                row = out[i * out_lead + start : i * out_lead + start + some]
                first, second = a[i * a_lead], a[i * a_lead + 1]
                for j in range(some):
                    row[j] = first * upper[j] + second * lower[j]
