"""The update rules.

In every formula x is the parameter, g its gradient, t the number of updates of
this array, counted from 1; the caller does x <- x - dx.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State, learning_rate
from interactive_train.runtime.checks import flag
from interactive_train.runtime.hyperparameter import Hyperparameter

MOMENTUM = Hyperparameter(
    "momentum", 0.0, low=0.0, high=1.0, open_high=True, help="How much of the last step stays."
)
BETA1 = Hyperparameter(
    "beta1",
    0.9,
    low=0.0,
    high=1.0,
    open_high=True,
    slider=(0.0, 0.999),
    label="Beta 1",
    help="Memory of the mean gradient.",
)
BETA2 = Hyperparameter(
    "beta2",
    0.999,
    low=0.0,
    high=1.0,
    open_high=True,
    slider=(0.8, 0.9999),
    label="Beta 2",
    help="Memory of the mean squared gradient.",
)
EPSILON = Hyperparameter(
    "eps",
    1e-8,
    low=0.0,
    scale="log",
    slider=(1e-10, 1e-2),
    label="Epsilon",
    help="Keeps the division finite.",
)
WEIGHT_DECAY = Hyperparameter(
    "weight_decay",
    0.01,
    low=0.0,
    scale="log",
    slider=(1e-6, 1.0),
    help="Pulls every parameter towards 0.",
)


class SGD(Rule):
    """Stochastic gradient descent, with momentum if wanted.

    v <- momentum v + g;  dx = lr v  (nesterov: dx = lr (g + momentum v)).
    With `lr_in_velocity`, v <- momentum v + lr g and dx = v: a new learning rate then
    does not rescale the momentum gathered so far (Flux's Momentum).

    Parameters
    ----------
    lr, momentum : float or schedule
    nesterov : bool
    lr_in_velocity : bool

    References
    ----------
    Sutskever et al.: On the importance of initialization and momentum in deep learning. 2013.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (learning_rate(0.01), MOMENTUM)
    options: ClassVar[tuple[str, ...]] = ("nesterov", "lr_in_velocity")
    lr: float
    momentum: float

    def __init__(
        self,
        lr: Any = 0.01,
        *,
        momentum: Any = 0.0,
        nesterov: bool = False,
        lr_in_velocity: bool = False,
    ) -> None:
        super().__init__(lr=lr, momentum=momentum)
        self.nesterov = flag(nesterov, "nesterov", "optim.SGD")
        self.lr_in_velocity = flag(lr_in_velocity, "lr_in_velocity", "optim.SGD")

    def tame(self, values: dict[str, float]) -> bool:
        """Whether the rate is no absurd one."""
        return values["lr"] <= 1e6 and values["momentum"] <= 1.0 - 1e-6

    def init(self, x: Any) -> State:
        """Return a velocity of zero."""
        return {"velocity": np.zeros(x.shape, x.dtype)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new velocity and the step."""
        if self.momentum == 0.0:
            step = self.lr * g
            return {"velocity": step if self.lr_in_velocity else g}, step
        push = self.lr * g if self.lr_in_velocity else g
        velocity = self.momentum * state["velocity"] + push
        step = push + self.momentum * velocity if self.nesterov else velocity
        return {"velocity": velocity}, step if self.lr_in_velocity else self.lr * step


class Adam(Rule):
    """Adam: adaptive moment estimation.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2
    dx = lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    The powers of beta are running products per array, so that a beta which is
    changed in mid-run is accounted for from then on.

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization. 2015.

    Examples
    --------
    >>> Adam(1e-3)
    Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        BETA1,
        BETA2,
        EPSILON,
    )
    lr: float
    beta1: float
    beta2: float
    eps: float

    def __init__(
        self, lr: Any = 1e-3, *, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
    ) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps)

    def tame(self, values: dict[str, float]) -> bool:
        """Whether the division is safe and the rate is no absurd one."""
        return values["lr"] <= 1e6 and values["eps"] >= 1e-16

    def init(self, x: Any) -> State:
        """Return moments of zero and powers of one."""
        zeros = np.zeros(x.shape, x.dtype)
        return {"m": zeros, "v": zeros.copy(), "beta1_power": 1.0, "beta2_power": 1.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        new, direction = self.direction(state, g)
        return new, self.lr * direction

    def direction(self, state: State, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step for a learning rate of 1."""
        m = self.beta1 * state["m"] + (1.0 - self.beta1) * g
        v = self.beta2 * state["v"] + (1.0 - self.beta2) * (g * g)
        power1 = state["beta1_power"] * self.beta1
        power2 = state["beta2_power"] * self.beta2
        correction1, correction2 = 1.0 / (1.0 - power1), 1.0 / (1.0 - power2)
        step = (m * correction1) / (np.sqrt(v * correction2) + self.eps)
        return {"m": m, "v": v, "beta1_power": power1, "beta2_power": power2}, step


class AdamW(Adam):
    """Adam with decoupled weight decay.

    dx = lr (a + weight_decay x) with Adam's direction a; without `decay_scaled_by_lr`,
    dx = lr a + weight_decay x.

    Parameters
    ----------
    lr, beta1, beta2, eps, weight_decay : float or schedule
    decay_scaled_by_lr : bool

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization. 2019.

    Examples
    --------
    >>> AdamW(1e-3, weight_decay=0.1).weight_decay
    0.1
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (*Adam.hyperparameters, WEIGHT_DECAY)
    options: ClassVar[tuple[str, ...]] = ("decay_scaled_by_lr",)
    weight_decay: float

    def __init__(
        self,
        lr: Any = 1e-3,
        *,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        eps: Any = 1e-8,
        weight_decay: Any = 0.01,
        decay_scaled_by_lr: bool = True,
    ) -> None:
        Rule.__init__(self, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        self.decay_scaled_by_lr = flag(decay_scaled_by_lr, "decay_scaled_by_lr", "optim.AdamW")

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        new, direction = self.direction(state, g)
        if self.decay_scaled_by_lr:
            return new, self.lr * (direction + self.weight_decay * x)
        return new, self.lr * direction + self.weight_decay * x
