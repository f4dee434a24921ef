"""The layers: Linear, LayerNorm, Dropout, Sequential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from interactive_train.autodiff.ops.random import dropout
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import current
from interactive_train.nn.initializers import Initializer, glorot_uniform, ones, zeros
from interactive_train.nn.module import Module, Parameter, require_floating
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


class Linear(Module):
    """y = x W + b over the last axis.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Whether to add b.
    weight_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight : array, shape (in_features, out_features)
    bias : array, shape (out_features,), or None

    Raises
    ------
    ValueError
        If the input's last axis is not `in_features`.

    Examples
    --------
    >>> from interactive_train import nn
    >>> layer = nn.init(Linear(3, 2), seed=0)
    >>> layer(np.zeros((4, 3), dtype=np.float32)).shape
    (4, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
    ) -> None:
        self.in_features = positive(in_features, "nn.Linear", "in_features")
        self.out_features = positive(out_features, "nn.Linear", "out_features")
        self.weight: Any = Parameter((in_features, out_features), weight_init)
        self.bias: Any = Parameter((out_features,), bias_init) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Return x W + b, shape (..., out_features)."""
        x = require_floating(x, _named(self))
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                refusal(
                    _named(self),
                    f"the last axis of the input has {self.in_features} features",
                    f"shape {x.shape}",
                    f"Reshape the input, or declare nn.Linear({x.shape[-1] if x.ndim else 1}, "
                    f"{self.out_features}).",
                )
            )
        y: Tensor = x @ self.weight
        if self.bias is not None:
            y = y + self.bias
        return y


class LayerNorm(Module):
    """Normalise the last axis to mean 0 and variance 1, then scale and shift.

    y = (x - mean) / sqrt(var + eps) * weight + bias, with the variance divided by n.

    Parameters
    ----------
    features : int
        Extent of the last axis.
    eps : float

    References
    ----------
    Ba, Kiros, Hinton: Layer normalization. 2016.

    Examples
    --------
    >>> from interactive_train import nn
    >>> y = nn.init(LayerNorm(4))(np.arange(4.0, dtype=np.float32))
    >>> bool(abs(np.asarray(y).mean()) < 1e-6)
    True
    """

    def __init__(self, features: int, *, eps: float = 1e-5) -> None:
        self.features = positive(features, "nn.LayerNorm", "features")
        self.eps = EPS.check(eps, "nn.LayerNorm")
        self.weight: Any = Parameter((features,), ones)
        self.bias: Any = Parameter((features,), zeros)

    def forward(self, x: Any) -> Tensor:
        """Return the normalised input, of the same shape."""
        x = require_floating(x, _named(self))
        if x.ndim == 0 or x.shape[-1] != self.features:
            raise ValueError(
                refusal(
                    _named(self),
                    f"the last axis of the input has {self.features} features",
                    f"shape {x.shape}",
                )
            )
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        y: Tensor = centred / np.sqrt(variance + self.eps) * self.weight + self.bias
        return y


EPS = Hyperparameter("eps", 1e-5, low=0.0, open_low=True, help="Keeps the division finite.")
RATE = Hyperparameter(
    "rate",
    0.5,
    low=0.0,
    high=1.0,
    open_high=True,
    slider=(0.0, 0.9),
    label="Dropout",
    help="Probability with which an activation is dropped in training.",
)


class Dropout(Module):
    """In training, zero each element with probability `rate` and scale the rest by 1/(1-rate).

    Parameters
    ----------
    rate : float in [0, 1)
        Adjustable during a fit.

    References
    ----------
    Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting. 2014.

    Examples
    --------
    >>> Dropout(0.5)(np.ones(3, dtype=np.float32))  # a plain call does not drop
    Tensor([1., 1., 1.], dtype=float32)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (RATE,)

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = rate

    def forward(self, x: Any) -> Tensor:
        """Return the input with elements dropped when training, else the input."""
        inputs = require_floating(x, _named(self))
        call = current()
        if call is None or not call.training or self.rate == 0.0:
            return inputs
        return dropout(inputs, self.rate, call.draw(self._path))


class Sequential(Module):
    """Layers and functions, one after the other.

    Parameters
    ----------
    *layers : Module or callable
        ``nn.Sequential(nn.Linear(784, 128), nn.relu, nn.Linear(128, 10))``.

    Examples
    --------
    >>> from interactive_train import nn
    >>> model = nn.init(Sequential(nn.Linear(2, 3), nn.relu, nn.Linear(3, 1)), seed=0)
    >>> model(np.ones((5, 2), dtype=np.float32)).shape
    (5, 1)
    """

    def __init__(self, *layers: Module | Callable[[Any], Any]) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer) or isinstance(layer, type):
                fix = "Call it: nn.Linear(2, 3)." if isinstance(layer, type) else ""
                raise TypeError(
                    refusal(
                        "nn.Sequential",
                        "every layer is a module or a function",
                        f"{layer!r} at position {position}",
                        fix,
                    )
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return the output of the last layer."""
        call = current()
        for position, layer in enumerate(self.layers):
            x = layer(x)
            if call is not None and call.trace is not None and not isinstance(layer, Module):
                name = getattr(layer, "__name__", type(layer).__name__)
                call.trace.append((f"{self._path}.layers.{position}".lstrip("."), name, x.shape))
        return x


def positive(value: Any, where: str, name: str) -> int:
    """Return a positive integer, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal(where, f"{name} is a positive integer", repr(value)))
    if value < 1:
        raise ValueError(refusal(where, f"{name} is a positive integer", str(value)))
    return int(value)


def _named(module: Module) -> str:
    kind = f"nn.{type(module).__name__}"
    return f"{kind} at {module._path}" if module._path else kind
