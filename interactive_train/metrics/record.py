"""What a metric is: a function of predictions and targets that adds up over batches.

A mean of batch means is wrong when batches differ in size, and macro averages
do not add up at all. So a `Metric` has two halves: `observe` turns one batch
into statistics (counts, a confusion matrix), which add up exactly, and `value`
turns their sum into the number. Called as a function it does both at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import function, name_of, real_number, shown
from interactive_train.runtime.errors import did_you_mean, refusal

Statistics: TypeAlias = NDArray[Any]
Observe: TypeAlias = Callable[[Any, Any], Statistics]
Value: TypeAlias = Callable[[Statistics], Any]
Parts: TypeAlias = Callable[..., tuple[Observe, Value]]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric as a record; call it with (predictions, targets) for a number.

    Parameters
    ----------
    name : str
        What charts and tables call it, with the options that it was given.
    observe : callable
        ``(predictions, targets) -> array``, the statistics of one batch.
    value : callable
        ``array -> float``, the metric of statistics (`confusion_matrix` gives an array).
    higher_is_better : bool or None
        Which way is up; None where nobody said.
    combine : callable
        How the statistics of two batches become one; they add up unless given.
    parts : callable, optional
        ``parts(**options) -> (observe, value)``, for a metric that has options.
    options : mapping
        The options that it was given.
    """

    name: str
    observe: Observe
    value: Value
    higher_is_better: bool | None = None
    combine: Callable[[Statistics, Statistics], Statistics] = np.add
    parts: Parts | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, predictions: Any, targets: Any, **options: Any) -> Any:
        """Return the metric of one batch, or of everything at once."""
        chosen = self.using(**options) if options else self
        return chosen.value(chosen.observe(predictions, targets))

    def using(self, **options: Any) -> Metric:
        """Return the same metric with other options, for ``metrics=`` of a trainer.

        Raises
        ------
        TypeError
            If it has no such option.
        TypeError, ValueError
            If an option is of the wrong kind or out of range.

        Examples
        --------
        >>> from interactive_train import metrics
        >>> metrics.precision.using(average="micro")
        metrics.precision.using(average='micro')
        """
        plain = self.name.partition("(")[0]
        where = f"metrics.{plain}"
        known = [] if self.parts is None else list(inspect.signature(self.parts).parameters)
        for option in options:
            if option not in known:
                has = f"has the options {', '.join(known)}" if known else "has no options"
                raise TypeError(refusal(where, has, repr(option), did_you_mean(option, known)))
        assert self.parts is not None or not options
        if self.parts is None:
            return self
        merged = {**self.options, **options}
        observe, value = self.parts(**merged)
        given = ", ".join(f"{option}={chosen}" for option, chosen in merged.items())
        return replace(self, name=f"{plain}({given})", observe=observe, value=value, options=merged)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"metrics.{self.name.partition('(')[0]}" + (f".using({given})" if given else "")


def metric(
    observe: Observe,
    value: Value,
    *,
    higher_is_better: bool | None,
    combine: Callable[[Statistics, Statistics], Statistics] = np.add,
) -> Callable[[Callable[..., Any]], Metric]:
    """Make a documented function a `Metric` of its name; the arguments are that record's.

    Examples
    --------
    >>> @metric(lambda p, t: np.array([np.abs(p - t).sum(), len(t)]), ratio, higher_is_better=False)
    ... def distance(predictions, targets):
    ...     '''Return the mean distance.'''
    >>> distance(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    1.5
    """

    def decorate(documented: Callable[..., Any]) -> Metric:
        made = Metric(documented.__name__, observe, value, higher_is_better, combine)
        return _documented(made, documented)

    return decorate


def metric_with_options(
    parts: Parts,
    *,
    higher_is_better: bool | None,
    combine: Callable[[Statistics, Statistics], Statistics] = np.add,
) -> Callable[[Callable[..., Any]], Metric]:
    """Make a documented function with options a `Metric`.

    Parameters
    ----------
    parts : callable
        ``parts(**options) -> (observe, value)``; it checks the options, and each has a default.
    higher_is_better, combine
        As in `Metric`.
    """

    def decorate(documented: Callable[..., Any]) -> Metric:
        observe, value = parts()
        made = Metric(documented.__name__, observe, value, higher_is_better, combine, parts)
        return _documented(made, documented)

    return decorate


def _documented(made: Metric, documented: Callable[..., Any]) -> Metric:
    """Give a metric what help, signatures and doctests look at."""
    kept = ("__doc__", "__module__", "__name__", "__qualname__")
    made.__dict__.update({name: getattr(documented, name) for name in kept})
    made.__dict__["__wrapped__"] = documented
    return made


def ratio(statistics: Statistics) -> float:
    """Return the first statistic over the second: a sum over a number of examples."""
    return float(statistics[0] / statistics[1])


def is_metric(f: object) -> bool:
    """Return whether something is a `Metric`, or `functools.partial` of one with options."""
    return isinstance(f, Metric) or (
        isinstance(f, partial) and isinstance(f.func, Metric) and not f.args
    )


def as_metric(f: Any, where: str) -> Metric:
    """Return a metric as it is, and any function as one that is averaged over examples.

    Parameters
    ----------
    f : Metric or callable
        A metric of this package (also one bound with `functools.partial`), or any function
        ``(predictions, targets) -> number`` that is a mean over examples. Its
        ``higher_is_better`` is kept, if it has one.
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
    if is_metric(f):
        return f if isinstance(f, Metric) else f.func.using(**f.keywords)
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
        self._groups: list[tuple[int, Statistics]] = []  # (how many batches, their statistics)
        self._count = 0

    def add(self, predictions: Any, targets: Any) -> None:
        """Observe one batch.

        Raises
        ------
        ValueError
            If its statistics have another shape: other classes or outputs than before.
        """
        new = self.metric.observe(predictions, targets)
        added = _examples(targets, self._where)
        kept = self._groups[0][1] if self._groups else new
        if kept.ndim != new.ndim or kept.shape[1:] != new.shape[1:]:
            raise ValueError(
                refusal(
                    self._where,
                    f"{self.metric.name} sees the same classes or outputs in every batch",
                    f"predictions of shape {np.asarray(predictions).shape} after others",
                    "Give every batch predictions of one kind.",
                )
            )
        # Equally large groups are joined, neighbours first, so that statistics which grow with
        # the data (roc_auc keeps its scores) are copied log n times and not n times.
        size = 1
        while self._groups and self._groups[-1][0] == size:
            new = self.metric.combine(self._groups.pop()[1], new)
            size *= 2
        self._groups.append((size, new))
        self._count += added

    @property
    def count(self) -> int:
        """How many examples (rows of targets) were observed."""
        return self._count

    def value(self) -> Any:
        """Return the metric of all examples.

        Raises
        ------
        ValueError
            If nothing was observed.
        """
        if not self._groups:
            raise ValueError(
                refusal(
                    self._where,
                    f"{self.metric.name} needs an example",
                    "none",
                    "The data is empty: check what it is made from.",
                )
            )
        joined = [statistics for _, statistics in self._groups]
        return self.metric.value(reduce(self.metric.combine, joined))


def _examples(targets: Any, where: str) -> int:
    """Return how many examples targets have, their first dimension."""
    shape = np.asarray(targets).shape
    if not shape:
        raise ValueError(
            refusal(
                where, "targets have one row per example", shown(targets), "Give an array of them."
            )
        )
    return int(shape[0])
