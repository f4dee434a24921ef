"""Schedules put together from pieces: steps of a staircase, and other schedules in a row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.schedules.schedule import Schedule, ScheduleLike, Values
from interactive_train.schedules.use import as_schedule, evaluate


@dataclass(frozen=True, repr=False)
class step_decay(Schedule):
    """Multiply by a rate after every so many steps: ``init_value * decay_rate**((s - 1) // N)``.

    Every level, the first one too, lasts exactly `decay_steps` updates.

    Parameters
    ----------
    init_value : float
        The value of steps 1 to `decay_steps`.
    decay_rate : float
        The factor from one level to the next, above 0.
    decay_steps : int
        ``N``, how many steps a level lasts.

    Examples
    --------
    >>> schedule = step_decay(1.0, 0.5, 10)
    >>> schedule(10), schedule(11), schedule(21)
    (1.0, 0.5, 0.25)
    """

    init_value: float
    decay_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        self.check_real("init_value")
        self.check_real("decay_rate", low=0.0, open_low=True)
        self.check_count("decay_steps")

    def _values(self, steps: Values) -> Values:
        level = np.floor(np.maximum(steps - 1.0, 0.0) / self.decay_steps)
        with np.errstate(over="ignore", under="ignore"):  # inf is refused where it is used
            return np.multiply(self.init_value, np.power(self.decay_rate, level))


@dataclass(frozen=True, repr=False)
class piecewise_constant(Schedule):
    """One value up to each boundary, a last one after them.

    Parameters
    ----------
    boundaries : sequence of int
        The last step of every value but the last; at least 1, each above the one before.
    values : sequence of float
        The values, one more than boundaries.

    Examples
    --------
    >>> schedule = piecewise_constant([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(5000)
    (0.1, 0.01, 0.001)
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        where = self.where
        boundaries = [
            whole_number(boundary, f"boundaries[{i}]", where)
            for i, boundary in enumerate(_listed(self.boundaries, "boundaries", where))
        ]
        values = [
            real_number(value, f"values[{i}]", where)
            for i, value in enumerate(_listed(self.values, "values", where))
        ]
        if any(b <= a for a, b in itertools.pairwise(boundaries)):
            raise ValueError(
                refusal(where, "boundaries must increase", shown(boundaries), "Sort them.")
            )
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                refusal(
                    where,
                    "there is one value more than boundaries",
                    f"{len(boundaries)} boundaries and {len(values)} values",
                    "The last value holds after the last boundary.",
                )
            )
        object.__setattr__(self, "boundaries", tuple(boundaries))
        object.__setattr__(self, "values", tuple(values))

    def _values(self, steps: Values) -> Values:
        piece = np.searchsorted(np.asarray(self.boundaries, dtype=np.float64), steps, side="left")
        return np.asarray(self.values, dtype=np.float64)[piece]


@dataclass(frozen=True, repr=False)
class join(Schedule):
    """Schedules one after the other; each counts its own steps from 1, the last goes on.

    Parameters
    ----------
    segments : sequence of (int, schedule)
        How many steps a segment lasts, and its schedule: a number or any callable
        ``step -> float``.

    Examples
    --------
    >>> from interactive_train import schedules
    >>> warmup, decay = schedules.warmup_linear(0.0, 1.0, 10), schedules.cosine_decay(1.0, 90)
    >>> schedule = schedules.join([(10, warmup), (90, decay)])
    >>> schedule(5), schedule(10), schedule(55), schedule(100)
    (0.5, 1.0, 0.5, 0.0)
    """

    segments: Sequence[tuple[int, ScheduleLike]]

    def __post_init__(self) -> None:
        where = self.where
        segments: list[tuple[int, Callable[[Any], Any]]] = []
        for i, segment in enumerate(_listed(self.segments, "segments", where)):
            if not isinstance(segment, tuple) or len(segment) != 2:
                raise TypeError(
                    refusal(
                        where,
                        f"segments[{i}] must be a pair (steps, schedule)",
                        shown(segment),
                        "Give for example [(1000, warmup), (9000, decay)].",
                    )
                )
            length = whole_number(segment[0], f"the length of segments[{i}]", where)
            segments.append((length, as_schedule(segment[1], f"{where}, segments[{i}]")))
        if not segments:
            raise ValueError(
                refusal(where, "there must be a segment", "none", "Give [(steps, schedule), ...].")
            )
        object.__setattr__(self, "segments", tuple(segments))

    def _values(self, steps: Values) -> Values:
        result = np.empty_like(steps)
        whole = steps.astype(np.int64)
        begin = 0  # the global step before the segment's first
        for i, (length, schedule) in enumerate(self.segments):
            last = i == len(self.segments) - 1
            inside = (whole > begin) | (i == 0)
            inside &= last | (whole <= begin + length)
            if inside.any():
                result[inside] = evaluate(
                    as_schedule(schedule, self.where), whole[inside] - begin, self.where
                )
            begin += length
        return result

    def __repr__(self) -> str:
        """Return the call that makes this schedule."""
        return f"{self.where}([{', '.join(f'({n}, {s!r})' for n, s in self.segments)}])"


def _listed(values: object, name: str, where: str) -> list[Any]:
    """Return a sequence as a list, or refuse what is none."""
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(refusal(where, f"{name} must be a list", shown(values), "Give a list."))
    return list(values)
