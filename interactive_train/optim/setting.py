"""Setting: one knob as it stands - base, scale and override - as an immutable value.

effective(step) = override, if one is set, else scale * base(step). The base is a number or a
schedule. ``adjust`` with a number replaces a constant base and overrides a schedule;
with a schedule it replaces the base; with a factor it multiplies. ``release`` takes
override and scale away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.schedules import evaluate

Base = float | Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A factor on a knob instead of a value; made by ``it.scale(0.3)``."""

    factor: float


def scale(factor: float) -> Scaled:
    """Return "multiply by `factor`", for ``adjust``.

    Raises
    ------
    TypeError, ValueError
        If the factor is no finite number of at least 0.

    Examples
    --------
    >>> scale(0.3)
    Scaled(factor=0.3)
    """
    return Scaled(_FACTOR.check(factor, "it.scale"))


_FACTOR = Hyperparameter("factor", 1.0, low=0.0, scale="log", help="Multiplies a knob.")


@dataclass(frozen=True, slots=True)
class Setting:
    """The state of one knob.

    Examples
    --------
    >>> from interactive_train import schedules
    >>> lr = Setting(schedules.constant(0.1))
    >>> lr.adjusted(scale(0.5)).effective(1)
    0.05
    >>> lr.adjusted(0.02).effective(1), lr.adjusted(0.02).released().effective(1)
    (0.02, 0.1)
    """

    base: Base
    scale: float = 1.0
    override: float | None = None

    @property
    def scheduled(self) -> bool:
        """Whether the base is a schedule."""
        return callable(self.base)

    def base_value(self, step: int) -> float:
        """Return the base at a step (counted from 1)."""
        return evaluate(self.base, step) if callable(self.base) else self.base

    def effective(self, step: int) -> float:
        """Return the value that step number `step` uses."""
        if self.override is not None:
            return self.override
        return self.scale * self.base_value(step)

    def course(self, steps: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the effective values at many steps."""
        numbers = np.asarray(steps, dtype=np.int64)
        if self.override is not None:
            return np.full(numbers.shape, self.override)
        if not callable(self.base):
            return np.full(numbers.shape, self.scale * self.base)
        if not numbers.size:
            return np.zeros(0)
        try:
            values = evaluate(self.base, numbers)
        except (TypeError, ValueError):  # a plain function of one step
            values = np.array([evaluate(self.base, int(step)) for step in numbers])
        return self.scale * np.asarray(values, dtype=np.float64)

    def adjusted(self, value: Base | Scaled) -> Setting:
        """Return the setting after ``adjust(value)``."""
        if isinstance(value, Scaled):
            if self.override is not None:
                return replace(self, override=self.override * value.factor)
            if not callable(self.base):
                return replace(self, base=self.base * value.factor)
            return replace(self, scale=self.scale * value.factor)
        if callable(value):
            return Setting(value)
        if callable(self.base):
            return replace(self, override=value)
        return Setting(value)

    def released(self) -> Setting:
        """Return the setting without override and scale."""
        return Setting(self.base)

    def __str__(self) -> str:
        if self.override is not None:
            return f"{self.override:.6g}"
        base = repr(self.base) if callable(self.base) else f"{self.base:.6g}"
        return base if self.scale == 1.0 else f"{base} * {self.scale:.6g}"


def checked_value(value: Any, knob: Hyperparameter, where: str) -> Base | Scaled:
    """Return what was given for a knob if it may stand there, or refuse it.

    A schedule is checked at step 1 already, so that a typo shows before the fit.
    """
    if isinstance(value, Scaled):
        return value
    if isinstance(value, type):
        raise TypeError(
            refusal(where, f"{knob.name} is a number or a schedule", f"the class {value.__name__}")
        )
    if callable(value):
        knob.check(evaluate(value, 1, where), where)
        schedule: Callable[[Any], Any] = value
        return schedule
    return knob.check(value, where)


def most_common(settings: Iterable[Setting]) -> Setting:
    """Return the setting that most of them equal; of several such the first.

    Examples
    --------
    >>> most_common([Setting(0.1), Setting(0.2), Setting(0.2)]).effective(1)
    0.2
    """
    found: list[list[Setting]] = []
    for setting in settings:
        for alike in found:
            if alike[0] == setting:
                alike.append(setting)
                break
        else:
            found.append([setting])
    return max(found, key=len)[0]
