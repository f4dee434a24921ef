"""Attention as an operation: PyTorch's values and gradients, differences, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import Tensor, check_grads, jvp, vjp
from interactive_train.autodiff.ops.attention import (
    _attention,
    apart,
    attention,
    simple_attention,
    together,
)
from interactive_train.autodiff.ops.rotary import rotate
from interactive_train.machine.eager import execution
from interactive_train.runtime.key import Key
from tests.conftest import require

torch = require("torch")
KEY = Key.from_seed(0)


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def in_torch(x: Any, heads: int, kv_heads: int, causal: bool) -> Any:
    """Split a packed projection, repeat the shared heads, and call PyTorch's attention."""
    batch, time, width = x.shape
    head = width // (heads + 2 * kv_heads)
    parts = x.split([heads * head, kv_heads * head, kv_heads * head], 2)
    q, k, v = (a.reshape(batch, time, -1, head).transpose(1, 2) for a in parts)
    k, v = (a.repeat_interleave(heads // kv_heads, 1) for a in (k, v))
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return y.transpose(1, 2).reshape(batch, time, heads * head)


@pytest.mark.oracle
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("batch", "time", "heads", "kv_heads", "head"),
    [(2, 7, 2, 2, 4), (3, 64, 4, 4, 32), (2, 33, 6, 2, 5), (1, 300, 2, 1, 8)],
)
def test_values_and_gradients_are_pytorchs(
    batch: int, time: int, heads: int, kv_heads: int, head: int, causal: bool
) -> None:
    x = draw(batch, time, (heads + 2 * kv_heads) * head)
    layout = together(time, heads, kv_heads, head, causal)
    y, pull = vjp(lambda a: attention(a, layout), x)
    g = draw(*y.shape, seed=1)
    theirs = torch.tensor(x, requires_grad=True)
    result = in_torch(theirs, heads, kv_heads, causal)
    result.backward(torch.tensor(g))
    np.testing.assert_allclose(y.numpy(), result.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(pull(g)[0].numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


LAYOUTS = {
    "one projection": (together(4, 2, 2, 3, True), (2, 4, 18)),
    "shared heads": (together(3, 4, 2, 2, False), (1, 3, 16)),
    "two sequences": (apart(2, 5, 2, 1, 2, True), (2, 2 * 4 + 5 * 4)),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_first_and_second_order(name: str, rate: float) -> None:
    layout, shape = LAYOUTS[name]
    check_grads(lambda x: attention(x * x, layout, rate, KEY), (draw(*shape),), order=2)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_it_is_a_softmax_between_two_products(name: str, rate: float) -> None:
    layout, shape = LAYOUTS[name]
    x = draw(*shape)
    memory, key = Tensor(np.array([rate])), Tensor.wrap(KEY.words())
    want, pull = vjp(lambda a: simple_attention(a, memory, key, layout), x)
    got, pull_ours = vjp(lambda a: attention(a, layout, rate, KEY), x)
    g = draw(*want.shape, seed=2)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(pull_ours(g)[0].numpy(), pull(g)[0].numpy(), rtol=1e-11, atol=1e-13)
    with execution("checked"):
        slow, pull_slow = vjp(lambda a: attention(a, layout, rate, KEY), x)
        np.testing.assert_allclose(slow.numpy(), got.numpy(), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(
            pull_slow(g)[0].numpy(), pull_ours(g)[0].numpy(), rtol=1e-11, atol=1e-13
        )


def test_the_derivative_along_a_direction() -> None:
    layout, shape = LAYOUTS["one projection"]
    x, v = draw(*shape), draw(*shape, seed=3)
    _, along = jvp(lambda a: attention(a, layout), (x,), (v,))
    step = 1e-6
    ends = [attention(Tensor(x + h * v), layout).numpy() for h in (step, -step)]
    np.testing.assert_allclose(along.numpy(), (ends[0] - ends[1]) / (2 * step), atol=1e-8)


def test_the_weights_of_a_causal_mask_never_look_ahead() -> None:
    layout, shape = LAYOUTS["one projection"]
    x = draw(*shape)
    changed = x.copy()
    changed[:, 3] += 1.0
    before, after = (attention(Tensor(a), layout).numpy() for a in (x, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3] != after[:, 3]).all()


def test_dropout_is_a_function_of_the_key_and_keeps_the_mean() -> None:
    layout = together(64, 8, 8, 4, False)
    x = np.zeros((4, 64, 96))
    x[..., 64:] = 1.0  # equal weights, values of one: a result is the share that was kept
    one, same, other = (
        attention(Tensor(x), layout, 0.25, k).numpy() for k in (KEY, KEY, KEY.at(1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert abs(one.mean() - 1.0) < 0.02


@pytest.mark.parametrize(
    "layout", [apart(2, 0, 1, 1, 2, False), apart(3, 2, 1, 1, 2, True)], ids=str
)
def test_a_query_without_keys_is_refused(layout: Any) -> None:
    size = layout.queries * 2 + layout.keys * 4
    with pytest.raises(ValueError, match="attention: every query sees at least one key; got"):
        attention(Tensor(np.zeros((1, size))), layout)


def test_a_layout_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="attention"):
        attention(Tensor(np.zeros((1, 4, 10))), together(4, 2, 2, 3, True))
    assert _attention.name == "_attention"


def test_no_sequence_has_an_empty_result() -> None:
    layout = together(3, 2, 2, 2, True)
    assert attention(Tensor(np.zeros((0, 3, 12))), layout).shape == (0, 3, 4)


# Rotary positions


def test_turning_keeps_the_products_of_equal_distances() -> None:
    x = np.tile(draw(1, 1, 8), (1, 6, 1))
    y = np.tile(draw(1, 1, 8, seed=1), (1, 6, 1))
    a, b = (rotate(Tensor(v), 1, 8).numpy()[0] for v in (x, y))
    products = a @ b.T
    for distance in range(-5, 6):
        along = np.diagonal(products, distance)
        np.testing.assert_allclose(along, along[0], rtol=1e-12)
    np.testing.assert_allclose(a[0], x[0, 0])
    assert abs(products[0, 1] - products[0, 0]) > 1e-3


def test_turning_is_that_of_the_paper() -> None:
    x = draw(2, 5, 8)
    got = rotate(Tensor(x), heads=2, head=4, start=3, theta=100.0).numpy()
    for t in range(5):
        for at in (0, 4):
            for c in range(2):
                turn = np.exp(1j * (t + 3) * 100.0 ** (-2 * c / 4))
                want = (x[:, t, at + c] + 1j * x[:, t, at + c + 2]) * turn
                np.testing.assert_allclose(got[:, t, at + c], want.real, atol=1e-12)
                np.testing.assert_allclose(got[:, t, at + c + 2], want.imag, atol=1e-12)


def test_turning_and_its_gradients() -> None:
    check_grads(lambda x: rotate(x, 1, 4, start=2) * x, (draw(2, 3, 6),), order=2)
