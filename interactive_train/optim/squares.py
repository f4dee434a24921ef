"""Rules that scale a gradient by the squares seen so far: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State, learning_rate
from interactive_train.optim.rules import EPSILON, MOMENTUM
from interactive_train.runtime.checks import flag, real_number
from interactive_train.runtime.hyperparameter import Hyperparameter

DECAY = Hyperparameter(
    "decay",
    0.9,
    low=0.0,
    high=1.0,
    open_high=True,
    slider=(0.0, 0.999),
    help="Memory of the mean squared gradient.",
)


class RMSprop(Rule):
    """A gradient over its root mean square.

    q <- decay q + (1 - decay) g^2;  s = g / (sqrt(q) + eps)
    v <- momentum v + s;  dx = lr v
    With `centered`, l <- decay l + (1 - decay) g, and q - l^2 stands under the root.

    Parameters
    ----------
    lr, decay, eps, momentum : float or schedule
    centered : bool

    References
    ----------
    Tieleman, Hinton: Lecture 6.5 - rmsprop. 2012.
    Graves: Generating sequences with recurrent neural networks. 2013 (centered).

    Examples
    --------
    >>> RMSprop(1e-3, centered=True)
    RMSprop(lr=0.001, decay=0.9, eps=1e-08, momentum=0.0, centered=True)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        DECAY,
        EPSILON,
        MOMENTUM,
    )
    options: ClassVar[tuple[str, ...]] = ("centered",)
    lr: float
    decay: float
    eps: float
    momentum: float

    def __init__(
        self,
        lr: Any = 1e-3,
        *,
        decay: Any = 0.9,
        eps: Any = 1e-8,
        momentum: Any = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(lr=lr, decay=decay, eps=eps, momentum=momentum)
        self.centered = flag(centered, "centered", "optim.RMSprop")

    def init(self, x: Any) -> State:
        """Return zeros for q and v, and for l if centered."""
        state = {"q": self.zeros(x), "velocity": self.zeros(x)}
        return {**state, "mean": self.zeros(x)} if self.centered else state

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new means and the step."""
        q = self.decay * state["q"] + (1.0 - self.decay) * (g * g)
        new = {"q": q}
        variance = q
        if self.centered:
            mean = self.decay * state["mean"] + (1.0 - self.decay) * g
            new["mean"] = mean
            variance = np.maximum(q - mean * mean, 0.0)  # rounding may fall below zero
        velocity = self.momentum * state["velocity"] + g / (np.sqrt(variance) + self.eps)
        return {**new, "velocity": velocity}, self.lr * velocity


class Adagrad(Rule):
    """A gradient over the root of the sum of all squares; rare features keep long steps.

    a <- a + g^2;  dx = lr g / (sqrt(a) + eps), where a begins at `initial_accumulator`

    Parameters
    ----------
    lr, eps : float or schedule
    initial_accumulator : float
        At least 0; Flux begins at eps.

    References
    ----------
    Duchi, Hazan, Singer: Adaptive subgradient methods for online learning and stochastic
    optimization. 2011.

    Examples
    --------
    >>> Adagrad(0.1, initial_accumulator=1e-8)
    Adagrad(lr=0.1, eps=1e-08, initial_accumulator=1e-08)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (learning_rate(0.01), EPSILON)
    options: ClassVar[tuple[str, ...]] = ("initial_accumulator",)
    lr: float
    eps: float

    def __init__(
        self, lr: Any = 0.01, *, eps: Any = 1e-8, initial_accumulator: float = 0.0
    ) -> None:
        super().__init__(lr=lr, eps=eps)
        self.initial_accumulator = real_number(
            initial_accumulator, "initial_accumulator", "optim.Adagrad", low=0.0
        )

    def init(self, x: Any) -> State:
        """Return the sum at its initial value."""
        return {"sum": np.full(x.shape, self.initial_accumulator, x.dtype)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new sum and the step."""
        total = state["sum"] + g * g
        return {"sum": total}, self.lr * (g / (np.sqrt(total) + self.eps))


class Adadelta(Rule):
    """A step measured by the steps before it; there is no learning rate.

    a <- decay a + (1 - decay) g^2;  dx = g sqrt(D + eps) / sqrt(a + eps)
    D <- decay D + (1 - decay) dx^2

    Parameters
    ----------
    decay, eps : float or schedule

    References
    ----------
    Zeiler: ADADELTA: an adaptive learning rate method. 2012.

    Examples
    --------
    >>> Adadelta(0.95)
    Adadelta(decay=0.95, eps=1e-08)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (DECAY, EPSILON)
    decay: float
    eps: float

    def __init__(self, decay: Any = 0.9, *, eps: Any = 1e-8) -> None:
        super().__init__(decay=decay, eps=eps)

    def init(self, x: Any) -> State:
        """Return zeros."""
        return {"gradients": self.zeros(x), "steps": self.zeros(x)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new means and the step."""
        gradients = self.decay * state["gradients"] + (1.0 - self.decay) * (g * g)
        dx = g * (np.sqrt(state["steps"] + self.eps) / np.sqrt(gradients + self.eps))
        steps = self.decay * state["steps"] + (1.0 - self.decay) * (dx * dx)
        return {"gradients": gradients, "steps": steps}, dx
