"""One description of a knob: what it is called, what it may be, how a slider shows it.

A rule or a layer declares each of its hyperparameters once, as a
`Hyperparameter`. Argument checks, ``adjust``, sliders, the journal and the
documentation all read that one record; nothing about a knob is written twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from interactive_train.runtime.checks import real_number

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
        return real_number(
            value,
            self.name,
            where,
            low=self.low,
            high=self.high,
            open_low=self.open_low,
            open_high=self.open_high,
            fix=f"The default is {self.default:g}.",
        )
