"""Containers: Sequential, Residual, Compose, and Lambda, a function as a layer."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from interactive_train.nn.context import current
from interactive_train.nn.module import Module
from interactive_train.runtime.errors import refusal

Layer = Module | Callable[..., Any]


class Sequential(Module):
    """Layers and functions, one after the other.

    Parameters
    ----------
    *layers : Module or callable
        ``nn.Sequential(nn.Linear(784, 128), nn.relu, nn.Linear(128, 10))``.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> model = nn.init(Sequential(nn.Linear(2, 3), nn.relu, nn.Linear(3, 1)), seed=0)
    >>> model(np.ones((5, 2), dtype=np.float32)).shape
    (5, 1)
    """

    def __init__(self, *layers: Layer) -> None:
        for position, layer in enumerate(layers):
            _require_layer(layer, "nn.Sequential", "every layer", f" at position {position}")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return the output of the last layer."""
        call = current()
        for position, layer in enumerate(self.layers):
            if call is None or isinstance(layer, Module):
                x = layer(x)
                continue
            place = f"layers.{position}"
            x = call.run(f"{self._path}.{place}".lstrip("."), layer, (x,))
            _note(self, place, layer, x)
        return x


class Residual(Module):
    """A layer with a connection around it: y = combine(layer(x), shortcut(x)).

    Flux calls it SkipConnection.

    Parameters
    ----------
    layer : Module or callable
        With an output like its input, or like the shortcut's.
    shortcut : Module or callable, optional
        What the input goes through on its way around, for example a `Linear` that brings it to the
        width of the layer's output; by default nothing.
    combine : callable, optional
        Of the layer's output and the shortcut's; their sum by default.

    Raises
    ------
    ValueError
        If the sum is to be taken and the shapes differ.

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> block = nn.Residual(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.gelu))
    >>> nn.init(block, seed=0)(np.ones((2, 4), np.float32)).shape
    (2, 4)
    >>> nn.Residual(nn.relu, combine=lambda y, x: np.concatenate([y, x], -1))(np.ones((2, 4))).shape
    (2, 8)
    """

    def __init__(
        self,
        layer: Layer,
        *,
        shortcut: Layer | None = None,
        combine: Callable[[Any, Any], Any] = operator.add,
    ) -> None:
        where = "nn.Residual"
        self.layer = _require_layer(layer, where, "the layer")
        self.shortcut = shortcut and _require_layer(shortcut, where, "the shortcut")
        self.combine = _require_layer(combine, where, "combine")

    def forward(self, x: Any) -> Any:
        """Return the layer's output combined with what went around it."""
        y = self.layer(x)
        _note(self, "layer", self.layer, y)
        around = x
        if self.shortcut is not None:
            around = self.shortcut(x)
            _note(self, "shortcut", self.shortcut, around)
        if self.combine is operator.add and y.shape != around.shape:
            raise ValueError(
                refusal(
                    f"nn.Residual at {self._path}" if self._path else "nn.Residual",
                    "the layer's output has the shape of what goes around it",
                    f"{y.shape} and {around.shape}",
                    "Give shortcut= a layer that brings the input to the output's shape.",
                )
            )
        return self.combine(y, around)


class Compose(Module):
    """Two parts, the second behind the first: second(first(*inputs)).

    Unlike `Sequential`, which hands one array through any number of layers, the first part may take
    several inputs, what stands between the two may be anything (a tuple, a dict), and the parts
    have names in the paths of a model: ``first.weight``, ``second.layers.0.bias``.

    Parameters
    ----------
    first, second : Module or callable

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> model = nn.init(nn.Compose(lambda x, y: x - y, nn.Linear(3, 2)), seed=0)
    >>> model(np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)).numpy().max()
    np.float32(0.0)
    """

    def __init__(self, first: Layer, second: Layer) -> None:
        self.first = _require_layer(first, "nn.Compose", "the first part")
        self.second = _require_layer(second, "nn.Compose", "the second part")

    def forward(self, *inputs: Any) -> Any:
        """Return the second part's output."""
        between = self.first(*inputs)
        _note(self, "first", self.first, between)
        output = self.second(between)
        _note(self, "second", self.second, output)
        return output


class Lambda(Module):
    """A function as a layer.

    `Sequential` takes plain functions as they are. A Lambda is what a function needs where a
    module is expected: a model of its own, a part with a name in listings.

    Parameters
    ----------
    function : callable
        Of the layer's inputs.
    name : str, optional
        What it is called in a summary; the function's own name by default.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> nn.Lambda(lambda x: 2.0 * x, name="double")(np.ones(2))
    Tensor([2., 2.], dtype=float32)
    """

    def __init__(self, function: Callable[..., Any], name: str = "") -> None:
        self.function = _require_layer(function, "nn.Lambda", "the function")
        self.name = name or getattr(function, "__name__", type(function).__name__)

    def forward(self, *inputs: Any) -> Any:
        """Return what the function returns."""
        output = self.function(*inputs)
        _note(self, "function", self.function, output, self.name)
        return output


def _require_layer(layer: Any, where: str, what: str, place: str = "") -> Any:
    if not callable(layer) or isinstance(layer, type):
        fix = "Call it: nn.Linear(2, 3)." if isinstance(layer, type) else ""
        rule = f"{what} is a module or a function"
        raise TypeError(refusal(where, rule, f"{layer!r}{place}", fix))
    return layer


def _note(module: Module, place: str, layer: Any, output: Any, name: str = "") -> None:
    """Enter a plain function in the trace of the call; modules enter themselves."""
    call = current()
    if call is not None and call.trace is not None and not isinstance(layer, Module):
        name = name or getattr(layer, "__name__", type(layer).__name__)
        path = f"{module._path}.{place}".lstrip(".")
        call.trace.append((path, name, getattr(output, "shape", ())))
