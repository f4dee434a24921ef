"""What every loss shares: from a value per example to one scalar."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.errors import refusal


def reduced(values: Tensor, reduction: str, where: str) -> Tensor:
    """Take the mean or the sum over all examples.

    Raises
    ------
    ValueError
        For another word than "mean" or "sum", and for no example at all.
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(
            refusal(where, 'reduction is "mean" or "sum"', repr(reduction), "The default is mean.")
        )
    if values.size == 0:
        raise ValueError(
            refusal(
                where, "needs at least one example", f"shape {values.shape}", "Is a batch empty?"
            )
        )
    return values.mean() if reduction == "mean" else values.sum()


def plain_for_arrays(loss: Callable[..., Tensor]) -> Callable[..., Any]:
    """Let a loss return a NumPy scalar when it was given no Tensor."""

    @wraps(loss)
    def wrapped(predictions: Any, targets: Any, **options: Any) -> Any:
        value = loss(predictions, targets, **options)
        if isinstance(predictions, Tensor) or isinstance(targets, Tensor):
            return value
        return value.data[()]

    return wrapped


def same_shape(predictions: Tensor, targets: Tensor, where: str) -> None:
    """Refuse targets of another shape: broadcasting here is nearly always a mistake."""
    if predictions.shape != targets.shape:
        raise ValueError(
            refusal(
                where,
                "predictions and targets have one shape",
                f"{predictions.shape} and {targets.shape}",
                "Reshape one of them; [n] and [n, 1] differ.",
            )
        )


def labels_tensor(labels: Any, where: str) -> Tensor:
    """Return integer labels as an int64 Tensor."""
    array = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    if array.dtype.kind not in "iu":
        raise TypeError(
            refusal(
                where,
                "labels are integers",
                f"{array.dtype} of shape {array.shape}",
                "For probabilities or one-hot rows use losses.cross_entropy; "
                "otherwise convert with .astype(np.int64).",
            )
        )
    return Tensor.wrap(np.ascontiguousarray(array, dtype=np.int64))
