"""Scaled dot-product attention over one packed array, and its gradient, block by block.

`packed` [batch, size] holds queries, keys and values of all heads; row t of the queries begins at
q_start + t * q_step (keys and values alike) and has the heads side by side. One projection
[batch, time, 3 * width] is such an array, and so are separate ones that were joined: no head is
ever copied. Key head h serves the query heads h * group ... (h + 1) * group - 1.

The native bodies keep QUERIES x KEYS scores on the stack (keys down, queries across, so that every
loop over queries is a vector), and pass over the keys with a running maximum and sum: memory does
not grow with the square of the time, and what a causal mask hides is skipped. The gradient
recomputes the weights.

References
----------
Vaswani et al.: Attention is all you need. 2017.
Dao et al.: FlashAttention: fast and memory-efficient exact attention with IO-awareness. 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from interactive_train.kernels.attention_blocks import (  # noqa: F401 - native bodies call them
    BLOCK,
    KEYS,
    QUERIES,
    ROWS,
    average,
    begin,
    draw,
    drop,
    expose,
    factor,
    slope,
    weigh,
)
from interactive_train.kernels.gemm import LARGEST
from interactive_train.kernels.kernel import Kernel


def score(packed: Any, b: int, q: int, k: int, head: int) -> Any:
    """Return the dot product of a query that begins at q and a key that begins at k, / sqrt(d)."""
    total = 0.0
    for c in range(head):
        total += packed[b, q + c] * packed[b, k + c]
    return total / np.sqrt(head * 1.0)


# The plain loops --------------------------------------------------------------------------------


def attention(
    out: Any,
    packed: Any,
    rate: Any,
    key: Any,
    batch: int,
    queries: int,
    keys: int,
    heads: int,
    kv_heads: int,
    head: int,
    size: int,
    q_start: int,
    q_step: int,
    k_start: int,
    k_step: int,
    v_start: int,
    v_step: int,
    causal: int,
    first: int,
    routine: int,
) -> int:
    """out[b, i, h] = sum over j of softmax_j(q[i] . k[j] / sqrt(head)) v[j].

    With `causal`, query i sees the keys j <= i + keys - queries. Each weight is dropped with
    probability rate[0] (`factor`); `first` is the number of the first of the batch.
    """
    group = heads // kv_heads
    for b in range(batch):
        for h in range(heads):
            k, v = k_start + h // group * head, v_start + h // group * head
            for i in range(queries):
                q = q_start + i * q_step + h * head
                seen = i + keys - queries + 1 if causal else keys
                top = -np.inf
                for j in range(seen):
                    s = score(packed, b, q, k + j * k_step, head)
                    top = s if s > top else top
                total = 0.0
                for c in range(head):
                    out[b, i, h, c] = 0.0
                for j in range(seen):
                    p = np.exp(score(packed, b, q, k + j * k_step, head) - top)
                    total += p
                    at = (((first + b) * heads + h) * queries + i) * keys + j
                    p *= factor(key, rate, at)
                    for c in range(head):
                        out[b, i, h, c] += p * packed[b, v + j * v_step + c]
                for c in range(head):
                    out[b, i, h, c] /= total
    return 0


def attention_gradient(
    out: Any,
    g: Any,
    packed: Any,
    rate: Any,
    key: Any,
    batch: int,
    queries: int,
    keys: int,
    heads: int,
    kv_heads: int,
    head: int,
    size: int,
    q_start: int,
    q_step: int,
    k_start: int,
    k_step: int,
    v_start: int,
    v_step: int,
    causal: int,
    first: int,
    routine: int,
) -> int:
    """out = gradient of sum(g * attention(packed)) for packed, in the layout of packed.

    With the weights p: dv[j] += p g, dp = g . v[j], ds = p (dp - sum of p dp) / sqrt(head),
    dq[i] += ds k[j], dk[j] += ds q[i].
    """
    group = heads // kv_heads
    for b in range(batch):
        for at in range(size):
            out[b, at] = 0.0
        for h in range(heads):
            k, v = k_start + h // group * head, v_start + h // group * head
            for i in range(queries):
                q = q_start + i * q_step + h * head
                seen = i + keys - queries + 1 if causal else keys
                top = -np.inf
                for j in range(seen):
                    s = score(packed, b, q, k + j * k_step, head)
                    top = s if s > top else top
                total = 0.0
                mean = 0.0
                for j in range(seen):
                    p = np.exp(score(packed, b, q, k + j * k_step, head) - top)
                    total += p
                    p *= factor(key, rate, (((first + b) * heads + h) * queries + i) * keys + j)
                    for c in range(head):
                        mean += p * g[b, i, h, c] * packed[b, v + j * v_step + c]
                for j in range(seen):
                    p = np.exp(score(packed, b, q, k + j * k_step, head) - top) / total
                    m = factor(key, rate, (((first + b) * heads + h) * queries + i) * keys + j)
                    dp = 0.0
                    for c in range(head):
                        dp += m * g[b, i, h, c] * packed[b, v + j * v_step + c]
                        out[b, v + j * v_step + c] += p * m * g[b, i, h, c]
                    ds = p * (dp - mean / total) / np.sqrt(head)
                    for c in range(head):
                        out[b, q + c] += ds * packed[b, k + j * k_step + c]
                        out[b, k + j * k_step + c] += ds * packed[b, q + c]
    return 0


# The native bodies: the same sums as matrix products of blocks ----------------------------------

_START = """
    scale = T(1.0) / square_root(T(head))
    group = heads // kv_heads
    width = heads * head
    item = out.itemsize
    p_at = workspace(T(0.0), BLOCK)
    p = array_at(p_at, (KEYS, QUERIES), T)
    rows_at = workspace(T(0.0), ROWS)
    each = array_at(rows_at, (4, QUERIES), T)
    order = array_at(workspace(T(0.0), ROWS), (QUERIES + 1,), T)
    kept = array_at(workspace(0, KEYS), (KEYS,), np.int64)
    top, total, change, mean = each[0], each[1], each[2], each[3]
