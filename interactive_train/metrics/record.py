"""What a metric is: a function of predictions and targets that adds up over batches.

A mean of batch means is wrong when batches differ in size, and macro averages
do not add up at all. So a `Metric` has two halves: `observe` turns one batch
into statistics (counts, a confusion matrix), which add up exactly, and `value`
turns their sum into the number. Called as a function it does both at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import function, name_of, real_number, shown
from interactive_train.runtime.errors import refusal

Statistics: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric as a record; call it with (predictions, targets) for a float.

    Parameters
    ----------
    name : str
        What charts and tables call it.
    observe : callable
        ``(predictions, targets) -> array``, the statistics of one batch.
    value : callable
        ``array -> float``, the metric of statistics.
    higher_is_better : bool or None
        Which way is up; None where nobody said.
    combine : callable
        How the statistics of two batches become one; they add up unless given.
    """

    name: str
    observe: Callable[[Any, Any], Statistics]
    value: Callable[[Statistics], float]
    higher_is_better: bool | None = None
    combine: Callable[[Statistics, Statistics], Statistics] = np.add

    def __call__(self, predictions: Any, targets: Any) -> float:
        """Return the metric of one batch, or of everything at once."""
        return self.value(self.observe(predictions, targets))

    def __repr__(self) -> str:
        return f"metrics.{self.name}"


def metric(
    observe: Callable[[Any, Any], Statistics],
    value: Callable[[Statistics], float],
    *,
    higher_is_better: bool,
    combine: Callable[[Statistics, Statistics], Statistics] = np.add,
) -> Callable[[Callable[[Any, Any], float]], Metric]:
    """Make a documented function a `Metric` of its name; the arguments are that record's.

    Examples
    --------
    >>> @metric(lambda p, t: np.array([np.abs(p - t).sum(), len(t)]), ratio, higher_is_better=False)
    ... def distance(predictions, targets):
    ...     '''Return the mean distance.'''
    >>> distance(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    1.5
    """

    def decorate(documented: Callable[[Any, Any], float]) -> Metric:
        made = Metric(documented.__name__, observe, value, higher_is_better, combine)
        kept = ("__doc__", "__module__", "__name__", "__qualname__")
        made.__dict__.update({name: getattr(documented, name) for name in kept})
        made.__dict__["__wrapped__"] = documented  # what help, signatures and doctests look at
        return made

    return decorate


def ratio(statistics: Statistics) -> float:
    """Return the first statistic over the second: a sum over a number of examples."""
    return float(statistics[0] / statistics[1])


def as_metric(f: Any, where: str) -> Metric:
    """Return a metric as it is, and any function as one that is averaged over examples.

    Parameters
    ----------
    f : Metric or callable
        A metric of this package, or any function ``(predictions, targets) -> number``
        that is a mean over examples. Its ``higher_is_better`` is kept, if it has one.
    where : str
        The call that received it, for the message.

    Raises
    ------
    TypeError
        If `f` cannot be called.

    Examples
    --------
    >>> error = as_metric(lambda p, t: abs(p - t).mean(), "trainer.evaluate")
    >>> error(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    1.5
    """
    if isinstance(f, Metric):
        return f
    function(f, "a metric", where, fix="Give for example metrics.accuracy.")
    name = name_of(f)

    def observe(predictions: Any, targets: Any) -> Statistics:
        count = _examples(targets, where)
        mean = real_number(f(predictions, targets), f"what the metric {name} returns", where)
        return np.array([mean * count, count])

    return Metric(name, observe, ratio, getattr(f, "higher_is_better", None))


class Accumulator:
    """The metric of everything observed so far, exact over batches of any sizes.

    Examples
    --------
    >>> from interactive_train import metrics
    >>> accumulator = Accumulator(metrics.accuracy)
    >>> accumulator.add(np.array([[0.1, 0.9]]), np.array([1]))
    >>> accumulator.add(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([0, 0]))
    >>> accumulator.value(), accumulator.count
    (0.3333333333333333, 3)
    """

    def __init__(self, f: Metric | Callable[[Any, Any], Any], where: str = "metrics") -> None:
        self.metric = as_metric(f, where)
        self._where = where
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._statistics: Statistics | None = None
        self._count = 0

    def add(self, predictions: Any, targets: Any) -> None:
        """Observe one batch."""
        new = self.metric.observe(predictions, targets)
        old = self._statistics
        self._statistics = new if old is None else self.metric.combine(old, new)
        self._count += _examples(targets, self._where)

    @property
    def count(self) -> int:
        """How many examples (rows of targets) were observed."""
        return self._count

    def value(self) -> float:
        """Return the metric of all examples.

        Raises
        ------
        ValueError
            If nothing was observed.
        """
        if self._statistics is None:
            raise ValueError(
                refusal(
                    self._where,
                    f"{self.metric.name} needs an example",
                    "none",
                    "The data is empty: check what it is made from.",
                )
            )
        return self.metric.value(self._statistics)


def _examples(targets: Any, where: str) -> int:
    """Return how many examples targets have, their first dimension."""
    shape = np.shape(targets)
    if not shape:
        raise ValueError(
            refusal(
                where, "targets have one row per example", shown(targets), "Give an array of them."
            )
        )
    return int(shape[0])
