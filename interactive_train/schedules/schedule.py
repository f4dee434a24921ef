"""What a schedule is: a pure function of the step that knows how to say itself.

In go integer steps (one or an array), out come float64 values. A schedule of
this package is a frozen record: equal when its numbers are equal, hashable,
picklable, and its repr is the call that makes it, so that a journal can print it.
Any other callable ``step -> float`` serves as a schedule too; see `evaluate`.

The class names are lower case because they are what a user calls, as functions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.keywords import check_keywords

Values: TypeAlias = NDArray[np.float64]
ScheduleLike: TypeAlias = float | Callable[[Any], Any]


def checked_steps(step: object, where: str) -> NDArray[np.int64]:
    """Return steps as int64 of the same shape, or refuse what is no step.

    Steps count from 1, the first update; 0, the state before it, is allowed.

    Raises
    ------
    TypeError
        If a step is no integer.
    ValueError
        If a step is negative.
    """
    steps = np.asarray(step)
    if steps.dtype.kind not in "iu":
        raise TypeError(
            refusal(
                where,
                "a step is an integer that counts from 1, or an array of them",
                shown(step),
                "Convert it, for example steps.astype(int).",
            )
        )
    if steps.size and int(steps.min()) < 0:
        raise ValueError(
            refusal(where, "steps count from 1", str(int(steps.min())), "Give 1 or more.")
        )
    return steps.astype(np.int64)


def interpolate(weight: Values, start: float, end: float) -> Values:
    """Return ``start`` where `weight` is 0, ``end`` where it is 1, and the line between."""
    return (1.0 - weight) * start + weight * end


def progress(steps: Values, length: float) -> Values:
    """Return ``steps / length`` clipped to [0, 1]; all 1 for a length of 0."""
    if length == 0:
        return np.ones_like(steps)
    return np.clip(steps / length, 0.0, 1.0)


def half_cosine(weight: Values) -> Values:
    """Return ``(1 - cos(pi * weight)) / 2``: from 0 to 1 as `weight` is, with flat ends."""
    return 0.5 * (1.0 - np.cos(np.pi * weight))


@dataclass(frozen=True, repr=False)
class Schedule(ABC):
    """The base of the package's schedules.

    A subclass is a frozen dataclass that gives `_values`; `check_real` and
    `check_count` in its ``__post_init__`` validate the fields and store them as
    plain Python numbers. Calling it with a step returns a float, with an array
    of steps a float64 array of the same shape; both give the same bits.
    """

    def __new__(cls, *values: Any, **named: Any) -> Self:
        """Refuse a misspelt keyword with a did-you-mean."""
        check_keywords(cls.__init__, named, f"schedules.{cls.__name__}")
        return super().__new__(cls)

    @abstractmethod
    def _values(self, steps: Values) -> Values:
        """Return the values at a one-dimensional float64 array of steps, each at least 0."""

    @overload
    def __call__(self, step: int) -> float: ...
    @overload
    def __call__(self, step: NDArray[np.integer[Any]]) -> Values: ...
    def __call__(self, step: int | NDArray[np.integer[Any]]) -> float | Values:
        """Return the value at a step, or the values at an array of steps."""
        steps = checked_steps(step, self.where)
        values = self._values(steps.ravel().astype(np.float64))
        return float(values[0]) if np.ndim(step) == 0 else values.reshape(steps.shape)

    @property
    def where(self) -> str:
        """The name that errors give: ``schedules.cosine_decay``."""
        return f"schedules.{type(self).__name__}"

    def check_real(self, *names: str, **limits: Any) -> None:
        """Store the named fields as finite floats inside `limits` (see `real_number`)."""
        for name in names:
            number = real_number(getattr(self, name), name, self.where, **limits)
            object.__setattr__(self, name, number)

    def check_count(self, *names: str, low: int = 1) -> None:
        """Store the named fields as ints of at least `low`."""
        for name in names:
            number = whole_number(getattr(self, name), name, self.where, low=low)
            object.__setattr__(self, name, number)

    def __repr__(self) -> str:
        """Return the call that makes this schedule; options at their default are left out."""
        arguments = [repr(getattr(self, f.name)) for f in fields(self) if not f.kw_only]
        arguments += [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.kw_only and getattr(self, f.name) != f.default
        ]
        return f"{self.where}({', '.join(arguments)})"
