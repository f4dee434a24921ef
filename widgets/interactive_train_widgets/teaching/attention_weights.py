"""What an attention layer looks at, computed once more: its kernel does not keep the weights.

Plain NumPy over a layer's own arrays, in float64: q, k and v from the packed projection, turned
by rotary angles, heads of keys and values repeated for their groups, then softmax(q k^T / sqrt(d)).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn import MultiHeadAttention

Floats = NDArray[np.float64]


class Heads(NamedTuple):
    """Queries, keys and values of all heads, each of shape (batch, heads, time, head)."""

    q: Floats
    k: Floats
    v: Floats


def heads_of(layer: MultiHeadAttention, x: Any, context: Any = None) -> Heads:
    """Return what a layer's projections make of its inputs, a head of k and v for each of q.

    Parameters
    ----------
    layer : MultiHeadAttention
        Filled.
    x : array_like, shape (batch, time, features)
    context : array_like, shape (batch, length, features), optional
        Where keys and values come from; by default x.
    """
    source = x if context is None else context
    weight, bias = layer.qkv.weight, layer.qkv.bias
    matrix = np.asarray(weight, dtype=np.float64)
    offset = 0.0 if bias is None else np.asarray(bias, dtype=np.float64)
    inner, shared = layer.heads * layer.head, layer.kv_heads * layer.head

    def part(start: int, stop: int, values: Any, heads: int) -> Floats:
        projected = (np.asarray(values, dtype=np.float64) @ matrix + offset)[..., start:stop]
        batch, time = projected.shape[:2]
        return projected.reshape(batch, time, heads, layer.head).swapaxes(1, 2)

    q = part(0, inner, x, layer.heads)
    k = part(inner, inner + shared, source, layer.kv_heads)
    v = part(inner + shared, inner + 2 * shared, source, layer.kv_heads)
    if layer.rope:
        q, k = turned(q, layer.rope_theta), turned(k, layer.rope_theta)
    group = layer.heads // layer.kv_heads
    return Heads(q, np.repeat(k, group, axis=1), np.repeat(v, group, axis=1))


def turned(x: Floats, theta: float) -> Floats:
    """Return heads with the pairs (c, c + head / 2) turned by the angles t theta^(-2c / head).

    Examples
    --------
    >>> turned(np.ones((1, 1, 1, 2)), 10000.0).tolist()  # time 0 is not turned
    [[[[1.0, 1.0]]]]
    """
    time, half = x.shape[2], x.shape[3] // 2
    angle = np.arange(time)[:, None] * theta ** (-np.arange(half) / half)
    left, right = x[..., :half], x[..., half:]
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.concatenate([left * cosine - right * sine, left * sine + right * cosine], axis=3)


def attention_weights(layer: MultiHeadAttention, x: Any, context: Any = None) -> Floats:
    """Return softmax(q k^T / sqrt(head)) of each head, without dropout.

    Parameters
    ----------
    layer : MultiHeadAttention
        Filled.
    x : array_like, shape (batch, time, features)
        The layer's input.
    context : array_like, shape (batch, length, features), optional

    Returns
    -------
    array, shape (batch, heads, time, keys)
        A row for each query, its sum is 1; hidden keys have 0.

    References
    ----------
    Vaswani et al.: Attention is all you need. 2017.

    Examples
    --------
    >>> from interactive_train import nn
    >>> layer = nn.init(nn.MultiHeadAttention(8, 2, causal=True), seed=0)
    >>> attention_weights(layer, np.zeros((1, 2, 8)))[0, 0].tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    q, k, _ = heads_of(layer, x, context)
    scores = q @ k.swapaxes(2, 3) / math.sqrt(layer.head)
    if layer.causal:
        queries, keys = scores.shape[2:]
        seen = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
        scores = np.where(seen, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=3, keepdims=True))
    weights: Floats = powers / powers.sum(axis=3, keepdims=True)
    return weights
