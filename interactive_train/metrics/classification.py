"""Accuracy: the share of examples that are classified right."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.metrics.inputs import binary_labels, class_labels, is_multiclass, numbers
from interactive_train.metrics.record import Statistics, metric, ratio

_WHERE = "metrics.accuracy"


def _right_of_all(predictions: Any, targets: Any) -> Statistics:
    """Return how many predictions are right, and how many there are."""
    scores = numbers(predictions, "predictions", _WHERE)
    labels = numbers(targets, "targets", _WHERE)
    if is_multiclass(scores):
        right = scores.argmax(-1) == class_labels(labels, scores, _WHERE)
    else:
        positive = binary_labels(labels, scores, _WHERE)
        right = (scores.reshape(positive.shape) > 0.5) == positive
    return np.array([np.count_nonzero(right), right.size], dtype=np.int64)


@metric(_right_of_all, ratio, higher_is_better=True)
def accuracy(predictions: Any, targets: Any) -> float:
    """Return the share of predictions that are right.

    Several classes: ``mean(argmax(predictions, -1) == labels)``; of equal scores the
    first counts. Two classes with one number each: ``mean((predictions > 0.5) == targets)``,
    so the number is a probability; for raw logits give ``logits > 0``.

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
    """
    return ratio(_right_of_all(predictions, targets))
