"""Precision, recall, F1 and the confusion matrix: what follows from counts by class.

Over several batches the counts add up, so that macro averages are exact; the mean of
the batches' averages would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.metrics.inputs import one_of, scores_and_labels
from interactive_train.metrics.record import (
    Observe,
    Parts,
    Statistics,
    Value,
    metric,
    metric_with_options,
)

AVERAGES = ("auto", "macro", "micro", "weighted")
Counts = NDArray[np.float64]


def _matrix(predictions: Any, targets: Any, where: str) -> Statistics:
    """Return how often each class (row) was taken for each (column)."""
    scores, labels = scores_and_labels(predictions, targets, where)
    classes = scores.shape[1] if scores.ndim == 2 else 2
    guess = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.5).astype(np.int64)
    pairs = np.bincount(labels * classes + guess, minlength=classes * classes)
    return pairs.reshape(classes, classes).astype(np.int64)


def _by_class(predictions: Any, targets: Any, where: str) -> Statistics:
    """Return for each class how often it was hit, predicted and right, and if asked by one number.

    The last row, above 0 for predictions of one number each, is what makes "auto" mean
    the positive class.
    """
    matrix = _matrix(predictions, targets, where)
    shape = np.asarray(predictions).shape
    single = len(shape) < 2 or shape[-1] == 1
    flags = np.full(len(matrix), int(single) * int(matrix.sum()))
    return np.stack([np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1), flags])


def _averaged(
    statistics: Statistics, score: Callable[[Counts, Counts, Counts], Counts], average: str
) -> float:
    hits, predicted, support, single = statistics.astype(np.float64)
    if average == "micro":
        hits, predicted, support = (np.array([c.sum()]) for c in (hits, predicted, support))
    each = score(hits, predicted, support)
    if average == "auto" and single.any():
        return float(each[1])
    if average == "weighted":
        return float((each * support).sum() / support.sum())
    return float(each.mean())


def _quotient(above: Counts, below: Counts) -> Counts:
    """Return above / below, and 0 where that is 0 / 0."""
    return above / np.where(below == 0, 1.0, below)


def _of(name: str, score: Callable[[Counts, Counts, Counts], Counts]) -> Parts:
    """Return the parts of a metric that averages a score of the classes."""
    where = f"metrics.{name}"

    def parts(average: str = "auto") -> tuple[Observe, Value]:
        word = one_of(average, "average", AVERAGES, where)
        return partial(_by_class, where=where), partial(_averaged, score=score, average=word)

    return parts


@metric_with_options(_of("precision", lambda h, p, s: _quotient(h, p)), higher_is_better=True)
def precision(predictions: Any, targets: Any, *, average: str = "auto") -> float:
    """Return how much of what was taken for a class belongs to it; 0 if nothing was.

    precision = hits / predicted, for each class, then averaged.

    Parameters
    ----------
    predictions : array_like
        Scores of shape ``[..., classes]``, the highest counts; or probabilities of label 1,
        of shape ``[...]`` or ``[..., 1]``, above a half meaning 1.
    targets : array_like
        Integer labels of shape ``[...]`` or one-hot rows; zeros and ones for probabilities.
    average : {"auto", "macro", "micro", "weighted"}
        "macro" is the mean over all classes, absent ones included, "weighted" that by the number
        of their examples, "micro" pools the counts (which is the accuracy). "auto" is macro
        for scores, and for probabilities the value of label 1.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError
        If something is no array of numbers, or labels are no integers.
    ValueError
        If there is no example, shapes do not fit, a label is out of range, or `average` is
        another word.

    Examples
    --------
    >>> scores = np.eye(3)[[0, 1, 0, 2, 1, 0]]
    >>> labels = [0, 1, 1, 2, 0, 0]
    >>> [round(precision(scores, labels, average=a), 4) for a in ("macro", "micro", "weighted")]
    [0.7222, 0.6667, 0.6667]
    >>> precision([0.9, 0.8, 0.2], [1, 0, 1])
    0.5
    """
    return float(precision.using(average=average)(predictions, targets))


@metric_with_options(_of("recall", lambda h, p, s: _quotient(h, s)), higher_is_better=True)
def recall(predictions: Any, targets: Any, *, average: str = "auto") -> float:
    """Return how much of a class was found; 0 for a class without an example.

    recall = hits / examples of the class, for each class, then averaged.

    Parameters
    ----------
    predictions, targets : array_like
        As for `precision`.
    average : {"auto", "macro", "micro", "weighted"}
        As for `precision`.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError, ValueError
        As for `precision`.

    Examples
    --------
    >>> recall([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [0, 1, 1])
    0.75
    """
    return float(recall.using(average=average)(predictions, targets))


@metric_with_options(_of("f1", lambda h, p, s: _quotient(2 * h, p + s)), higher_is_better=True)
def f1(predictions: Any, targets: Any, *, average: str = "auto") -> float:
    """Return the harmonic mean of precision and recall; 0 if nothing was hit.

    f1 = 2 hits / (predicted + examples of the class), for each class, then averaged.

    Parameters
    ----------
    predictions, targets : array_like
        As for `precision`.
    average : {"auto", "macro", "micro", "weighted"}
        As for `precision`.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError, ValueError
        As for `precision`.

    Examples
    --------
    >>> round(f1([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [0, 1, 1], average="macro"), 4)
    0.6667
    """
    return float(f1.using(average=average)(predictions, targets))


@metric(partial(_matrix, where="metrics.confusion_matrix"), np.copy, higher_is_better=None)
def confusion_matrix(predictions: Any, targets: Any) -> NDArray[np.int64]:
    """Return how often each class was taken for each other one.

    Parameters
    ----------
    predictions, targets : array_like
        As for `precision`.

    Returns
    -------
    ndarray of int, shape [classes, classes]
        A row for each true class and a column for each predicted one.

    Raises
    ------
    TypeError, ValueError
        As for `precision`.

    Examples
    --------
    >>> confusion_matrix([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [0, 1, 1])
    array([[1, 0],
           [1, 1]])
    """
    return _matrix(predictions, targets, "metrics.confusion_matrix")
