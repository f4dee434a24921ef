"""Rules for large batches and large models, which look at a whole array: Lamb, Adafactor, Muon."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State, learning_rate
from interactive_train.optim.rules import BETA1, BETA2, EPSILON, MOMENTUM, WEIGHT_DECAY
from interactive_train.runtime.checks import flag, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


def _norm(array: Any) -> Any:
    return np.sqrt(np.sum(np.square(array)))


def _root_mean_square(array: Any) -> Any:
    return np.sqrt(np.mean(np.square(array)))


class Lamb(Rule):
    """AdamW whose step is as long as its array times lr.

    u = m^ / (sqrt(v^) + eps) + weight_decay x, with Adam's moments;  dx = lr ||x|| / ||u|| u
    The quotient is 1 where one of the norms is 0.

    Parameters
    ----------
    lr, beta1, beta2, eps, weight_decay : float or schedule

    References
    ----------
    You et al.: Large batch optimization for deep learning: training BERT in 76 minutes. 2020.

    Examples
    --------
    >>> Lamb(1e-3)
    Lamb(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-06, weight_decay=0.01)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        BETA1,
        BETA2,
        replace(EPSILON, default=1e-6),
        WEIGHT_DECAY,
    )
    elementwise: ClassVar[bool] = False
    lr: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float

    def __init__(
        self,
        lr: Any = 1e-3,
        *,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        eps: Any = 1e-6,
        weight_decay: Any = 0.01,
    ) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)

    def init(self, x: Any) -> State:
        """Return moments of zero and powers of one."""
        return {"m": self.zeros(x), "v": self.zeros(x), "beta1_power": 1.0, "beta2_power": 1.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m = self.beta1 * state["m"] + (1.0 - self.beta1) * g
        v = self.beta2 * state["v"] + (1.0 - self.beta2) * (g * g)
        power1 = state["beta1_power"] * self.beta1
        power2 = state["beta2_power"] * self.beta2
        new = {"m": m, "v": v, "beta1_power": power1, "beta2_power": power2}
        u = (m / (1.0 - power1)) / (np.sqrt(v / (1.0 - power2)) + self.eps) + self.weight_decay * x
        own, length = _norm(x), _norm(u)
        ratio = np.where(own > 0.0, np.where(length > 0.0, own / length, 1.0), 1.0)
        return new, self.lr * (ratio * u)


class Adafactor(Rule):
    """Adam's scale in little memory: of g^2 only the means of rows and columns are kept.

    b = t^-beta2_decay;  r <- (1 - b) r + b mean_columns(g^2);  c <- (1 - b) c + b mean_rows(g^2)
    u = g / max(sqrt(r c / mean(r)), eps)
    dx = max(eps_scale, rms(x)) min(lr, 1/sqrt(t)) u / max(1, rms(u) / clipping_threshold)
         + lr weight_decay x

    Rows and columns are the last two axes; arrays with fewer keep the mean of all of g^2. The step
    is relative to the size of the parameters.

    Parameters
    ----------
    lr, beta2_decay, eps, eps_scale, clipping_threshold, weight_decay : float or schedule

    References
    ----------
    Shazeer, Stern: Adafactor: adaptive learning rates with sublinear memory cost. 2018.

    Examples
    --------
    >>> {k: v.shape for k, v in Adafactor().init(np.ones((3, 4))).items() if k != "count"}
    {'rows': (3, 1), 'columns': (1, 4)}
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-2),
        Hyperparameter(
            "beta2_decay", 0.8, low=0.0, open_low=True, high=1.0, help="How fast the memory grows."
        ),
        replace(EPSILON, default=1e-7),
        Hyperparameter(
            "eps_scale",
            1e-3,
            low=0.0,
            scale="log",
            slider=(1e-6, 1.0),
            help="The least size that parameters are taken to have.",
        ),
        Hyperparameter(
            "clipping_threshold",
            1.0,
            low=0.0,
            open_low=True,
            scale="log",
            slider=(0.1, 10.0),
            help="The largest root mean square of an update.",
        ),
        replace(WEIGHT_DECAY, default=0.0),
    )
    elementwise: ClassVar[bool] = False
    lr: float
    beta2_decay: float
    eps: float
    eps_scale: float
    clipping_threshold: float
    weight_decay: float

    def __init__(
        self,
        lr: Any = 1e-2,
        *,
        beta2_decay: Any = 0.8,
        eps: Any = 1e-7,
        eps_scale: Any = 1e-3,
        clipping_threshold: Any = 1.0,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(
            lr=lr,
            beta2_decay=beta2_decay,
            eps=eps,
            eps_scale=eps_scale,
            clipping_threshold=clipping_threshold,
            weight_decay=weight_decay,
        )

    def init(self, x: Any) -> State:
        """Return means of zero, of rows and columns where there are both."""
        if len(x.shape) < 2:
            return {"v": self.zeros(x), "count": 0.0}
        rows = np.zeros((*x.shape[:-1], 1), x.dtype)
        columns = np.zeros((*x.shape[:-2], 1, x.shape[-1]), x.dtype)
        return {"rows": rows, "columns": columns, "count": 0.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new means and the step."""
        if x.size == 0:
            return state, g
        count = state["count"] + 1.0
        share = count**-self.beta2_decay
        square = g * g
        if len(x.shape) < 2:
            v = (1.0 - share) * state["v"] + share * square
            new = {"v": v, "count": count}
        else:
            rows = np.mean(square, axis=-1, keepdims=True)
            rows = (1.0 - share) * state["rows"] + share * rows
            columns = np.mean(square, axis=-2, keepdims=True)
            columns = (1.0 - share) * state["columns"] + share * columns
            new = {"rows": rows, "columns": columns, "count": count}
            mean = np.mean(rows, axis=-2, keepdims=True)
            v = (rows * columns) / np.maximum(mean, self.eps)
        update = g / np.sqrt(np.maximum(v, self.eps * self.eps))
        excess = np.maximum(_root_mean_square(update) * (1.0 / self.clipping_threshold), 1.0)
        size = np.maximum(_root_mean_square(x), self.eps_scale)
        rate = np.minimum(self.lr, 1.0 / np.sqrt(count))
        return new, (rate * size / excess) * update + (self.lr * self.weight_decay) * x


class Muon(Rule):
    """Momentum whose matrix is made orthogonal, so that all directions are learnt alike fast.

    v <- momentum v + (1 - momentum) g;  u = v  (nesterov: u = (1 - momentum) g + momentum v)
    dx = lr sqrt(max(1, columns / rows)) orthogonal(u) + lr weight_decay x

    orthogonal(u) brings the singular values of u near 1 by `steps` turns of
    X <- a X + b (X X') X + c (X X')^2 X, after division by the norm of u. Columns are a layer's
    outputs, rows its inputs, as in `nn.Linear`.

    For matrices; let a chooser give all else another rule:
    ``it.setup(lambda path, x: optim.Muon() if x.ndim == 2 else optim.AdamW(), model)``.

    Parameters
    ----------
    lr, momentum, weight_decay, eps : float or schedule
    nesterov : bool
    steps : int

    References
    ----------
    Jordan et al.: Muon: an optimizer for hidden layers in neural networks. 2024.

    Examples
    --------
    >>> Muon(0.02, steps=6)
    Muon(lr=0.02, momentum=0.95, weight_decay=0.1, eps=1e-07, steps=6)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        replace(MOMENTUM, default=0.95),
        replace(WEIGHT_DECAY, default=0.1),
        replace(EPSILON, default=1e-7),
    )
    options: ClassVar[tuple[str, ...]] = ("nesterov", "steps")
    elementwise: ClassVar[bool] = False
    lr: float
    momentum: float
    weight_decay: float
    eps: float

    def __init__(
        self,
        lr: Any = 1e-3,
        *,
        momentum: Any = 0.95,
        weight_decay: Any = 0.1,
        eps: Any = 1e-7,
        nesterov: bool = True,
        steps: int = 5,
    ) -> None:
        super().__init__(lr=lr, momentum=momentum, weight_decay=weight_decay, eps=eps)
        self.nesterov = flag(nesterov, "nesterov", "optim.Muon")
        self.steps = whole_number(steps, "steps", "optim.Muon")

    def init(self, x: Any) -> State:
        """Return a velocity of zero.

        Raises
        ------
        ValueError
            If the array is no matrix.
        """
        if len(x.shape) != 2:
            raise ValueError(
                refusal(
                    "optim.Muon",
                    "the array is a matrix",
                    f"shape {tuple(x.shape)}",
                    "Choose per array: it.setup(lambda path, x: optim.Muon() if x.ndim == 2 "
                    "else optim.AdamW(), model).",
                )
            )
        return {"velocity": self.zeros(x)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new velocity and the step."""
        velocity = self.momentum * state["velocity"] + (1.0 - self.momentum) * g
        u = (1.0 - self.momentum) * g + self.momentum * velocity if self.nesterov else velocity
        if x.size == 0:
            return {"velocity": velocity}, u
        rows, columns = x.shape
        rate = self.lr * math.sqrt(max(1.0, columns / rows))
        step = rate * orthogonal(u, self.steps, self.eps)
        return {"velocity": velocity}, step + (self.lr * self.weight_decay) * x


# Chosen for the steepest rise of small singular values; they end between 0.7 and 1.2, not at 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonal(matrix: Any, steps: int = 5, eps: float = 1e-7) -> Any:
    """Return a matrix with nearly the same singular vectors and singular values near 1.

    Parameters
    ----------
    matrix : Tensor
    steps : int
        Of the Newton-Schulz iteration.
    eps : float
        The least norm that is divided by.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    found = matrix if wide else matrix.T
    found = found / np.maximum(_norm(found), eps)
    for _ in range(steps):
        gram = found @ found.T
        found = _A * found + (_B * gram + _C * (gram @ gram)) @ found
    return found if wide else found.T
