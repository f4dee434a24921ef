"""Cross-entropy from raw logits, finite at any magnitude of theirs."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.ops.softmax import cross_entropy_rows, log_softmax
from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.reduce import labels_tensor, plain_for_arrays, reduced, same_shape
from interactive_train.runtime.errors import refusal


@plain_for_arrays
def cross_entropy(logits: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy with a probability per class.

    loss = - mean over examples of sum over classes of targets * log softmax(logits), in nats.

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before.
    targets : array_like, shape (..., classes)
        Probabilities or one-hot rows.
    reduction : {"mean", "sum"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)

    Raises
    ------
    ValueError
        If the shapes differ or there is no example.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(cross_entropy(np.array([[2.0, 1.0, 0.1]]), np.array([[1.0, 0.0, 0.0]]))), 7)
    0.41703
    """
    x, y = promote("losses.cross_entropy", [logits, targets])
    same_shape(x, y, "losses.cross_entropy")
    _at_least_one_class(x, "losses.cross_entropy")
    return reduced(-(y * log_softmax(x)).sum(axis=-1), reduction, "losses.cross_entropy")


@plain_for_arrays
def cross_entropy_sparse(logits: Any, labels: Any, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy with one integer label per example.

    loss = mean over examples of log(sum of exp(logits)) - logits[label], in nats.

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before.
    labels : array_like of int, shape (...)
        0 ... classes - 1.
    reduction : {"mean", "sum"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If the shapes do not fit or there is no example.
    IndexError
        If a label is out of range; it names the label and its position.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(cross_entropy_sparse(np.array([[2.0, 1.0, 0.1]]), np.array([0]))), 7)
    0.41703
    """
    where = "losses.cross_entropy_sparse"
    (x,) = promote(where, [logits])
    y = labels_tensor(labels, where)
    _at_least_one_class(x, where)
    if x.shape[:-1] != y.shape:
        raise ValueError(
            refusal(
                where,
                "logits have one axis more than the labels, the classes",
                f"logits {x.shape} and labels {y.shape}",
                "Labels are class numbers, not one-hot rows.",
            )
        )
    if y.size == 0:
        raise ValueError(refusal(where, "needs at least one example", f"shape {y.shape}"))
    rows = reshape(x, (-1, x.shape[-1]))
    flat = Tensor.wrap(y.data.reshape(-1))
    return reduced(cross_entropy_rows.apply([rows, flat], {}), reduction, where)


def _at_least_one_class(x: Tensor, where: str) -> None:
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(
            refusal(where, "the last axis of the logits is the classes", f"shape {x.shape}")
        )