"""

_ATTENTION = f"""
def attention(out, packed, rate, key, batch, queries, keys, heads, kv_heads, head, size,
              q_start, q_step, k_start, k_step, v_start, v_step, causal, first, routine):
{_START}
    for b in range(batch):
        base = packed.ctypes.data + b * size * item
        for h in range(heads):
            q = base + (q_start + h * head) * item
            k = base + (k_start + h // group * head) * item
            v = base + (v_start + h // group * head) * item
            for i0 in range(0, queries, QUERIES):
                rows = min(QUERIES, queries - i0)
                past = i0 + keys - queries
                seen = past + rows if causal else keys
                y = out.ctypes.data + ((b * queries + i0) * width + h * head) * item
                at = (((first + b) * heads + h) * queries + i0) * keys
                begin(order, top, total, mean)
                for j0 in range(0, seen, KEYS):
                    columns = min(KEYS, seen - j0)
                    call_gemm(routine, 0, 1, columns, rows, head, scale, k + j0 * k_step * item,
                              k_step, q + i0 * q_step * item, q_step, T(0.0), p_at, QUERIES)
                    weigh(p, order, top, total, change, columns, past - j0 if causal else KEYS)
                    if rate[0] > 0:
                        draw(kept, key, rate, at + j0, keys, columns, rows,
                             past - j0 if causal else KEYS)
                        drop(p, kept, rate, columns)
                    if j0 > 0:
                        for i in range(rows):
                            for c in range(head):
                                out[b, i0 + i, h, c] *= change[i]
                    call_gemm(routine, 1, 0, rows, head, columns, T(1.0), p_at, QUERIES,
                              v + j0 * v_step * item, v_step, T(1.0 if j0 else 0.0), y, width)
                for i in range(rows):
                    part = T(1.0) / total[i]
                    for c in range(head):
                        out[b, i0 + i, h, c] *= part
    return 0
"""

_GRADIENT = f"""
def attention_gradient(out, g, packed, rate, key, batch, queries, keys, heads, kv_heads, head, size,
                       q_start, q_step, k_start, k_step, v_start, v_step, causal, first, routine):
{_START}
    d_at = workspace(T(0.0), BLOCK)
    d = array_at(d_at, (KEYS, QUERIES), T)
    for b in range(batch):
        base = packed.ctypes.data + b * size * item
        target = out.ctypes.data + b * size * item - base
        if queries == 0:
            for c in range(size):
                out[b, c] = 0.0
        for h in range(heads):
            q = base + (q_start + h * head) * item
            k = base + (k_start + h // group * head) * item
            v = base + (v_start + h // group * head) * item
            # From the last block on: it sees all keys, so that it sets what others add to.
            last = (queries - 1) // QUERIES
            for block in range(last + 1):
                more = T(0.0 if h % group == 0 and block == 0 else 1.0)
                i0 = (last - block) * QUERIES
                rows = min(QUERIES, queries - i0)
                past = i0 + keys - queries
                seen = past + rows if causal else keys
                q_at = q + i0 * q_step * item
                g_at = g.ctypes.data + ((b * queries + i0) * width + h * head) * item
                at = (((first + b) * heads + h) * queries + i0) * keys
                begin(order, top, total, mean)
                for turn in range(2):
                    if turn == 1:
                        for i in range(QUERIES):
                            total[i] = T(1.0) / total[i]
                            mean[i] *= total[i]
                    for j0 in range(0, seen, KEYS):
                        columns = min(KEYS, seen - j0)
                        shown = past - j0 if causal else KEYS
                        k_at = k + j0 * k_step * item
                        v_at = v + j0 * v_step * item
                        if turn == 0 or seen > KEYS:
                            call_gemm(routine, 0, 1, columns, rows, head, scale, k_at, k_step,
                                      q_at, q_step, T(0.0), p_at, QUERIES)
                            call_gemm(routine, 0, 1, columns, rows, head, T(1.0), v_at, v_step,
                                      g_at, width, T(0.0), d_at, QUERIES)
                            if rate[0] > 0:
                                draw(kept, key, rate, at + j0, keys, columns, rows, shown)
                                drop(d, kept, rate, columns)
                        if turn == 0:
                            weigh(p, order, top, total, change, columns, shown)
                            average(p, d, change, mean, columns)
                            continue
                        if seen > KEYS:
                            expose(p, order, top, columns, shown)
                        slope(p, d, total, mean, scale, columns)
                        if rate[0] > 0:
                            drop(p, kept, rate, columns)
                        call_gemm(routine, 0, 0, columns, head, rows, T(1.0), p_at, QUERIES,
                                  g_at, width, more, target + v_at, v_step)
                        call_gemm(routine, 0, 0, columns, head, rows, T(1.0), d_at, QUERIES,
                                  q_at, q_step, more, target + k_at, k_step)
                        call_gemm(routine, 1, 0, rows, head, columns, T(1.0), d_at, QUERIES,
                                  k_at, k_step, T(1.0 if j0 else 0.0), target + q_at, q_step)
    return 0
"""


def _fits(sizes: Mapping[str, Any]) -> bool:
    """Whether queries, keys and values lie within a row of `packed` and are as large together."""
    batch, queries, keys, heads, kv_heads, head, size = (
        sizes[n] for n in ("batch", "queries", "keys", "heads", "kv_heads", "head", "size")
    )
    parts = (("q", queries, heads), ("k", keys, kv_heads), ("v", keys, kv_heads))
    return (
        min(batch, queries, size, sizes["first"]) >= 0
        and min(keys, heads, kv_heads, head) >= 1
        and heads % kv_heads == 0
        and size == sum(extent * count * head for _, extent, count in parts)
        and max(size, sizes["q_step"], sizes["k_step"], sizes["v_step"]) <= LARGEST
        and all(
            sizes[f"{name}_start"] >= 0
            and sizes[f"{name}_step"] >= count * head
            and (extent == 0 or _end(sizes, name, extent, count * head) <= size)
            for name, extent, count in parts
        )
        and (not sizes["causal"] or keys >= queries)
        and sizes["routine"] != 0
    )


def _end(sizes: Mapping[str, Any], name: str, extent: int, width: int) -> int:
    end: int = sizes[f"{name}_start"] + (extent - 1) * sizes[f"{name}_step"] + width
    return end


_SIZES = (
    "packed:T[batch,size] rate:T[1] key:u8[2] batch queries keys heads kv_heads head size "
    "q_start q_step k_start k_step v_start v_step causal first routine"
)
ATTENTION = Kernel(
    "attention",
    attention,
    f"out=T[batch,queries,heads,head] {_SIZES}",
    native=_ATTENTION,
    fits=_fits,
    parallel=("batch",),
    offset="first",
)
ATTENTION_GRADIENT = Kernel(
    "attention_gradient",
    attention_gradient,
    f"out=T[batch,size] g:T[batch,queries,heads,head] {_SIZES}",
    native=_GRADIENT,
    fits=_fits,
    parallel=("batch",),
    offset="first",
)
