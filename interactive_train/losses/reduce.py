"""What every loss shares: its record, and the way from a value per example to one scalar."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, cast

import numpy as np

from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.errors import refusal

REDUCTIONS = ("mean", "sum", "none")


class Loss(Protocol):
    """A loss: called with (predictions, targets) and options, it knows its own unit.

    Attributes
    ----------
    unit : str
        What a chart writes beside its name; empty where there is none.
    higher_is_better : bool
        False, for whoever shows it beside metrics.
    """

    unit: str
    higher_is_better: bool
    __name__: str

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return the loss, a Tensor (a NumPy scalar or array for plain arrays)."""
        ...


def loss(unit: str = "") -> Callable[[Callable[..., Tensor]], Loss]:
    """Make a function a `Loss` with this unit that answers plain arrays plainly."""

    def decorate(function: Callable[..., Tensor]) -> Loss:
        made: Any = plain_for_arrays(function)
        made.unit = unit
        made.higher_is_better = False
        return cast(Loss, made)

    return decorate


def reduced(values: Tensor, reduction: str, where: str, total: Tensor | None = None) -> Tensor:
    """Take the mean or the sum over all examples, or leave them as they are.

    Parameters
    ----------
    values : Tensor
        A loss per example.
    reduction : {"mean", "sum", "none"}
    where : str
        The loss, for the message.
    total : Tensor, optional
        What the mean divides by, 0-d float64: the sum of the examples' weights; their number when
        omitted.

    Raises
    ------
    ValueError
        For another word, for no example at all, and for a mean over a weight of 0.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(
            refusal(
                where,
                'reduction is "mean", "sum" or "none"',
                repr(reduction),
                "The default is mean.",
            )
        )
    if values.size == 0:
        raise ValueError(
            refusal(
                where, "needs at least one example", f"shape {values.shape}", "Is a batch empty?"
            )
        )
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    if total is None:
        return values.mean()
    if total.known and total.data == 0.0:
        raise ValueError(
            refusal(
                where,
                "a mean needs an example that counts",
                f"{values.size} examples, each ignored or of weight 0",
                'Leave such batches out, or use reduction="sum".',
            )
        )
    return values.sum() / total.astype(values.dtype)


def plain_for_arrays(loss: Callable[..., Tensor]) -> Callable[..., Any]:
    """Let a loss return a NumPy scalar or array when it was given no Tensor."""

    @wraps(loss)
    def wrapped(*args: Any, **options: Any) -> Any:
        value = loss(*args, **options)
        if any(isinstance(given, Tensor) for given in (*args, *options.values())):
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
    array = labels if isinstance(labels, Tensor) else np.asarray(labels)
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
    if isinstance(array, Tensor):
        return array
    return Tensor.wrap(np.asarray(array, dtype=np.int64, order="C"))
