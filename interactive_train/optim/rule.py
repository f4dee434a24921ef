"""Rule: an optimiser as two pure functions on one array, plus its declared hyperparameters.

``init(x)`` returns the state for an array, ``apply(state, x, g)`` the new state and the
step dx; the caller does x <- x - dx, or leaves x alone where dx is None. One's own rule takes ten
lines and gets ``adjust``, sliders, checkpoints and recording for free, since all of them read
`hyperparameters` and nothing else.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

import numpy as np

from interactive_train.optim.setting import Scaled, Setting, checked_value
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.keywords import check_keywords

State = dict[str, Any]


class Rule:
    """An update rule.

    Parameters
    ----------
    *values, **named
        Hyperparameters in their declared order or by name; each a number or a schedule.

    Attributes
    ----------
    hyperparameters : tuple of Hyperparameter
        Declared by the subclass. Inside ``apply`` each is an attribute holding
        the effective number of the step.
    elementwise : bool
        Whether an element's step depends on that element alone; neighbouring arrays
        are then updated as one.
    wants_global_norm : bool
        Whether ``apply`` reads ``self.global_norm``: the norm of the gradients of all arrays
        whose rule wants it, as they arrive at that rule; a 0-d float64 Tensor.
    guarded : tuple of str
        Names in the state that must be finite; where one is not, nothing is updated.
    keeps_master : bool
        Whether the state holds, as "master", a copy of the array that is updated in its stead.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import optim
    >>> class SignDescent(optim.Rule):
    ...     hyperparameters = (optim.learning_rate(0.01),)
    ...     def init(self, x):
    ...         return {}
    ...     def apply(self, state, x, g):
    ...         return state, self.lr * np.sign(g)
    >>> SignDescent(0.1)
    SignDescent(lr=0.1)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = True
    wants_global_norm: ClassVar[bool] = False
    guarded: ClassVar[tuple[str, ...]] = ()
    keeps_master: ClassVar[bool] = False
    global_norm: Any = None

    def __new__(cls, *values: Any, **named: Any) -> Self:
        """Refuse a misspelt keyword with a did-you-mean."""
        check_keywords(cls.__init__, named, f"optim.{cls.__name__}")
        return super().__new__(cls)

    def __init__(self, *values: Any, **named: Any) -> None:
        where = f"optim.{type(self).__name__}"
        knobs = {knob.name: knob for knob in self.hyperparameters}
        if len(values) > len(knobs):
            raise TypeError(refusal(where, f"takes {len(knobs)} hyperparameters", str(len(values))))
        given = dict(zip(knobs, values, strict=False)) | named
        for name in given:
            if name not in knobs:
                raise TypeError(
                    refusal(
                        where,
                        "a hyperparameter that the rule declares",
                        repr(name),
                        did_you_mean(name, knobs),
                    )
                )
        for name, knob in knobs.items():
            value = checked_value(given.get(name, knob.default), knob, where)
            if isinstance(value, Scaled):
                raise TypeError(refusal(where, f"{name} is a number or a schedule", repr(value)))
            setattr(self, name, value)

    def init(self, x: Any) -> State:
        """Return the state for an array: arrays of its shape, and plain floats."""
        raise NotImplementedError(f"{type(self).__name__}: defines no init(self, x).")

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return (new state, dx) for an array and its gradient; changes nothing.

        A dx of None is no step: the array stays, and the rest of a chain is not reached.

        A fit records it once and then steps without Python. So hyperparameters and floats of the
        state go through operators, comparisons and NumPy's functions (``np.sqrt``, not
        ``math.sqrt``, and no ``float``), arrays through Tensor operations; ``np.where`` chooses
        by the numbers of an array, ``if`` by a hyperparameter.
        """
        raise NotImplementedError(f"{type(self).__name__}: defines no apply(self, state, x, g).")

    def settings(self) -> dict[str, Setting]:
        """Return the knobs as they were given."""
        return {knob.name: Setting(getattr(self, knob.name)) for knob in self.hyperparameters}

    def find(self, name: str, kind: type[Rule] | None = None) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that a name hits, those of one kind of rule if asked."""
        if kind is not None and not isinstance(self, kind):
            return ()
        return tuple(knob for knob in self.hyperparameters if knob.name == name)

    def members(self) -> tuple[Rule, ...]:
        """Return the rules that this one is composed of: itself, if it is not."""
        return (self,)

    def parts(self) -> tuple[Rule | None, ...]:
        """Return the rule cut in front of everything that wants the global norm.

        Part 0 (None if empty) needs none, each later part begins with one that does. Parts are
        applied in turn, each to the dx of the one before, on the same state.
        """
        return (None, self) if self.wants_global_norm else (self,)

    def flusher(self, state: State) -> Rule | None:
        """Return the rule that applies what the state has gathered, None if it is nothing."""
        return None

    def tame(self, values: dict[str, float]) -> bool:
        """Whether finite gradients up to a norm of 1e15 leave a finite state finite.

        With these hyperparameters. A recorded step of such a rule writes its results in place;
        of any other, all results are checked before the first is written.
        """
        return False

    def at(self, values: dict[str, Any]) -> Self:
        """Return a copy whose hyperparameters are these numbers."""
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound.__dict__.update(values)
        return bound

    def alike(self, other: Rule) -> bool:
        """Whether two rules compute the same, given equal effective hyperparameters."""
        return self is other or (
            type(self) is type(other)
            and all(getattr(self, name) == getattr(other, name) for name in self.options)
        )

    def zeros(self, x: Any) -> Any:
        """Return zeros like an array, for ``init``."""
        return np.zeros(x.shape, x.dtype)

    def __repr__(self) -> str:
        parts = [f"{knob.name}={getattr(self, knob.name)!r}" for knob in self.hyperparameters]
        given = inspect.signature(type(self)).parameters
        for name in self.options:
            if name not in given or getattr(self, name) != given[name].default:
                parts.append(f"{name}={getattr(self, name)!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


def learning_rate(default: float) -> Hyperparameter:
    """Declare a learning rate."""
    return Hyperparameter(
        "lr",
        default,
        low=0.0,
        scale="log",
        slider=(1e-5, 1.0),
        label="Learning rate",
        help="How far a step goes.",
    )
