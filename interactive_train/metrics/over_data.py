"""Metrics of a whole data set, exact by examples: `evaluate` and `evaluate_many`.

An element that is a tuple is splatted, anything else is one argument. An element of
batches counts as many examples as its arrays have rows; one without a common number of
rows counts as one example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from interactive_train.metrics.record import Accumulator, is_metric
from interactive_train.runtime.checks import function, name_of, real_number, shown
from interactive_train.runtime.errors import refusal


def evaluate(f: Callable[..., Any], data: Iterable[Any]) -> Any:
    """Return the mean over data of a function of its elements, weighted by examples.

    Parameters
    ----------
    f : callable
        ``f(*element) -> number``, a mean over the element's examples; or a metric of this
        package, for elements ``(predictions, targets)``, which is then exact even where it is
        no mean (`f1`, `roc_auc`).
    data : iterable
        Elements, from ``it.batches(x, y, drop_last=False)`` for example.

    Returns
    -------
    float
        Or what the metric gives.

    Raises
    ------
    TypeError
        If `f` is no function or returns no number, or `data` are bare arrays.
    ValueError
        If there is no element.

    Examples
    --------
    >>> from interactive_train import metrics
    >>> batches = [(np.array([0.9, 0.2]), np.array([1, 1])), (np.array([0.7]), np.array([1]))]
    >>> evaluate(lambda p, t: metrics.accuracy(p, t), batches)
    0.6666666666666666
    >>> evaluate(metrics.f1, batches)
    0.8
    """
    where = "metrics.evaluate"
    function(f, "f", where, fix="Give a function of an element, or a metric.")
    if is_metric(f):
        accumulator = Accumulator(f, where)
        for element in _elements(data, where):
            accumulator.add(*_predictions_and_targets(element, where))
        return accumulator.value()
    total, count = 0.0, 0
    for element in _elements(data, where):
        rows = _examples(element, where)
        value = _called(f, element)
        total += rows * real_number(value, f"what {name_of(f)} returns", where)
        count += rows
    return total / count


def evaluate_many(f: Callable[..., Mapping[str, Any]], data: Iterable[Any]) -> dict[str, float]:
    """Return the means over data of the numbers that a function gives by name.

    Each is weighted by examples, over the elements for which it was given.

    Parameters
    ----------
    f : callable
        ``f(*element) -> {name: number}``.
    data : iterable
        Elements, from ``it.batches(x, y, drop_last=False)`` for example.

    Returns
    -------
    dict of str to float
        In the order of the alphabet.

    Raises
    ------
    TypeError
        If `f` is no function or returns no such dict, or `data` are bare arrays.
    ValueError
        If there is no element.

    Examples
    --------
    >>> batches = [(np.array([1.0, 3.0]), np.zeros(2)), (np.array([5.0]), np.zeros(1))]
    >>> evaluate_many(lambda p, t: {"mae": abs(p - t).mean(), "bias": (p - t).mean()}, batches)
    {'bias': 3.0, 'mae': 3.0}
    """
    where = "metrics.evaluate_many"
    function(f, "f", where, fix="Give a function of an element.")
    totals: dict[str, float] = {}
    counts: dict[str, int] = {}
    for element in _elements(data, where):
        rows = _examples(element, where)
        values = _called(f, element)
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            fix = 'Return for example {"accuracy": 0.9}; for one number use metrics.evaluate.'
            raise TypeError(
                refusal(where, f"{name_of(f)} returns numbers by name", shown(values), fix)
            )
        for name, value in values.items():
            number = real_number(value, f"the value of {name!r}", where)
            totals[name] = totals.get(name, 0.0) + rows * number
            counts[name] = counts.get(name, 0) + rows
    return {name: totals[name] / counts[name] for name in sorted(totals)}


def _elements(data: Any, where: str) -> Iterator[Any]:
    """Yield the elements of data; refuse what is none, and what has none."""
    bare = isinstance(data, tuple) and any(hasattr(part, "__array__") for part in data)
    unordered = isinstance(data, (str, bytes, dict, set, frozenset))
    if bare or unordered or hasattr(data, "__array__") or not hasattr(data, "__iter__"):
        got = f"a tuple of {len(data)} arrays" if bare else shown(data)
        fix = "Give it.batches(x, y, batch_size=64, drop_last=False), or a list of elements."
        raise TypeError(refusal(where, "data gives elements one by one", got, fix))
    empty = True
    for element in data:
        empty = False
        yield element
    if empty:
        fix = "Check what the data is made from; an iterator that was used up is empty too."
        raise ValueError(refusal(where, "there must be an element", "none", fix))


def _called(f: Callable[..., Any], element: Any) -> Any:
    return f(*element) if isinstance(element, tuple) else f(element)


def _predictions_and_targets(element: Any, where: str) -> tuple[Any, Any]:
    if not isinstance(element, tuple) or len(element) != 2:
        got = f"a tuple of {len(element)}" if isinstance(element, tuple) else shown(element)
        fix = "Map the model over the data: data.map(lambda x, y: (model(x), y))."
        raise TypeError(refusal(where, "a metric takes elements (predictions, targets)", got, fix))
    return element


def _examples(element: Any, where: str) -> int:
    """Return the first dimension that all arrays of an element have, or 1."""
    parts = element.values() if isinstance(element, dict) else element
    parts = parts if isinstance(element, (tuple, dict)) else (element,)
    shapes = [np.asarray(part).shape for part in parts if hasattr(part, "__array__")]
    rows = {shape[0] if shape else 1 for shape in shapes}
    if rows == {0}:
        fix = "Leave empty batches out."
        raise ValueError(refusal(where, "an element has an example", "one of 0 rows", fix))
    return rows.pop() if len(rows) == 1 else 1
