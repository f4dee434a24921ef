"""The plain layers: Linear and Dropout, and what all layers share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from interactive_train.autodiff.ops.random import dropout
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import current
from interactive_train.nn.initializers import Initializer, glorot_uniform, zeros
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
        x = require_floating(x, named(self))
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                refusal(
                    named(self),
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
        inputs = require_floating(x, named(self))
        call = current()
        if call is None or not call.training:
            return inputs
        return dropout(inputs, self.rate, call.draw(self._path))


def positive(value: Any, where: str, name: str) -> int:
    """Return a positive integer, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal(where, f"{name} is a positive integer", repr(value)))
    if value < 1:
        raise ValueError(refusal(where, f"{name} is a positive integer", str(value)))
    return int(value)


def named(module: Module) -> str:
    """Return what errors call a layer: its kind, and its path inside of a model."""
    kind = f"nn.{type(module).__name__}"
    return f"{kind} at {module._path}" if module._path else kind
