"""Dice loss: how little two masks overlap, whatever their size."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops.elementwise import sigmoid
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import number, pair
from interactive_train.losses.reduce import loss, reduced
from interactive_train.runtime.errors import refusal


@loss()
def dice(logits: Any, targets: Any, *, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """Dice loss of masks, from raw logits; 0 is full overlap.

    loss = mean over examples of 1 - (2 sum(p y) + smooth) / (sum(p^2) + sum(y^2) + smooth)
    with p = sigmoid(logits); the sums are over all axes but the first.

    Parameters
    ----------
    logits : array_like, shape (examples, ...)
        Raw scores; no sigmoid before.
    targets : array_like, shape (examples, ...)
        Zeros and ones, or probabilities.
    smooth : float
        What keeps an empty mask from dividing by 0, above 0.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example.

    Raises
    ------
    TypeError
        If the logits are no floats.
    ValueError
        If the shapes differ or have one axis only, a target is outside [0, 1], or there is no
        element.

    References
    ----------
    Milletari, Navab and Ahmadi, "V-Net", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.array([[1, 1, 0, 0]])
    >>> float(dice(np.where(mask, 50.0, -50.0), mask)), float(dice(np.full((1, 4), 50.0), mask))
    (0.0, 0.2857142857142857)
    """
    where = "losses.dice"
    small = number(smooth, "smooth", where, low=0.0, open_low=True)
    fix = "They are zeros and ones, or probabilities."
    z, y = pair(logits, targets, where, low=0.0, high=1.0, fix=fix)
    if z.ndim < 2 or z.size == 0:
        raise ValueError(
            refusal(
                where,
                "needs an axis of examples and at least one of pixels",
                f"shape {z.shape}",
                "For a single mask add an axis: logits[None], targets[None].",
            )
        )
    axes = tuple(range(1, z.ndim))
    p = sigmoid(z)
    overlap = 2.0 * (p * y).sum(axis=axes) + small
    size = (p * p).sum(axis=axes) + (y * y).sum(axis=axes) + small
    return reduced(1.0 - overlap / size, reduction, where)
