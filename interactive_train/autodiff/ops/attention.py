"""Attention over packed queries, keys and values: one primitive, and one for its gradient.

`attention` takes what a projection gives, [batch, time, (heads + 2 kv_heads) * head], or separate
arrays that were joined; no head is copied. Its gradient has the layout of its input.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from interactive_train.autodiff.ops.elementwise import where
from interactive_train.autodiff.ops.linear import matmul
from interactive_train.autodiff.ops.random import _dropout
from interactive_train.autodiff.ops.shape import broadcast_to, reshape, transpose, window
from interactive_train.autodiff.ops.softmax import softmax
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.autodiff.transforms import vjp
from interactive_train.kernels import attention as kernels
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.blas import blas
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


class Layout(NamedTuple):
    """Where queries, keys and values of all heads lie in a row of a packed array.

    Attributes
    ----------
    queries, keys : int
        How many there are.
    heads, kv_heads, head : int
        How many heads queries have, and keys and values; the extent of one.
    q_start, q_step, k_start, k_step, v_start, v_step : int
        Where the first begins and how far the next is, in elements.
    causal : bool
        Whether query i sees the keys j <= i + keys - queries only.
    """

    queries: int
    keys: int
    heads: int
    kv_heads: int
    head: int
    q_start: int
    q_step: int
    k_start: int
    k_step: int
    v_start: int
    v_step: int
    causal: bool


def together(time: int, heads: int, kv_heads: int, head: int, causal: bool) -> Layout:
    """Return the layout of [time, (heads + 2 kv_heads) * head]: one projection of one sequence."""
    k, v = heads * head, (heads + kv_heads) * head
    step = v + kv_heads * head
    return Layout(time, time, heads, kv_heads, head, 0, step, k, step, v, step, causal)


def apart(queries: int, keys: int, heads: int, kv_heads: int, head: int, causal: bool) -> Layout:
    """Return the layout of [queries, heads * head] followed by [keys, 2 kv_heads * head]."""
    width, half = heads * head, kv_heads * head
    k = queries * width
    return Layout(
        queries, keys, heads, kv_heads, head, 0, width, k, 2 * half, k + half, 2 * half, causal
    )


def _sizes(batch: int, size: int, layout: Layout, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    shape = layout[:5]
    return (batch, *shape, size, *layout[5:11], int(layout.causal), 0, blas().gemm(dtype))


def _plan(packed: Spec, rate: Spec, key: Spec, layout: Layout) -> Plan:
    dtype = np.dtype(packed[1])
    batch, size = packed[0][0], math.prod(packed[0][1:])
    shape = (batch, layout.queries, layout.heads * layout.head)
    rest = _sizes(batch, size, layout, dtype)
    operands = (RESULT, INPUTS[0], INPUTS[1], INPUTS[2], *rest)
    return Plan(shape, dtype, kernels.ATTENTION, dtype, operands)


def _plan_gradient(g: Spec, packed: Spec, rate: Spec, key: Spec, layout: Layout) -> Plan:
    dtype = np.dtype(packed[1])
    batch, size = packed[0][0], math.prod(packed[0][1:])
    rest = _sizes(batch, size, layout, dtype)
    operands = (RESULT, INPUTS[0], INPUTS[1], INPUTS[2], INPUTS[3], *rest)
    return Plan(packed[0], dtype, kernels.ATTENTION_GRADIENT, dtype, operands)


_attention = Primitive("_attention", _plan)
_attention_gradient = Primitive("_attention_gradient", _plan_gradient)

_attention.gradients(
    lambda g, y, packed, rate, key, layout: _attention_gradient.apply(
        [g, packed, rate, key], {"layout": layout}
    ),
    None,
    None,
)
# Higher derivatives are rare: they go through the same sums, written with simple primitives.
_attention_gradient.gradients(
    lambda h, y, g, packed, rate, key, layout: _again(h, g, packed, rate, key, layout)[0],
    lambda h, y, g, packed, rate, key, layout: _again(h, g, packed, rate, key, layout)[1],
    None,
    None,
)


def attention(packed: Tensor, layout: Layout, rate: Any = 0.0, key: Key | None = None) -> Tensor:
    """Return softmax(q k^T / sqrt(head)) v for each head.

    Parameters
    ----------
    packed : Tensor, shape (batch, ...)
        Queries, keys and values; the layout says where.
    layout : Layout
        See `together` and `apart`.
    rate : float in [0, 1)
        Of dropout on the weights. Memory, not a constant.
    key : Key, optional
        Of the dropout; without it nothing is dropped.

    Returns
    -------
    Tensor, shape (batch, queries, heads * head)

    Raises
    ------
    ValueError
        If there is no key to attend to, or a causal mask would hide all keys of a query.

    Examples
    --------
    >>> x = Tensor(np.ones((1, 5, 12), np.float32))  # 5 steps, 2 heads of 2, queries, keys, values
    >>> attention(x, together(5, 2, 2, 2, causal=True)).shape
    (1, 5, 4)
    """
    if layout.keys == 0 or (layout.causal and layout.keys < layout.queries):
        raise ValueError(
            refusal(
                "attention",
                "every query sees at least one key",
                f"{layout.queries} queries, {layout.keys} keys, causal={layout.causal}",
                "With causal=True the last query stands at the last key.",
            )
        )
    blas().use_one_thread()
    if key is None:
        return _attention.apply([packed, *_nothing(packed.spec[1])], {"layout": layout})
    _, memory = promote("attention", [packed, rate])
    return _attention.apply([packed, memory, Tensor.wrap(key.words())], {"layout": layout})


@cache
def _nothing(char: str) -> tuple[Tensor, Tensor]:
    """Return the rate and the key of no dropout."""
    return Tensor.wrap(np.zeros(1, char)), Tensor.wrap(np.zeros(2, np.uint64))


def _again(
    h: Tensor, g: Tensor, packed: Tensor, rate: Tensor, key: Tensor, layout: Layout
) -> tuple[Tensor, Tensor]:
    """Return the gradients of sum(h * attention_gradient(g, packed)) for g and packed."""

    def gradient(g: Tensor, packed: Tensor) -> Tensor:
        _, pull = vjp(lambda x: simple_attention(x, rate, key, layout), packed)
        found: Tensor = pull(g)[0]
        return found

    of_g, of_packed = vjp(gradient, g, packed)[1](h)
    return of_g, of_packed


def simple_attention(packed: Tensor, rate: Tensor, key: Tensor, layout: Layout) -> Tensor:
    """Compute what `attention` does with transpositions, products and a softmax; in any order."""
    batch, (queries, keys, heads, kv_heads, head) = packed.shape[0], layout[:5]
    size = math.prod(packed.shape[1:])
    group = heads // kv_heads

    def part(start: int, step: int, time: int, count: int) -> Tensor:
        shape, strides = (batch, count, time, head), (size, head, step, 1)
        return window(packed, start, shape, strides)

    def repeated(x: Tensor) -> Tensor:
        wide = (batch, kv_heads, group, keys, head)
        once = reshape(x, (batch, kv_heads, 1, keys, head))
        return reshape(broadcast_to(once, wide), (batch, heads, keys, head))

    q = part(layout.q_start, layout.q_step, queries, heads)
    k = repeated(part(layout.k_start, layout.k_step, keys, kv_heads))
    v = repeated(part(layout.v_start, layout.v_step, keys, kv_heads))
    scores = matmul(q, transpose(k, (0, 1, 3, 2))) / math.sqrt(head)
    if layout.causal:
        seen = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
        scores = where(seen, scores, -np.inf)
    p = _dropout.apply([softmax(scores), rate, key], {})
    return reshape(transpose(matmul(p, v), (0, 2, 1, 3)), (batch, queries, heads * head))
