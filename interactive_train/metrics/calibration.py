"""Calibration error: whether what is said with 80 % confidence is right in 80 % of cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.metrics.inputs import scores_and_labels
from interactive_train.metrics.record import (
    Observe,
    Statistics,
    Value,
    metric_with_options,
)
from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal

WHERE = "metrics.calibration_error"
# Rows of float16 probabilities of a thousand classes add up to 1 within this.
SUM_TOLERANCE = 1e-2


def _binned(bins: int = 15) -> tuple[Observe, Value]:
    count = whole_number(bins, "bins", WHERE)
    edges = np.linspace(0.0, 1.0, count + 1)[1:-1]

    def observe(predictions: Any, targets: Any) -> Statistics:
        p, labels = scores_and_labels(predictions, targets, WHERE)
        sums = p.sum(axis=1) if p.ndim == 2 else np.ones(1)
        if p.min() < 0 or p.max() > 1 or np.abs(sums - 1).max() > SUM_TOLERANCE:
            raise ValueError(
                refusal(
                    WHERE,
                    "predictions are probabilities; of several classes they add up to 1",
                    f"values from {p.min():.4g} to {p.max():.4g}",
                    "Give nn.softmax(logits), or nn.sigmoid(logits) for yes and no.",
                )
            )
        confidence = (p.max(axis=1) if p.ndim == 2 else p).astype(np.float64)
        right = p.argmax(axis=1) == labels if p.ndim == 2 else labels == 1
        place = np.searchsorted(edges, confidence)  # bin i holds (i / bins, (i + 1) / bins]
        columns = (None, confidence, right.astype(np.float64))
        return np.stack([np.bincount(place, column, count) for column in columns])

    return observe, _distance


def _distance(statistics: Statistics) -> float:
    """Return sum of n_b / n |right_b / n_b - confidence_b / n_b| over the bins b."""
    count, confidence, right = statistics
    return float(np.abs(right - confidence).sum() / count.sum())


@metric_with_options(_binned, higher_is_better=False)
def calibration_error(predictions: Any, targets: Any, *, bins: int = 15) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy.

    Examples are put into equally wide bins of confidence; the error is the mean over bins, by
    their examples, of the distance between the mean confidence and the share that is right.

    Parameters
    ----------
    predictions : array_like
        Probabilities: of each class, ``[..., classes]``, the highest being the confidence; or of
        label 1, ``[...]`` or ``[..., 1]``, being the confidence in it.
    targets : array_like
        Integer labels of shape ``[...]`` or one-hot rows; zeros and ones for probabilities.
    bins : int
        How many bins; the i-th holds confidences in (i / bins, (i + 1) / bins].

    Returns
    -------
    float
        Between 0 and 1; lower is better.

    Raises
    ------
    TypeError
        If something is no array of numbers, labels are no integers, or `bins` is none.
    ValueError
        If there is no example, shapes do not fit, or predictions are no probabilities.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", 2017.

    Examples
    --------
    >>> round(calibration_error([0.8, 0.8, 0.8, 0.8, 0.8], [1, 1, 1, 1, 0]), 12)
    0.0
    >>> calibration_error([1.0, 1.0], [1, 0])
    0.5
    """
    return float(calibration_error.using(bins=bins)(predictions, targets))
