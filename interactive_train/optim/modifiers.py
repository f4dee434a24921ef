"""Rules that change a gradient and leave the step to others: decay, clipping, accumulation.

They stand in a `Chain` in front of (or behind) a rule that steps. Alone, each steps by what it
makes of the gradient.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State
from interactive_train.optim.rules import WEIGHT_DECAY
from interactive_train.runtime.checks import shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


def limit(name: str, default: float, help: str) -> Hyperparameter:  # noqa: A002
    """Declare a bound above 0."""
    return Hyperparameter(
        name, default, low=0.0, open_low=True, scale="log", slider=(1e-3, 100.0), help=help
    )


class WeightDecay(Rule):
    """Pull every parameter towards 0 in proportion to itself.

    dx = g + weight_decay x. In front of a rule that is the gradient of weight_decay/2 ||x||^2;
    behind one it is decoupled, and not multiplied by a learning rate.

    Parameters
    ----------
    weight_decay : float or schedule

    References
    ----------
    Krogh, Hertz: A simple weight decay can improve generalization. 1991.

    Examples
    --------
    >>> from interactive_train import optim
    >>> optim.Chain(WeightDecay(1e-4), optim.SGD(0.1))
    Chain(WeightDecay(weight_decay=0.0001), SGD(lr=0.1, momentum=0.0))
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (replace(WEIGHT_DECAY, default=5e-4),)
    weight_decay: float

    def __init__(self, weight_decay: Any = 5e-4) -> None:
        super().__init__(weight_decay=weight_decay)

    def init(self, x: Any) -> State:
        """Return no state."""
        return {}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the gradient and the pull."""
        return state, g + self.weight_decay * x


class SignDecay(Rule):
    """Pull every parameter towards 0 at a constant pace, which makes many of them 0.

    dx = g + weight_decay sign(x), the gradient of weight_decay ||x||_1.

    Parameters
    ----------
    weight_decay : float or schedule

    References
    ----------
    Tibshirani: Regression shrinkage and selection via the lasso. 1996.

    Examples
    --------
    >>> SignDecay()
    SignDecay(weight_decay=0.001)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (replace(WEIGHT_DECAY, default=1e-3),)
    weight_decay: float

    def __init__(self, weight_decay: Any = 1e-3) -> None:
        super().__init__(weight_decay=weight_decay)

    def init(self, x: Any) -> State:
        """Return no state."""
        return {}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the gradient and the pull."""
        return state, g + self.weight_decay * np.sign(x)


class ClipGrad(Rule):
    """Bound every number of the gradient: dx = min(max(g, -delta), delta).

    Parameters
    ----------
    delta : float or schedule

    References
    ----------
    Mikolov: Statistical language models based on neural networks. 2012.

    Examples
    --------
    >>> ClipGrad(1.0)
    ClipGrad(delta=1.0)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        limit("delta", 10.0, "The largest absolute value of a gradient."),
    )
    delta: float

    def __init__(self, delta: Any = 10.0) -> None:
        super().__init__(delta=delta)

    def init(self, x: Any) -> State:
        """Return no state."""
        return {}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the bounded gradient."""
        return state, np.minimum(np.maximum(g, -self.delta), self.delta)


class ClipNorm(Rule):
    """Bound the norm of each array's gradient: dx = g min(1, max_norm / ||g||_p).

    The norm is kept as ``state["norm"]``. One that is not finite is an error, and nothing is
    updated.

    Parameters
    ----------
    max_norm : float or schedule
    p : float
        Of the norm: 2, 1, inf (the largest), -inf (the smallest) or any other but 0.

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks. 2013.

    Examples
    --------
    >>> ClipNorm(1.0, p=float("inf"))
    ClipNorm(max_norm=1.0, p=inf)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        limit("max_norm", 10.0, "The largest norm of an array's gradient."),
    )
    options: ClassVar[tuple[str, ...]] = ("p",)
    elementwise: ClassVar[bool] = False
    guarded: ClassVar[tuple[str, ...]] = ("norm",)
    max_norm: float

    def __init__(self, max_norm: Any = 10.0, *, p: float = 2.0) -> None:
        super().__init__(max_norm=max_norm)
        number = isinstance(p, (int, float, np.number)) and not isinstance(p, bool)
        if not number or math.isnan(p) or p == 0:
            raise (ValueError if number else TypeError)(
                refusal(
                    "optim.ClipNorm",
                    "p is a number other than 0, or infinite",
                    shown(p),
                    "The usual norm has p=2.",
                )
            )
        self.p = float(p)

    def init(self, x: Any) -> State:
        """Return no norm so far."""
        return {"norm": np.zeros((), np.float64)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the norm and the shortened gradient."""
        if x.size == 0:
            return state, g
        norm = self._norm(np.abs(g.astype(np.float64)))
        return {"norm": norm}, _shortened(g, norm, self.max_norm)

    def _norm(self, size: Any) -> Any:
        if self.p == math.inf:
            return np.max(size)
        if self.p == -math.inf:
            return np.min(size)
        if self.p == 2.0:
            return np.sqrt(np.sum(np.square(size)))
        return np.sum(size) if self.p == 1.0 else np.sum(size**self.p) ** (1.0 / self.p)


class ClipGlobalNorm(Rule):
    """Bound the norm of all gradients together: dx = g min(1, max_norm / n).

    n is the Euclidean norm over all arrays whose rule clips so and that have a gradient in this
    update, as they arrive here: behind `AccumGrad` it is that of the accumulated mean. It is told
    by ``opt_state.global_norm``, and kept as ``state["norm"]``. One that is not finite is an
    error, and nothing is updated.

    Parameters
    ----------
    max_norm : float or schedule

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks. 2013.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> model = {"w": np.zeros(1), "b": np.zeros(1)}
    >>> opt_state = it.setup(optim.Chain(ClipGlobalNorm(1.0), optim.SGD(1.0)), model)
    >>> it.update(opt_state, model, {"w": np.array([3.0]), "b": np.array([4.0])})
    >>> model, opt_state.global_norm
    ({'w': array([-0.6]), 'b': array([-0.8])}, 5.0)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        limit("max_norm", 1.0, "The largest norm of all gradients together."),
    )
    wants_global_norm: ClassVar[bool] = True
    guarded: ClassVar[tuple[str, ...]] = ("norm",)
    max_norm: float

    def __init__(self, max_norm: Any = 1.0) -> None:
        super().__init__(max_norm=max_norm)

    def init(self, x: Any) -> State:
        """Return no norm so far."""
        return {"norm": np.zeros((), np.float64)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the norm and the shortened gradient."""
        norm = self.global_norm
        return {"norm": norm}, _shortened(g, norm, self.max_norm)


def _shortened(g: Any, norm: Any, most: float) -> Any:
    return g * np.minimum(most / norm, 1.0).astype(g.dtype)


class AccumGrad(Rule):
    """Gather n gradients and pass on their mean: large batches in little memory.

    Until then there is no step: the parameters and the states of the rules behind it stand still.
    A tail of fewer than n is carried over; `flush` applies it. Knobs go by the count of gradients,
    n of them to a step.

    Parameters
    ----------
    n : int

    References
    ----------
    Ott et al.: Scaling neural machine translation. 2018.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> model = {"w": np.zeros(1)}
    >>> opt_state = it.setup(optim.Chain(AccumGrad(2), optim.SGD(1.0)), model)
    >>> for g in (1.0, 2.0, 5.0):
    ...     it.update(opt_state, model, {"w": np.array([g])})
    >>> model["w"]
    array([-1.5])
    >>> optim.flush(opt_state, model)
    >>> model["w"]
    array([-6.5])
    """

    options: ClassVar[tuple[str, ...]] = ("n", "_flushing")

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = whole_number(n, "n", "optim.AccumGrad")
        self._flushing = False

    def init(self, x: Any) -> State:
        """Return an empty sum."""
        return {"sum": self.zeros(x), "count": 0.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new sum, and the mean if it is complete."""
        count = state["count"] + (0.0 if self._flushing else 1.0)
        total = state["sum"] if self._flushing else state["sum"] + g
        if count < self.n and not self._flushing:
            return {"sum": total, "count": count}, None
        return {"sum": np.zeros_like(total), "count": 0.0}, total / count

    def flusher(self, state: State) -> Rule | None:
        """Return the rule that passes on the mean of what was gathered."""
        return self.at({"_flushing": True}) if state["count"] else None

    def __repr__(self) -> str:
        return f"AccumGrad({self.n})"
