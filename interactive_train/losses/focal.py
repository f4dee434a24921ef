"""Focal losses: cross-entropy that turns away from what is already easy.

Both are written in the log-odds m of the right answer, whose probability is sigmoid(m):
(1 - p)^gamma (- log p) = exp(-gamma softplus(m)) softplus(-m), finite and smooth at any m.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.autodiff.ops.composed import logsumexp
from interactive_train.autodiff.ops.elementwise import exp, softplus
from interactive_train.autodiff.ops.elementwise import where as choose
from interactive_train.autodiff.ops.labels import one_hot
from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import (
    check_targets,
    class_weights,
    examples_and_classes,
    number,
    pair,
)
from interactive_train.losses.reduce import labels_tensor, loss, reduced
from interactive_train.runtime.errors import refusal


@loss()
def focal(
    logits: Any,
    targets: Any,
    *,
    gamma: float = 2.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Focal loss of several classes, from raw logits.

    loss = mean over examples of weight[label] (1 - p)^gamma (- log p), where
    p = softmax(logits)[label]; with `gamma` 0 it is cross-entropy.

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before. At least two classes.
    targets : array_like, shape (...) or (..., classes)
        Integer labels or one-hot rows.
    gamma : float
        How much less an easy example counts, at least 0.
    weight : array_like, shape (classes,), optional
        A factor per class, the paper's alpha. The mean is over examples all the same.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example.

    Raises
    ------
    TypeError
        If labels are not integers.
    ValueError
        If shapes do not fit, a label is out of range, a row is not one-hot, or there is no
        example.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> even = np.zeros((1, 2))
    >>> [round(float(focal(even, np.array([0]), gamma=g)), 6) for g in (0, 1, 2)]
    [0.693147, 0.346574, 0.173287]
    """
    where = "losses.focal"
    (x,) = promote(where, [logits])
    examples_and_classes(x, where, least=2)
    if x.size == 0:
        raise ValueError(refusal(where, "needs at least one example", f"shape {x.shape}"))
    mask = _one_hot(targets, x, where)
    own = choose(mask, x, 0.0).sum(axis=-1)
    others = logsumexp(choose(mask, -np.inf, x), axis=-1)
    values = _focal(own - others, gamma, where)
    if weight is not None:
        weights = class_weights(weight, x.shape[-1], x.dtype, where)
        values = values * choose(mask, Tensor.wrap(weights), 0.0).sum(axis=-1)
    return reduced(values, reduction, where)


@loss()
def binary_focal(
    logits: Any,
    targets: Any,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Focal loss of yes and no, from raw logits.

    loss = mean of a (1 - p)^gamma (- log p) with p the probability that sigmoid(logits) gives
    to the target, and a = alpha for a yes, 1 - alpha for a no (1 without `alpha`).

    Parameters
    ----------
    logits : array_like
        Raw scores; no sigmoid before.
    targets : array_like
        Of the same shape: zeros and ones.
    gamma : float
        How much less an easy example counts, at least 0.
    alpha : float, optional
        The weight of a yes, in [0, 1]; the paper has 0.25.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    TypeError
        If the logits are no floats.
    ValueError
        If shapes differ, a target is not 0 or 1, or there is no element.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(binary_focal(np.array([0.0]), np.array([1]), alpha=0.25)), 6)  # 1/16 log 2
    0.043322
    """
    where = "losses.binary_focal"
    z, y = pair(logits, targets, where)
    if y.known:
        right = (y.data == 0) | (y.data == 1)
        fix = "For probabilities use losses.binary_cross_entropy."
        check_targets(right, y, "targets are 0 or 1", where, fix)
    values = _focal((2.0 * y - 1.0) * z, gamma, where)
    if alpha is not None:
        yes = number(alpha, "alpha", where, low=0.0, high=1.0)
        values = values * (y * yes + (1.0 - y) * (1.0 - yes))
    return reduced(values, reduction, where)


def _focal(margin: Tensor, gamma: Any, where: str) -> Tensor:
    """Return the focal loss of answers whose log-odds are `margin`."""
    power = number(gamma, "gamma", where, low=0.0)
    entropy = softplus(-margin)
    return entropy * exp(-power * softplus(margin)) if power else entropy


def _one_hot(targets: Any, x: Tensor, where: str) -> Tensor:
    """Return which class of each example is the right one, as rows of bools."""
    given = targets if isinstance(targets, Tensor) else np.asarray(targets)
    classes = x.shape[-1]
    if given.shape == x.shape and given.dtype.kind in "fiub":
        _, y = pair(x, given, where)
        if y.known:
            array = y.data
            rows = ((array == 0) | (array == 1)).all(axis=-1) & (array.sum(axis=-1) == 1)
            rule = "targets of the logits' shape are one-hot: a single 1 in each row"
            fix = "Give integer labels or one-hot rows."
            check_targets(np.broadcast_to(rows[..., None], y.shape), y, rule, where, fix)
        return y == 1.0
    labels = labels_tensor(targets, where)
    if labels.shape != x.shape[:-1]:
        raise ValueError(
            refusal(
                where,
                "logits have one axis more than the labels, the classes",
                f"logits {x.shape} and labels {labels.shape}",
                f"Give labels of shape {x.shape[:-1]}, or one-hot rows of shape {x.shape}.",
            )
        )
    if labels.known:
        right = (labels.data >= 0) & (labels.data < classes)
        rule = f"labels of {classes} classes are 0 ... {classes - 1}"
        check_targets(right, labels, rule, where, "Number the classes from 0.")
    return one_hot(labels, classes, x.dtype) == 1.0
