"""MultiHeadAttention against PyTorch's, its cache against the whole, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from interactive_train.nn.context import Call, calling
from interactive_train.runtime.key import Key
from tests.conftest import require

torch = require("torch")


KINDS = pytest.mark.parametrize(
    "options", [{}, {"kv_heads": 2}, {"rope": True}, {"kv_heads": 1, "rope": True}]
)


def draw(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def filled(*args: Any, seed: int = 0, **options: Any) -> Any:
    """Return a layer in float64 whose biases are not zero."""
    layer = nn.init(nn.MultiHeadAttention(*args, **options), seed=seed, dtype=np.float64)
    for part in (layer.qkv, layer.out):
        if part.bias is not None:
            part.bias = draw(*part.bias.shape, seed=7)
    return layer


@pytest.mark.oracle
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("causal", "length"), [(False, 0), (True, 0), (False, 4)])
def test_values_and_gradients_are_pytorchs(causal: bool, bias: bool, length: int) -> None:
    """length: of the context; 0 is attention to the sequence itself."""
    layer = filled(12, 3, causal=causal, bias=bias)
    theirs = torch.nn.MultiheadAttention(12, 3, bias=bias, batch_first=True, dtype=torch.float64)
    pairs = [
        (theirs.in_proj_weight, layer.qkv.weight.T),
        (theirs.out_proj.weight, layer.out.weight.T),
    ]
    if bias:
        pairs += [(theirs.in_proj_bias, layer.qkv.bias), (theirs.out_proj.bias, layer.out.bias)]
    with torch.no_grad():
        for parameter, array in pairs:
            parameter.copy_(torch.tensor(np.ascontiguousarray(array)))
    inputs = [draw(2, 6, 12, seed=1)] + ([draw(2, length, 12, seed=2)] if length else [])
    tensors = [torch.tensor(a, requires_grad=True) for a in inputs]
    mask = torch.ones(6, 6, dtype=torch.bool).triu(1) if causal else None
    want, _ = theirs(tensors[0], tensors[-1], tensors[-1], attn_mask=mask, need_weights=False)
    g = draw(2, 6, 12, seed=3)
    want.backward(torch.tensor(g))
    params, state = it.split(layer)
    y, _ = layer.apply(params, state, *inputs)
    np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-11)
    grads, of_inputs = it.grad(lambda t: (layer.apply(t[0], state, *t[1])[0] * g).sum())(
        (params, inputs)
    )
    for got, tensor in zip(of_inputs, tensors, strict=True):
        np.testing.assert_allclose(got.numpy(), tensor.grad.numpy(), rtol=1e-8, atol=1e-11)
    found = [grads["qkv"]["weight"].numpy().T, grads["out"]["weight"].numpy().T]
    if bias:
        found += [grads["qkv"]["bias"].numpy(), grads["out"]["bias"].numpy()]
    for got, (parameter, _) in zip(found, pairs, strict=True):
        np.testing.assert_allclose(got, parameter.grad.numpy(), rtol=1e-8, atol=1e-11)


@KINDS
def test_first_and_second_order(options: Any) -> None:
    layer = filled(8, 4, causal=True, bias=True, **options)
    params, state = it.split(layer)

    def run(x: Any, weight: Any) -> Any:
        nested = params | {"qkv": params["qkv"] | {"weight": weight}}
        return layer.apply(nested, state, x)[0]

    it.check_grads(run, (draw(2, 3, 8), layer.qkv.weight), order=2)


@KINDS
@pytest.mark.parametrize("pieces", [[1] * 6, [4, 1, 1], [2, 4], [6]])
def test_a_cache_goes_on_as_if_all_had_come_at_once(options: Any, pieces: list[int]) -> None:
    layer = filled(16, 4, causal=True, bias=True, **options)
    x = draw(3, 6, 16)
    cache, found, start = nn.KVCache(), [], 0
    for count in pieces:
        y, cache = layer(x[:, start : start + count], None, cache)
        found.append(y.numpy())
        start += count
        assert cache.length == start
    np.testing.assert_allclose(np.concatenate(found, 1), layer(x).numpy(), rtol=1e-10, atol=1e-12)


def test_shared_heads_are_repeated_heads() -> None:
    few, many = filled(12, 4, kv_heads=2), filled(12, 4)
    q, k, v = np.split(few.qkv.weight, [12, 18], axis=1)
    repeated = [np.repeat(a.reshape(12, 2, 3), 2, axis=1).reshape(12, 12) for a in (k, v)]
    many.qkv.weight = np.concatenate([q, *repeated], 1)
    many.out.weight = few.out.weight
    x = draw(2, 5, 12)
    np.testing.assert_allclose(few(x).numpy(), many(x).numpy(), rtol=1e-10, atol=1e-12)


def test_positions_matter_with_rope_only() -> None:
    x, order = draw(1, 5, 8), [4, 2, 0, 1, 3]
    plain, rope = filled(8, 2), filled(8, 2, rope=True)
    np.testing.assert_allclose(plain(x[:, order]).numpy(), plain(x).numpy()[:, order], atol=1e-12)
    assert np.abs(rope(x[:, order]).numpy() - rope(x).numpy()[:, order]).max() > 1e-3


def test_dropout_drops_in_training_alone_and_by_its_key() -> None:
    layer, plain = filled(8, 2, dropout=0.5), filled(8, 2)
    x = draw(2, 5, 8)
    np.testing.assert_array_equal(layer(x).numpy(), plain(x).numpy())

    def trained(module: Any, seed: int) -> Any:
        with calling(Call(True, Key.from_seed(seed))):
            return module(it.Tensor(x)).numpy()

    np.testing.assert_array_equal(trained(layer, 1), trained(layer, 1))
    assert (trained(layer, 1) != trained(layer, 2)).any()
    np.testing.assert_array_equal(trained(plain, 1), plain(x).numpy())


def test_single_precision_is_close_to_double() -> None:
    double = filled(32, 4, causal=True, rope=True, kv_heads=2)
    single = nn.init(double, dtype=np.float32)
    x = draw(2, 70, 32)
    y = single(x.astype(np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), double(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((10, 3), {}, "heads divides features; got 3 and 10"),
        ((12, 4), {"kv_heads": 3}, "kv_heads divides heads; got 3 and 4"),
        ((12, 4), {"rope": True}, "an even number of features a head; got 3"),
        ((12, 0), {}, "heads is a positive integer"),
        ((12, 4), {"dropout": 1.0}, "rate"),
        ((12, 4), {"rope_theta": 0.0}, "rope_theta"),
    ],
)
def test_declarations_are_checked(args: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.MultiHeadAttention(*args, **options)


def test_inputs_are_checked() -> None:
    layer = filled(8, 2)
    with pytest.raises(
        ValueError, match=r"the input has shape \(batch, time, 8\); got shape \(5, 8\)"
    ):
        layer(draw(5, 8))
    with pytest.raises(ValueError, match=r"the context has shape \(batch, time, 8\)"):
        layer(draw(1, 5, 8), draw(1, 5, 7))
    with pytest.raises(ValueError, match="input and context have one batch size"):
        layer(draw(1, 5, 8), draw(2, 5, 8))
    with pytest.raises(TypeError, match="the input must be floating"):
        layer(np.zeros((1, 5, 8), int))
    with pytest.raises(ValueError, match=r"a cache is an nn\.KVCache, for causal attention"):
        layer(draw(1, 5, 8), None, nn.KVCache())
    causal = filled(8, 2, causal=True)
    _, cache = causal(draw(1, 5, 8), None, nn.KVCache())
    with pytest.raises(ValueError, match=r"made by this layer for a batch of 2; got a cache"):
        causal(draw(2, 1, 8), None, cache)
