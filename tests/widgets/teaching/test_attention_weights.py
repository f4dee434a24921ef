"""Attention computed once more is the layer's own: weights, values and output projection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train import nn
from interactive_train_widgets.teaching.attention_weights import attention_weights, heads_of

RNG = np.random.default_rng(3)
LAYERS = [
    {},
    {"causal": True},
    {"causal": True, "bias": True},
    {"kv_heads": 2},
    {"kv_heads": 1, "causal": True},
    {"rope": True, "causal": True},
    {"rope": True, "kv_heads": 2, "causal": True, "bias": True, "rope_theta": 100.0},
    {"dropout": 0.5},
]


def output(layer: Any, x: Any, context: Any = None) -> Any:
    """What the layer gives, made of the weights: weights @ v, heads side by side, out."""
    mixed = attention_weights(layer, x, context) @ heads_of(layer, x, context).v
    joined = mixed.swapaxes(1, 2).reshape(*x.shape[:2], layer.features)
    out = joined @ np.asarray(layer.out.weight, np.float64)
    return out if layer.out.bias is None else out + np.asarray(layer.out.bias, np.float64)


@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_the_weights_on_the_values_give_the_output_of_the_layer(options: Any) -> None:
    layer = nn.init(nn.MultiHeadAttention(16, 4, **options), seed=1, dtype=np.float64)
    for bias in (layer.qkv.bias, layer.out.bias):
        if bias is not None:
            bias[...] = RNG.normal(size=bias.shape)
    x = RNG.normal(size=(3, 7, 16))
    np.testing.assert_allclose(output(layer, x), layer(x).numpy(), rtol=1e-9, atol=1e-12)


def test_keys_of_another_sequence_are_attended_to_as_the_layer_does() -> None:
    layer = nn.init(nn.MultiHeadAttention(16, 4, kv_heads=2, bias=True), seed=1, dtype=np.float64)
    x, context = RNG.normal(size=(2, 3, 16)), RNG.normal(size=(2, 9, 16))
    assert attention_weights(layer, x, context).shape == (2, 4, 3, 9)
    found = output(layer, x, context)
    np.testing.assert_allclose(found, layer(x, context).numpy(), rtol=1e-9, atol=1e-12)


def test_each_row_sums_to_one_and_what_comes_later_is_hidden() -> None:
    layer = nn.init(nn.MultiHeadAttention(16, 4, causal=True, rope=True), seed=2)
    weights = attention_weights(layer, 30 * RNG.normal(size=(1, 6, 16)))
    np.testing.assert_allclose(weights.sum(axis=3), 1.0)
    assert np.all(weights[..., np.triu(np.ones((6, 6), bool), 1)] == 0.0)
