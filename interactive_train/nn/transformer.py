"""The transformer's block: attention and a small network, each with a connection around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interactive_train.nn.activations import gelu
from interactive_train.nn.attention import KVCache, MultiHeadAttention
from interactive_train.nn.layers import Dropout, Linear, positive
from interactive_train.nn.module import Module
from interactive_train.nn.normalisation import LayerNorm


class TransformerBlock(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): the pre-norm block of GPT-2.

    Parameters
    ----------
    features : int
        Of the input and the output.
    heads : int
        A divisor of `features`.
    hidden : int, optional
        Width of the network; by default 4 * features.
    causal, kv_heads, rope, rope_theta
        See `MultiHeadAttention`.
    dropout : float in [0, 1)
        Of the attention's weights and of what is added to x, in training. With 0 the block has no
        layers for the latter, hence no knobs.
    bias : bool
        Whether the projections have biases, all of them.
    activation : callable
        Between the two layers of the network.

    Notes
    -----
    ``block(x)`` takes and returns (batch, time, features); ``x, cache = block(x, cache)`` goes on
    behind the steps of a cache, see `KVCache`.

    References
    ----------
    Vaswani et al.: Attention is all you need. 2017.
    Xiong et al.: On layer normalization in the transformer architecture. 2020.

    Examples
    --------
    A character model: tokens and places, blocks, a norm, and the tokens' table once more.

    >>> import numpy as np
    >>> from interactive_train import nn
    >>> class CharTransformer(nn.Module):
    ...     def __init__(self, vocabulary, context, features, heads, depth):
    ...         self.tokens = nn.Embedding(vocabulary, features)
    ...         self.places = nn.Embedding(context, features)
    ...         block = nn.TransformerBlock
    ...         self.blocks = [block(features, heads, causal=True) for _ in range(depth)]
    ...         self.norm = nn.LayerNorm(features)
    ...     def forward(self, x):
    ...         h = self.tokens(x) + self.places(np.arange(x.shape[1]))
    ...         for block in self.blocks:
    ...             h = block(h)
    ...         return self.tokens.attend(self.norm(h))
    >>> model = nn.init(CharTransformer(65, 16, 32, 4, 2), seed=0)
    >>> model(np.zeros((3, 16), np.int64)).shape
    (3, 16, 65)
    """

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        hidden: int | None = None,
        causal: bool = False,
        kv_heads: int | None = None,
        rope: bool = False,
        rope_theta: float = 10000.0,
        dropout: float = 0.0,
        bias: bool = True,
        activation: Callable[[Any], Any] = gelu,
    ) -> None:
        width = positive(
            4 * features if hidden is None else hidden, "nn.TransformerBlock", "hidden"
        )
        self.norm1 = LayerNorm(features)
        self.attention = MultiHeadAttention(
            features,
            heads,
            causal=causal,
            kv_heads=kv_heads,
            rope=rope,
            rope_theta=rope_theta,
            dropout=dropout,
            bias=bias,
        )
        self.norm2 = LayerNorm(features)
        self.widen = Linear(features, width, bias=bias)
        self.narrow = Linear(width, features, bias=bias)
        self.activation = activation
        self.dropout1 = Dropout(dropout) if dropout else None
        self.dropout2 = Dropout(dropout) if dropout else None

    def forward(self, x: Any, cache: KVCache | None = None) -> Any:
        """Return the output, of the input's shape; with a cache, (output, cache)."""
        if cache is None:
            seen = self.attention(self.norm1(x))
        else:
            seen, cache = self.attention(self.norm1(x), None, cache)
        x = x + (seen if self.dropout1 is None else self.dropout1(seen))
        y = self.narrow(self.activation(self.widen(self.norm2(x))))
        x = x + (y if self.dropout2 is None else self.dropout2(y))
        return x if cache is None else (x, cache)
