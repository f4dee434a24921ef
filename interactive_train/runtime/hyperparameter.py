"""One description of a knob: what it is called, what it may be, how a slider shows it.

A rule or a layer declares each of its hyperparameters once, as a
`Hyperparameter`. Argument checks, ``adjust``, sliders, the journal and the
documentation all read that one record; nothing about a knob is written twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from interactive_train.runtime.errors import refusal

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """The declaration of one scalar that a person may change between two steps.

    Parameters
    ----------
    name : str
        The keyword under which it is given, adjusted and journaled (``"lr"``).
    default : float
        Its value when nothing is given.
    low, high : float
        The valid interval, ends included unless `open_low` / `open_high`.
    open_low, open_high : bool
        Whether the end itself is refused (``beta1`` lives in ``[0, 1)``).
    scale : {"linear", "log"}
        How a slider spreads the values.
    slider : tuple of float, optional
        The range a slider covers at first; the valid interval when omitted.
        A value outside it is still valid and widens the slider.
    label, unit, help : str
        What a person reads: title, unit of measure, one sentence.
    """

    name: str
    default: float
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    scale: Scale = "linear"
    slider: tuple[float, float] | None = None
    label: str = ""
    unit: str = ""
    help: str = ""

    @property
    def title(self) -> str:
        """What stands above the slider: the label, else the name in words."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def interval(self) -> str:
        """The valid interval in mathematical notation, ``"[0, 1)"``."""
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if self.open_high or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def check(self, value: object, where: str) -> float:
        """Return `value` as a float inside the valid interval, or refuse it.

        Raises
        ------
        TypeError
            If `value` is not a real number (a bool is not one).
        ValueError
            If it is not finite or lies outside the valid interval.
        """
        if isinstance(value, bool) or not hasattr(value, "__float__") or isinstance(value, str):
            raise TypeError(
                refusal(
                    where,
                    f"{self.name} must be a real number in {self.interval}",
                    repr(value),
                    f"Give a number such as {self.default:g}.",
                )
            )
        number = float(value)
        too_low = number < self.low or (self.open_low and number == self.low)
        too_high = number > self.high or (self.open_high and number == self.high)
        if not math.isfinite(number) or too_low or too_high:
            raise ValueError(
                refusal(
                    where,
                    f"{self.name} must lie in {self.interval}",
                    f"{number:g}",
                    f"The default is {self.default:g}.",
                )
            )
        return number
