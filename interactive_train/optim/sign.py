"""Rules that take only the sign of a direction: Rprop and Lion."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State, learning_rate
from interactive_train.optim.rules import BETA1, BETA2, WEIGHT_DECAY
from interactive_train.runtime.hyperparameter import Hyperparameter


class Rprop(Rule):
    """Resilient propagation: every number has a step size of its own; for whole batches.

    With p, the gradient before: where p g > 0 the size grows by `eta_plus` up to `max_step`,
    where p g < 0 it shrinks by `eta_minus` down to `min_step` and g counts as 0.
    dx = size sign(g)

    Parameters
    ----------
    lr : float or schedule
        The first step size. Sizes are kept relative to it, so that another rate rescales them all.
    eta_minus, eta_plus, min_step, max_step : float or schedule

    References
    ----------
    Riedmiller, Braun: A direct adaptive method for faster backpropagation learning. 1993.
    Igel, Huesken: Improving the Rprop learning algorithm. 2000 (this variant, iRprop-).

    Examples
    --------
    >>> Rprop(1e-3).eta_plus
    1.2
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        Hyperparameter(
            "eta_minus",
            0.5,
            low=0.0,
            high=1.0,
            open_low=True,
            open_high=True,
            help="Shrinks a step whose gradient changed its sign.",
        ),
        Hyperparameter(
            "eta_plus",
            1.2,
            low=1.0,
            open_low=True,
            slider=(1.01, 2.0),
            help="Lengthens a step whose gradient kept its sign.",
        ),
        Hyperparameter("min_step", 1e-6, low=0.0, scale="log", slider=(1e-9, 1e-3)),
        Hyperparameter("max_step", 50.0, low=0.0, open_low=True, scale="log", slider=(1e-3, 100.0)),
    )
    lr: float
    eta_minus: float
    eta_plus: float
    min_step: float
    max_step: float

    def __init__(
        self,
        lr: Any = 1e-3,
        *,
        eta_minus: Any = 0.5,
        eta_plus: Any = 1.2,
        min_step: Any = 1e-6,
        max_step: Any = 50.0,
    ) -> None:
        super().__init__(
            lr=lr, eta_minus=eta_minus, eta_plus=eta_plus, min_step=min_step, max_step=max_step
        )

    def init(self, x: Any) -> State:
        """Return no gradient before, and sizes of 1 (times lr)."""
        return {"before": self.zeros(x), "size": np.ones(x.shape, x.dtype)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new sizes and the step."""
        low, high = 0.0, math.inf
        if self.lr > 0.0:
            low, high = self.min_step / self.lr, self.max_step / self.lr
        agreement = np.sign(state["before"]) * np.sign(g)
        grown = np.minimum(self.eta_plus * state["size"], high)
        shrunk = np.maximum(self.eta_minus * state["size"], low)
        size = np.where(agreement > 0.0, grown, np.where(agreement < 0.0, shrunk, state["size"]))
        used = np.where(agreement < 0.0, 0.0, g)
        return {"before": used, "size": size}, self.lr * (size * np.sign(used))


class Lion(Rule):
    """Evolved sign momentum: every number moves by lr, whatever its gradient's size.

    dx = lr (sign(beta1 m + (1 - beta1) g) + weight_decay x);  m <- beta2 m + (1 - beta2) g

    Take a third to a tenth of AdamW's learning rate. As in the paper; in Flux the weights of m
    are swapped, so that its step is nearly sign(g).

    Parameters
    ----------
    lr, beta1, beta2, weight_decay : float or schedule

    References
    ----------
    Chen et al.: Symbolic discovery of optimization algorithms. 2023.

    Examples
    --------
    >>> Lion()
    Lion(lr=0.0001, beta1=0.9, beta2=0.99, weight_decay=0.0)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-4),
        replace(BETA1, help="Weight of the memory in a step."),
        replace(BETA2, default=0.99, help="Memory of the mean gradient."),
        replace(WEIGHT_DECAY, default=0.0),
    )
    lr: float
    beta1: float
    beta2: float
    weight_decay: float

    def __init__(
        self, lr: Any = 1e-4, *, beta1: Any = 0.9, beta2: Any = 0.99, weight_decay: Any = 0.0
    ) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay)

    def init(self, x: Any) -> State:
        """Return a mean of zero."""
        return {"m": self.zeros(x)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new mean and the step."""
        direction = np.sign(self.beta1 * state["m"] + (1.0 - self.beta1) * g)
        m = self.beta2 * state["m"] + (1.0 - self.beta2) * g
        return {"m": m}, self.lr * (direction + self.weight_decay * x)
