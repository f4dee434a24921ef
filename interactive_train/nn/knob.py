"""Knob: a user's own scalar that is changed while a fit runs.

Used inside a loss, a layer or an augmentation like a number. The fit whose step first reads it
gives it a slider, journals its changes, and keeps it in its state. `KnobValues` is what knobs stand
at while a step, an evaluation or a prediction of a fit runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interactive_train.autodiff.primitive import number
from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.checks import real_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter, Scale


@dataclass(slots=True)
class KnobValues:
    """What the users' knobs stand at.

    Attributes
    ----------
    settings : mapping of str to float
        By name; a knob that is not among them stands at its default.
    met : dict of Hyperparameter
        The knobs that were read.
    taken : collection of str
        Names that no knob may have, since optimiser or model own them.
    """

    settings: Mapping[str, float] = field(default_factory=dict)
    met: dict[str, Hyperparameter] = field(default_factory=dict)
    taken: Collection[str] = ()

    def read(self, knob: Hyperparameter) -> float:
        """Return what a knob stands at, and note that it was met."""
        where, name = "it.Knob", knob.name
        if name in self.taken:
            raise ValueError(
                refusal(
                    where,
                    "a name that neither the optimiser nor the model itself has",
                    repr(name),
                    f'Call it for example "my_{name}".',
                )
            )
        known = self.met.setdefault(name, knob)
        if known is not knob and known != knob:
            raise ValueError(
                refusal(
                    where,
                    "one declaration per name",
                    f"two of {name!r} that differ",
                    "Make the knob once and use it everywhere.",
                )
            )
        if name not in self.settings:
            return knob.default
        return knob.check(self.settings[name], f"knob {name!r}")


_values: ContextVar[KnobValues | None] = ContextVar("knobs", default=None)


@contextmanager
def turned_to(values: KnobValues) -> Iterator[KnobValues]:
    """Make these the values that knobs have."""
    token = _values.set(values)
    try:
        yield values
    finally:
        _values.reset(token)


class Knob:
    """A named number that a person may turn in mid-fit.

    In the steps of a fit (loss, layers, augmentation), in its evaluations, and in `predict` and
    `evaluate` of a run or of a trainer it has the value that the fit or the state holds; everywhere
    else its default. A fit knows a knob from the first step on that reads it; from then on the
    state keeps its setting, and a later fit from that state goes on with it.

    Parameters
    ----------
    name : str
        An identifier; ``run.adjust(name=value)`` turns it.
    default : float
        Its value outside of a fit, and in one until somebody turns it.
    low, high : float
        The valid interval.
    scale : {"linear", "log"}
        How the slider spreads the values.
    unit, help : str
        What stands beside the slider.

    Raises
    ------
    TypeError
        If default, low or high is no real number.
    ValueError
        If the name is no identifier, the interval is empty, the default lies outside of it, or a
        log scale does not begin above 0. When it is read: if another knob of that name differs, or
        the optimiser has a hyperparameter of that name.

    Examples
    --------
    >>> temperature = Knob("temperature", 1.0, low=0.1, high=10, scale="log")
    >>> float(temperature), 3.0 / temperature
    (1.0, 3.0)
    """

    def __init__(
        self,
        name: str,
        default: float,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        scale: Scale = "linear",
        unit: str = "",
        help: str = "",  # noqa: A002 - the field's word
    ) -> None:
        where = "it.Knob"
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(
                refusal(where, "the name is an identifier", repr(name), 'Give "temperature".')
            )
        if scale not in ("linear", "log"):
            raise ValueError(refusal(where, 'scale is "linear" or "log"', repr(scale)))
        bottom, top = _end(low, "low", where), _end(high, "high", where)
        if not bottom < top:
            raise ValueError(
                refusal(where, "low is below high", f"low={bottom:g}, high={top:g}", "Swap them.")
            )
        if scale == "log" and bottom <= 0.0:
            raise ValueError(
                refusal(where, "a log scale needs low above 0", f"{bottom:g}", "Give low=1e-3.")
            )
        value = real_number(default, "default", where, low=bottom, high=top)
        self.description = Hyperparameter(
            name, value, bottom, top, scale=scale, unit=unit, help=help
        )

    @property
    def name(self) -> str:
        """The name by which it is turned."""
        return self.description.name

    @property
    def value(self) -> float:
        """What it stands at in the fit that is running here; the default outside of one."""
        values = _values.get()
        return self.description.default if values is None else values.read(self.description)

    def __float__(self) -> float:
        return self.value

    def __tensor__(self, dtype: np.dtype[Any]) -> Tensor:
        """Return the value as a 0-d Tensor; in a recorded step it is known at the step only."""
        value: Any = self.value
        found: Tensor = (
            value.__tensor__(dtype) if hasattr(value, "__tensor__") else number(value, dtype)
        )
        return found

    def __add__(self, other: Any) -> Any:
        return self.value + other

    def __radd__(self, other: Any) -> Any:
        return other + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * other

    def __rmul__(self, other: Any) -> Any:
        return other * self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.value

    def __pow__(self, other: Any) -> Any:
        return self.value**other

    def __rpow__(self, other: Any) -> Any:
        return other**self.value

    def __neg__(self) -> float:
        return -self.value

    def __repr__(self) -> str:
        about = self.description
        return f"Knob({about.name!r}, {about.default:g}, in {about.interval})"


def _end(value: object, name: str, where: str) -> float:
    """Return an end of the interval, which may be infinite."""
    if isinstance(value, float) and math.isinf(value):
        return value
    return real_number(value, name, where)
