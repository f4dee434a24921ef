"""Knob: a user's own scalar that is changed while a fit runs.

Used inside a loss, a layer or an augmentation like a number. The fit that first meets it
gives it a slider, journals its changes, and keeps it in its state.
"""

from __future__ import annotations

import math
from typing import Any

from interactive_train.nn.context import current
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter, Scale


class Knob:
    """A named number that a person may turn in mid-fit.

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
    ValueError
        If the name is no identifier, or the default lies outside the interval.

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
        if scale == "log" and low <= 0.0:
            raise ValueError(
                refusal(where, "a log scale needs low above 0", f"{low:g}", "Give low=1e-3.")
            )
        self.description = Hyperparameter(
            name, float(default), float(low), float(high), scale=scale, unit=unit, help=help
        )
        self.description.check(default, where)

    @property
    def name(self) -> str:
        """The name by which it is turned."""
        return self.description.name

    @property
    def value(self) -> float:
        """The effective value in the running step; the default outside of one."""
        call = current()
        return self.description.default if call is None else call.read(self.description)

    def __float__(self) -> float:
        return self.value

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
