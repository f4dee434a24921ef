"""Losses for answers of yes and no: one raw number for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.autodiff.ops.elementwise import relu, softplus
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import check_targets, factors, pair, smoothing
from interactive_train.losses.reduce import loss, reduced

SIGNS = "Targets are signs here: give 2 * y - 1 for zeros and ones."


@loss(unit="nats per example")
def binary_cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    pos_weight: Any = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of yes and no, from raw logits.

    loss = mean of weight (pos_weight y softplus(-z) + (1 - y) softplus(z)), in nats, with
    logits z, targets y and softplus(z) = log(1 + exp(z)), so that -softplus(-z) = log sigmoid(z).

    Parameters
    ----------
    logits : array_like
        Raw scores; no sigmoid before. Above 0 means yes.
    targets : array_like
        Of the same shape: zeros and ones, or probabilities of yes.
    weight : array_like, optional
        A factor for each output (the last axis), or one number. The mean is over elements
        all the same.
    pos_weight : array_like, optional
        How much a yes counts beside a no: a number, or one for each output.
    label_smoothing : float
        The part s of each target that becomes a half: (1 - s) y + s / 2.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If the shapes differ, a target is outside [0, 1], or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(binary_cross_entropy(np.array([2.0]), np.array([1]))), 7)
    0.126928
    >>> float(binary_cross_entropy(np.array([1000.0]), np.array([0])))
    1000.0
    """
    where = "losses.binary_cross_entropy"
    fix = "They are zeros and ones, or probabilities."
    z, y = pair(logits, targets, where, low=0.0, high=1.0, fix=fix)
    part = smoothing(label_smoothing, where)
    if part:
        y = y * (1.0 - part) + 0.5 * part
    yes = y * softplus(-z)
    if pos_weight is not None:
        yes = yes * factors(pos_weight, "pos_weight", z, where)
    values = yes + (1.0 - y) * softplus(z)
    if weight is not None:
        values = values * factors(weight, "weight", z, where)
    return reduced(values, reduction, where)


@loss()
def hinge(predictions: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Hinge loss, the mean of max(0, 1 - targets * predictions).

    Parameters
    ----------
    predictions : array_like
        Raw scores.
    targets : array_like
        Of the same shape: -1 and 1.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    TypeError
        If the predictions are no floats.
    ValueError
        If the shapes differ, a target is not -1 or 1, or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> float(hinge(np.array([0.5, -3.0]), np.array([1, -1])))
    0.25
    """
    return reduced(_shortfall(predictions, targets, "losses.hinge"), reduction, "losses.hinge")


@loss()
def squared_hinge(predictions: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Squared hinge loss, the mean of max(0, 1 - targets * predictions)^2; smooth at the margin.

    Parameters
    ----------
    predictions : array_like
        Raw scores.
    targets : array_like
        Of the same shape: -1 and 1.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    TypeError
        If the predictions are no floats.
    ValueError
        If the shapes differ, a target is not -1 or 1, or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> float(squared_hinge(np.array([0.5, -3.0]), np.array([1, -1])))
    0.125
    """
    short = _shortfall(predictions, targets, "losses.squared_hinge")
    return reduced(short * short, reduction, "losses.squared_hinge")


def _shortfall(predictions: Any, targets: Any, where: str) -> Tensor:
    """Return by how much each prediction falls short of the margin 1."""
    x, y = pair(predictions, targets, where)
    if y.known:
        check_targets(np.abs(y.data) == 1, y, "targets are -1 or 1", where, SIGNS)
    return relu(1.0 - y * x)
