"""Accuracies: the share of examples that are classified right."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.metrics.inputs import (
    is_class_numbers,
    is_multiclass,
    numbers,
    scores_and_labels,
    yes_or_no,
)
from interactive_train.metrics.record import (
    Observe,
    Statistics,
    Value,
    metric,
    metric_with_options,
    ratio,
)
from interactive_train.runtime.checks import real_number, whole_number
from interactive_train.runtime.errors import refusal


def _right_of_all(predictions: Any, targets: Any) -> Statistics:
    """Return how many predictions are right, and how many there are."""
    where = "metrics.accuracy"
    p, t = numbers(predictions, "predictions", where), numbers(targets, "targets", where)
    if is_class_numbers(p, t):
        return np.array([np.count_nonzero(p == t), p.size], dtype=np.int64)
    scores, labels = scores_and_labels(p, t, where)
    guess = scores.argmax(-1) if scores.ndim == 2 else scores > 0.5
    right = guess == labels
    return np.array([np.count_nonzero(right), right.size], dtype=np.int64)


@metric(_right_of_all, ratio, higher_is_better=True)
def accuracy(predictions: Any, targets: Any) -> float:
    """Return the share of predictions that are right.

    Several classes: ``mean(argmax(predictions, -1) == labels)``; of equal scores the
    first counts. Two classes with one number each: ``mean((predictions > 0.5) == targets)``,
    so the number is a probability; for raw logits give ``logits > 0``. Integers of the targets'
    shape are class numbers: ``mean(predictions == targets)``.

    Parameters
    ----------
    predictions : array_like
        Scores of shape ``[..., classes]``, or probabilities of shape ``[...]`` or ``[..., 1]``.
    targets : array_like
        Integer labels of shape ``[...]`` or one-hot rows of the predictions' shape; for
        probabilities zeros and ones of shape ``[...]`` or ``[..., 1]``.

    Returns
    -------
    float
        Between 0 and 1; higher is better. Over several batches it is exact by examples
        (`Accumulator`, ``trainer.evaluate``).

    Raises
    ------
    TypeError
        If something is no array of numbers, or labels are no integers.
    ValueError
        If there is no example, shapes do not fit, predictions hold NaN, or a label is
        out of range.

    Examples
    --------
    >>> accuracy([[2.0, 1.0], [0.0, 3.0], [4.0, 0.0]], [0, 1, 1])
    0.6666666666666666
    >>> accuracy([[0.9], [0.2]], [1, 1])
    0.5
    >>> accuracy([2, 0, 1], [2, 2, 1])
    0.6666666666666666
    """
    return ratio(_right_of_all(predictions, targets))


def _thresholded(threshold: float = 0.5) -> tuple[Observe, Value]:
    where = "metrics.binary_accuracy"
    limit = real_number(threshold, "threshold", where)

    def observe(predictions: Any, targets: Any) -> Statistics:
        p, positive = yes_or_no(targets, predictions, where)
        right = (p > p.dtype.type(limit) if p.dtype.kind == "f" else p > limit) == positive
        return np.array([np.count_nonzero(right), right.size], dtype=np.int64)

    return observe, ratio


@metric_with_options(_thresholded, higher_is_better=True)
def binary_accuracy(predictions: Any, targets: Any, *, threshold: float = 0.5) -> float:
    """Return the share of answers of yes and no that are right: ``mean((p > threshold) == t)``.

    Parameters
    ----------
    predictions : array_like
        Probabilities, of any shape.
    targets : array_like
        Zeros and ones of the same shape; a last dimension of 1 may be missing on either side.
    threshold : float
        Above it, in the predictions' own type, is a yes. For raw logits give 0.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError
        If something is no array of numbers.
    ValueError
        If there is no answer, shapes do not fit, or a target is not 0 or 1.

    Examples
    --------
    >>> binary_accuracy([0.9, 0.2, 0.6, 0.5], [1, 0, 0, 0])
    0.75
    >>> binary_accuracy([[2.0, -1.0], [-3.0, 0.5]], [[1, 0], [0, 0]], threshold=0)
    0.75
    """
    return float(binary_accuracy.using(threshold=threshold)(predictions, targets))


def _among_the_first(k: int = 5) -> tuple[Observe, Value]:
    where = "metrics.top_k_accuracy"
    count = whole_number(k, "k", where)

    def observe(predictions: Any, targets: Any) -> Statistics:
        if not is_multiclass(numbers(predictions, "predictions", where)):
            raise ValueError(
                refusal(
                    where,
                    "predictions are scores of several classes, [..., classes]",
                    f"shape {np.asarray(predictions).shape}",
                    "For yes and no use metrics.binary_accuracy.",
                )
            )
        scores, labels = scores_and_labels(predictions, targets, where)
        if count > scores.shape[1]:
            raise ValueError(
                refusal(
                    where,
                    "k is at most the number of classes",
                    f"k={count} for {scores.shape[1]} classes",
                    "Every label is among all classes: give fewer.",
                )
            )
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        earlier = np.arange(scores.shape[1]) < labels[:, None]
        before = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
        return np.array([np.count_nonzero(before < count), len(labels)], dtype=np.int64)

    return observe, ratio


@metric_with_options(_among_the_first, higher_is_better=True)
def top_k_accuracy(predictions: Any, targets: Any, *, k: int = 5) -> float:
    """Return the share of examples whose label is among the k highest scores.

    Of equal scores the first counts as the highest, so k=1 is `accuracy`.

    Parameters
    ----------
    predictions : array_like
        Scores of shape ``[..., classes]``.
    targets : array_like
        Integer labels of shape ``[...]`` or one-hot rows of the predictions' shape.
    k : int
        At most the number of classes.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError
        If something is no array of numbers, labels are no integers, or `k` is none.
    ValueError
        If there is no example, shapes do not fit, or `k` or a label is out of range.

    Examples
    --------
    >>> top_k_accuracy([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    return float(top_k_accuracy.using(k=k)(predictions, targets))
