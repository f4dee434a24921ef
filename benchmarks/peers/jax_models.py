"""The workloads' models as plain JAX functions over dicts of arrays.

Each builder returns the parameters, the data's layout and ``predict(params, x, key) -> logits``.
Images are channels-last, which XLA's CPU convolutions want.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.workloads import Cnn, Gpt, Mlp, Recurrent, ResNet, Shape

Params = dict[str, Any]


def same(x: Any) -> Any:
    return x


@dataclass(frozen=True)
class Model:
    """What a step needs of a model.

    Attributes
    ----------
    params : dict of arrays
    predict : callable
        (params, x, key) -> logits.
    layout : callable
        Brings the NumPy inputs into the order that the model reads.
    random : bool
        Whether `predict` uses its key.
    """

    params: Params
    predict: Callable[[Params, Any, Any], Any]
    layout: Callable[[Any], Any] = same
    random: bool = False


class Draw:
    """Initial values by name, float32."""

    def __init__(self) -> None:
        self.numbers = np.random.default_rng(0)
        self.params: Params = {}

    def uniform(self, name: str, shape: tuple[int, ...], inner: int) -> None:
        limit = inner**-0.5
        self.params[name] = self.numbers.uniform(-limit, limit, shape).astype(np.float32)

    def constant(self, name: str, shape: tuple[int, ...], value: float = 0.0) -> None:
        self.params[name] = np.full(shape, value, np.float32)

    def linear(self, name: str, inner: int, outer: int) -> None:
        self.uniform(f"{name}.w", (inner, outer), inner)
        self.constant(f"{name}.b", (outer,))

    def conv(self, name: str, before: int, behind: int) -> None:
        self.uniform(f"{name}.w", (3, 3, before, behind), 9 * before)
        self.constant(f"{name}.b", (behind,))

    def norm(self, name: str, features: int) -> None:
        self.constant(f"{name}.scale", (features,), 1.0)
        self.constant(f"{name}.shift", (features,))


def linear(p: Params, name: str, x: Any) -> Any:
    return x @ p[f"{name}.w"] + p[f"{name}.b"]


def conv(p: Params, name: str, x: Any) -> Any:
    numbers = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, p[f"{name}.w"], (1, 1), "SAME", dimension_numbers=numbers)
    return y + p[f"{name}.b"]


def max_pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def normed(p: Params, name: str, x: Any, axes: tuple[int, ...]) -> Any:
    mean = x.mean(axes, keepdims=True)
    variance = jnp.square(x - mean).mean(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p[f"{name}.scale"] + p[f"{name}.shift"]


def channels_last(x: Any) -> Any:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def mlp(shape: Mlp) -> Model:
    draw = Draw()
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[shape.activation]
    last = len(shape.widths) - 2
    for i, (before, behind) in enumerate(zip(shape.widths, shape.widths[1:], strict=False)):
        draw.linear(str(i), before, behind)

    def predict(p: Params, x: Any, key: Any) -> Any:
        for i in range(last):
            x = activation(linear(p, str(i), x))
        return linear(p, str(last), x)

    return Model(draw.params, predict)


def cnn(shape: Cnn) -> Model:
    draw = Draw()
    for i, (before, behind) in enumerate(zip(shape.channels, shape.channels[1:], strict=False)):
        draw.conv(str(i), before, behind)
    draw.linear("head", shape.features, shape.classes)

    def predict(p: Params, x: Any, key: Any) -> Any:
        for i in range(len(shape.channels) - 1):
            x = max_pool(jax.nn.relu(conv(p, str(i), x)))
        return linear(p, "head", x.reshape(x.shape[0], -1))

    return Model(draw.params, predict, channels_last)


def resnet(shape: ResNet) -> Model:
    # The running statistics are left out: a mean and a variance more per layer, next to nothing.
    draw = Draw()
    for i, (before, behind) in enumerate(zip(shape.channels, shape.channels[1:], strict=False)):
        for part, inner in (("in", before), ("first", behind), ("second", behind)):
            draw.conv(f"{i}.{part}", inner, behind)
            draw.norm(f"{i}.{part}", behind)
    draw.linear("head", shape.channels[-1], shape.classes)

    def predict(p: Params, x: Any, key: Any) -> Any:
        for i in range(len(shape.channels) - 1):
            x = max_pool(x) if i else x

            def layer(part: str, x: Any, stage: int = i) -> Any:
                return normed(p, f"{stage}.{part}", conv(p, f"{stage}.{part}", x), (0, 1, 2))

            x = jax.nn.relu(layer("in", x))
            x = jax.nn.relu(x + layer("second", jax.nn.relu(layer("first", x))))
        return linear(p, "head", x.mean((1, 2)))

    return Model(draw.params, predict, channels_last)


def recurrent(shape: Recurrent) -> Model:
    draw = Draw()
    width, gates = shape.width, {"lstm": 4, "gru": 3}[shape.cell]
    draw.uniform("embedding", (shape.vocabulary, shape.embedding), 1)
    draw.linear("input", shape.embedding, gates * width)
    draw.linear("state", width, gates * width)
    draw.linear("head", width, shape.vocabulary)

    def lstm(p: Params, carry: Any, z: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(z + linear(p, "state", h), 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def gru(p: Params, carry: Any, z: Any) -> Any:
        h, unused = carry
        zr, zu, zn = jnp.split(z, 3, axis=-1)
        sr, su, sn = jnp.split(linear(p, "state", h), 3, axis=-1)
        update = jax.nn.sigmoid(zu + su)
        h = (1 - update) * jnp.tanh(zn + jax.nn.sigmoid(zr + sr) * sn) + update * h
        return (h, unused), h

    cell = {"lstm": lstm, "gru": gru}[shape.cell]

    def predict(p: Params, x: Any, key: Any) -> Any:
        z = linear(p, "input", p["embedding"][x.T])  # (time, batch, gates), one product
        zeros = jnp.zeros((x.shape[0], width), np.float32)
        _, h = lax.scan(lambda carry, at: cell(p, carry, at), (zeros, zeros), z)
        if shape.dropout:
            kept = jax.random.bernoulli(key, 1 - shape.dropout, h.shape)
            h = jnp.where(kept, h / (1 - shape.dropout), 0)
        return linear(p, "head", h).swapaxes(0, 1)

    return Model(draw.params, predict, random=shape.dropout > 0)


def gpt(shape: Gpt) -> Model:
    draw = Draw()
    width = shape.width
    draw.uniform("tokens", (shape.vocabulary, width), 2500)
    draw.uniform("positions", (shape.context, width), 2500)
    for i in range(shape.layers):
        draw.norm(f"{i}.before_attention", width)
        draw.linear(f"{i}.qkv", width, 3 * width)
        draw.linear(f"{i}.out", width, width)
        draw.norm(f"{i}.before_mlp", width)
        draw.linear(f"{i}.up", width, 4 * width)
        draw.linear(f"{i}.down", 4 * width, width)
    draw.norm("norm", width)
    draw.linear("head", width, shape.vocabulary)

    def predict(p: Params, x: Any, key: Any) -> Any:
        h = p["tokens"][x] + p["positions"]
        batch, length = x.shape
        for i in range(shape.layers):
            normal = normed(p, f"{i}.before_attention", h, (-1,))
            qkv = linear(p, f"{i}.qkv", normal).reshape(batch, length, 3, shape.heads, -1)
            q, k, v = (qkv[:, :, j] for j in range(3))
            mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
            h = h + linear(p, f"{i}.out", mixed.reshape(batch, length, width))
            up = linear(p, f"{i}.up", normed(p, f"{i}.before_mlp", h, (-1,)))
            h = h + linear(p, f"{i}.down", jax.nn.gelu(up, approximate=False))
        return linear(p, "head", normed(p, "norm", h, (-1,)))

    return Model(draw.params, predict)


BUILD: dict[type[Shape], Callable[[Any], Model]] = {
    Mlp: mlp,
    Cnn: cnn,
    ResNet: resnet,
    Recurrent: recurrent,
    Gpt: gpt,
}


def build(shape: Shape) -> Model:
    """Return parameters and prediction."""
    return BUILD[type(shape)](shape)
