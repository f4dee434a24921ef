"""Areas under curves: how well scores put the right examples in front, at any threshold.

They need every score at once, so that their statistics are the scores themselves: a row
for each example, its label last.
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
    metric_with_options,
)
from interactive_train.runtime.errors import refusal

AVERAGES = ("macro", "micro", "weighted")
Scores = NDArray[np.float64]
Positive = NDArray[np.bool_]


def _rows(predictions: Any, targets: Any, where: str) -> Statistics:
    scores, labels = scores_and_labels(predictions, targets, where)
    columns = scores.reshape(len(labels), -1).astype(np.float64)
    return np.concatenate([columns, labels[:, None]], axis=1)


def _joined(one: Statistics, other: Statistics) -> Statistics:
    return np.concatenate([one, other])


def _area_under_roc(scores: Scores, positive: Positive) -> float:
    """Return the probability that a positive is above a negative, ties counting half.

    It is the rank sum of the positives, U = R - P (P + 1) / 2 over P N pairs.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of equal scores
    hits = float(positive.sum())
    above = float(ranks[place][positive].sum()) - hits * (hits + 1) / 2
    return above / (hits * (len(scores) - hits))


def _average_precision(scores: Scores, positive: Positive) -> float:
    """Return the sum of precision times the gain in recall, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores
    hits = np.cumsum(positive[order])[last]
    taken = np.flatnonzero(last) + 1
    gained = np.diff(hits, prepend=0) / hits[-1]
    return float((gained * hits / taken).sum())


def _by_label(
    statistics: Statistics,
    area: Callable[[Scores, Positive], float],
    average: str,
    needs_negatives: bool,
    where: str,
) -> float:
    """Return the area of label 1, or of each class against the rest, averaged."""
    scores, labels = statistics[:, :-1], statistics[:, -1]
    if scores.shape[1] == 1:
        columns, right = scores, (labels == 1)[:, None]
    else:
        columns, right = scores, labels[:, None] == np.arange(scores.shape[1])
    if average == "micro":
        columns, right = columns.reshape(-1, 1), right.reshape(-1, 1)
    support = right.sum(axis=0)
    valid = (support > 0) & ((support < len(right)) | (not needs_negatives))
    if not valid.any():
        raise ValueError(
            refusal(
                where,
                "needs examples of label 1" + (" and of label 0" if needs_negatives else ""),
                f"{len(right)} examples, {int(support[0])} of label 1"
                if scores.shape[1] == 1
                else f"{len(right)} examples of one class",
                "Take more data, or another metric.",
            )
        )
    each = np.array([area(columns[:, c], right[:, c]) for c in np.flatnonzero(valid)])
    if average == "weighted":
        return float(np.average(each, weights=support[valid]))
    return float(each.mean())


def _of(name: str, area: Callable[[Scores, Positive], float], needs_negatives: bool) -> Parts:
    """Return the parts of a metric that averages an area over the classes."""
    where = f"metrics.{name}"

    def parts(average: str = "macro") -> tuple[Observe, Value]:
        word = one_of(average, "average", AVERAGES, where)
        value = partial(
            _by_label, area=area, average=word, needs_negatives=needs_negatives, where=where
        )
        return partial(_rows, where=where), value

    return parts


@metric_with_options(_of("roc_auc", _area_under_roc, True), higher_is_better=True, combine=_joined)
def roc_auc(predictions: Any, targets: Any, *, average: str = "macro") -> float:
    """Return the area under the ROC curve: how often a positive is scored above a negative.

    Equal scores count half. Of several classes each is taken against the rest.

    Parameters
    ----------
    predictions : array_like
        Scores or probabilities of label 1, of shape ``[...]`` or ``[..., 1]``; or of each class,
        ``[..., classes]``. Any increasing function of them gives the same area.
    targets : array_like
        Zeros and ones; or labels of shape ``[...]``, or one-hot rows.
    average : {"macro", "micro", "weighted"}
        "macro" is the mean over the classes for which there is an area (those with an example
        and not with all), "weighted" that by their examples, "micro" pools all answers.

    Returns
    -------
    float
        Between 0 and 1; higher is better, 0.5 is chance.

    Raises
    ------
    TypeError
        If something is no array of numbers, or labels are no integers.
    ValueError
        If there is no example, shapes do not fit, a label is out of range, or all examples
        are of one class.

    Notes
    -----
    Over several batches all scores are kept, 8 bytes for each.

    Examples
    --------
    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    return float(roc_auc.using(average=average)(predictions, targets))


@metric_with_options(
    _of("average_precision", _average_precision, False), higher_is_better=True, combine=_joined
)
def average_precision(predictions: Any, targets: Any, *, average: str = "macro") -> float:
    """Return the average precision: the area under the precision-recall curve, as a sum.

    AP = sum over thresholds, from the highest score down, of (gain in recall) * precision.

    Parameters
    ----------
    predictions, targets : array_like
        As for `roc_auc`.
    average : {"macro", "micro", "weighted"}
        As for `roc_auc`; a class needs an example.

    Returns
    -------
    float
        Between 0 and 1; higher is better.

    Raises
    ------
    TypeError
        If something is no array of numbers, or labels are no integers.
    ValueError
        If there is no example, shapes do not fit, a label is out of range, or nothing is
        positive.

    Notes
    -----
    Over several batches all scores are kept, 8 bytes for each.

    Examples
    --------
    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 6)
    0.833333
    """
    return float(average_precision.using(average=average)(predictions, targets))
