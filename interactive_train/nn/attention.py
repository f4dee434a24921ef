"""Multi-head attention, and the keys and values that generation keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from interactive_train.autodiff.ops.attention import Layout, apart, attention, together
from interactive_train.autodiff.ops.rotary import rotate
from interactive_train.autodiff.ops.shape import concatenate, reshape, window
from interactive_train.autodiff.tensor import Tensor, as_tensor
from interactive_train.nn.context import current
from interactive_train.nn.layers import RATE, Linear, named, positive
from interactive_train.nn.module import Module, require_floating
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


@dataclass(frozen=True, slots=True)
class KVCache:
    """The keys and values of the steps that a causal attention has seen; a value, never changed.

    Attributes
    ----------
    memory : Tensor or None
        Shape (batch, length, 2 * kv_heads * head); None before the first step.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(nn.MultiHeadAttention(8, 2, causal=True), seed=0)
    >>> x = np.random.default_rng(0).normal(size=(1, 5, 8)).astype(np.float32)
    >>> cache = nn.KVCache()
    >>> for t in range(5):
    ...     y, cache = layer(x[:, t : t + 1], None, cache)
    >>> bool(np.allclose(y, layer(x)[:, 4:], atol=1e-5)), cache.length
    (True, 5)
    """

    memory: Tensor | None = None

    @property
    def length(self) -> int:
        """How many steps it holds."""
        return 0 if self.memory is None else self.memory.shape[1]


class MultiHeadAttention(Module):
    """Each step looks at all others: softmax(q k^T / sqrt(head)) v for several heads at once.

    Queries, keys and values come from one product with a packed weight; all heads are computed in
    place, without a copy and without a matrix of time x time that lasts.

    Parameters
    ----------
    features : int
        Of the input and the output.
    heads : int
        A divisor of `features`; each has features / heads of them.
    causal : bool
        Whether a step sees itself and earlier steps only.
    kv_heads : int, optional
        Heads of keys and values, a divisor of `heads`: several heads then share one (grouped-query
        attention; 1 is multi-query attention). By default `heads`.
    rope : bool
        Whether to turn queries and keys by angles that grow with their time (rotary positions).
    rope_theta : float
        Base of these angles.
    dropout : float in [0, 1)
        With which an attention weight is dropped in training; the hyperparameter `rate`.
    bias : bool
        Whether the projections have biases.

    Attributes
    ----------
    qkv : Linear
        features -> (heads + 2 kv_heads) * features / heads: queries, then keys, then values.
    out : Linear
        features -> features.

    Raises
    ------
    ValueError
        If `heads` does not divide `features`, or `kv_heads` does not divide `heads`.

    Notes
    -----
    ``layer(x)`` takes (batch, time, features) and returns the same shape. ``layer(x, context)``
    takes keys and values from another sequence (batch, length, features). ``y, cache = layer(x,
    None, cache)`` goes on behind the steps that the cache holds, for generation; begin with
    `KVCache()`.

    References
    ----------
    Vaswani et al.: Attention is all you need. 2017.
    Ainslie et al.: GQA: training generalized multi-query transformer models. 2023.
    Su et al.: RoFormer: enhanced transformer with rotary position embedding. 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(MultiHeadAttention(32, 4, causal=True, kv_heads=2, rope=True), seed=0)
    >>> layer(np.zeros((2, 10, 32), np.float32)).shape
    (2, 10, 32)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (RATE,)

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        causal: bool = False,
        kv_heads: int | None = None,
        rope: bool = False,
        rope_theta: float = 10000.0,
        dropout: float = 0.0,
        bias: bool = False,
    ) -> None:
        where = "nn.MultiHeadAttention"
        self.features = positive(features, where, "features")
        self.heads = positive(heads, where, "heads")
        self.kv_heads = positive(heads if kv_heads is None else kv_heads, where, "kv_heads")
        self.head = features // heads
        self.causal, self.rope, self.rope_theta = (
            bool(causal),
            bool(rope),
            THETA.check(rope_theta, where),
        )
        self.rate = dropout
        for low, high, names in (
            (heads, features, "heads divides features"),
            (self.kv_heads, heads, "kv_heads divides heads"),
        ):
            if high % low:
                raise ValueError(refusal(where, names, f"{low} and {high}"))
        if rope and self.head % 2:
            raise ValueError(
                refusal(where, "rope needs an even number of features a head", str(self.head))
            )
        packed = (heads + 2 * self.kv_heads) * self.head
        self.qkv = Linear(features, packed, bias=bias)
        self.out = Linear(features, features, bias=bias)

    def forward(self, x: Any, context: Any = None, cache: KVCache | None = None) -> Any:
        """Return the output, of the input's shape; with a cache, (output, cache)."""
        x = self._sequence(x, "the input")
        if cache is not None:
            return self._go_on(x, context, cache)
        if context is not None:
            return self.out(self._across(x, self._sequence(context, "the context")))
        packed = self._turned(self.qkv(x), 0)
        return self.out(self._attend(packed, self._together(x.shape[1])))

    def _go_on(self, x: Tensor, context: Any, cache: KVCache) -> tuple[Tensor, KVCache]:
        if not self.causal or context is not None or not isinstance(cache, KVCache):
            raise ValueError(
                refusal(
                    named(self),
                    "a cache is an nn.KVCache, for causal attention to the sequence itself",
                    f"{type(cache).__name__}, causal={self.causal}, "
                    f"{'a' if context is not None else 'no'} context",
                    "Declare the layer with causal=True and call layer(x, None, cache).",
                )
            )
        batch, time, width = *x.shape[:2], self.features
        packed = self._turned(self.qkv(x), cache.length)
        both = _columns(packed, width, packed.shape[2])
        if cache.memory is None:
            y = self._attend(packed, self._together(time))
        else:
            if cache.memory.shape[0] != batch or cache.memory.shape[2] != both.shape[2]:
                raise ValueError(
                    refusal(
                        named(self),
                        f"the cache was made by this layer for a batch of {batch}",
                        f"a cache of shape {cache.memory.shape}",
                        "Begin with cache = nn.KVCache().",
                    )
                )
            both = concatenate([cache.memory, both], axis=1)
            y = self._attend_apart(_columns(packed, 0, width), both)
        return self.out(y), KVCache(both)

    def _across(self, x: Tensor, context: Tensor) -> Tensor:
        if self.rope or x.shape[0] != context.shape[0]:
            raise ValueError(
                refusal(
                    named(self),
                    "input and context have one batch size, and rope=False as they share no time",
                    f"shapes {x.shape} and {context.shape}, rope={self.rope}",
                    "Declare the layer without rope.",
                )
            )
        weight, bias, width = as_tensor(self.qkv.weight, named(self)), self.qkv.bias, self.features
        q = x @ _columns(weight, 0, width)
        both = context @ _columns(weight, width, weight.shape[1])
        if bias is not None:
            offset = reshape(as_tensor(bias, named(self)), (1, -1))
            q = q + _columns(offset, 0, width)
            both = both + _columns(offset, width, weight.shape[1])
        return self._attend_apart(q, both)

    def _attend_apart(self, q: Tensor, both: Tensor) -> Tensor:
        batch, time, length = q.shape[0], q.shape[1], both.shape[1]
        parts = [reshape(part, (batch, math.prod(part.shape[1:]))) for part in (q, both)]
        layout = apart(time, length, self.heads, self.kv_heads, self.head, self.causal)
        return self._attend(concatenate(parts, axis=1), layout)

    def _attend(self, packed: Tensor, layout: Layout) -> Tensor:
        call = current()
        if call is None or not call.training:
            return attention(packed, layout)
        return attention(packed, layout, self.rate, call.draw(self._path))

    def _together(self, time: int) -> Layout:
        return together(time, self.heads, self.kv_heads, self.head, self.causal)

    def _turned(self, packed: Tensor, start: int) -> Tensor:
        if not self.rope:
            return packed
        return rotate(packed, self.heads + self.kv_heads, self.head, start, self.rope_theta)

    def _sequence(self, x: Any, what: str) -> Tensor:
        tensor = require_floating(x, named(self))
        if tensor.ndim != 3 or tensor.shape[2] != self.features:
            raise ValueError(
                refusal(
                    named(self),
                    f"{what} has shape (batch, time, {self.features})",
                    f"shape {tensor.shape}",
                    "A single sequence is a batch of one: x[None].",
                )
            )
        return tensor


THETA = Hyperparameter(
    "rope_theta", 10000.0, low=0.0, open_low=True, help="Base of the rotary angles."
)


def _columns(x: Tensor, start: int, stop: int) -> Tensor:
    """Copy columns of the last axis."""
    *lead, width = x.shape
    steps = [width * math.prod(lead[i + 1 :]) for i in range(len(lead))]
    return window(x, start, (*lead, stop - start), (*steps, 1))
