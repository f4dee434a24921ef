"""Cross-entropy from raw logits, finite at any magnitude of theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.autodiff.ops.elementwise import where as choose
from interactive_train.autodiff.ops.indexing import take_rows
from interactive_train.autodiff.ops.labels import chosen
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.ops.softmax import cross_entropy_rows, log_softmax
from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import class_weights, examples_and_classes, smoothing
from interactive_train.losses.reduce import labels_tensor, loss, reduced, same_shape
from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal


@loss(unit="nats per example")
def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy with a probability per class.

    loss = - mean over examples of sum over classes of weight * targets * log softmax(logits),
    in nats.

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before.
    targets : array_like, shape (..., classes)
        Probabilities or one-hot rows.
    weight : array_like, shape (classes,), optional
        A factor per class. The mean is over examples all the same, as in PyTorch; that of
        `cross_entropy_sparse` is over their weights.
    label_smoothing : float
        The part s of each target that is spread evenly: (1 - s) targets + s / classes.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If the shapes differ, there is no example, or an option is out of range.

    References
    ----------
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, for the
    smoothing.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(cross_entropy(np.array([[2.0, 1.0, 0.1]]), np.array([[1.0, 0.0, 0.0]]))), 7)
    0.41703
    """
    where = "losses.cross_entropy"
    x, y = promote(where, [logits, targets])
    same_shape(x, y, where)
    examples_and_classes(x, where)
    part = smoothing(label_smoothing, where)
    if part:
        y = y * (1.0 - part) + part / x.shape[-1]
    if weight is not None:
        y = y * Tensor.wrap(class_weights(weight, x.shape[-1], x.dtype, where))
    return reduced(-(y * log_softmax(x)).sum(axis=-1), reduction, where)


@loss(unit="nats per example")
def cross_entropy_sparse(
    logits: Any,
    labels: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy with one integer label per example.

    loss = mean over examples of log(sum of exp(logits)) - logits[label], in nats.

    With s = `label_smoothing` and w = `weight`, an example's loss is
    ``- (1 - s) w[label] log p[label] - s / classes * sum over classes of w log p``, where
    p = softmax(logits), and the mean is the sum over the sum of w[label].

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before.
    labels : array_like of int, shape (...)
        0 ... classes - 1, or `ignore_index`.
    weight : array_like, shape (classes,), optional
        A factor per class.
    ignore_index : int, optional
        The label of examples that do not count, padding for example: neither in the loss,
        nor in its gradient, nor in what the mean divides by.
    label_smoothing : float
        The part of each target that is spread evenly over the classes, in [0, 1].
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example, 0 for an ignored one.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If the shapes do not fit, there is no example that counts, or an option is out of range.
    IndexError
        If a label is out of range; it names the label and its position.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([[2.0, 1.0, 0.1], [0.0, 0.0, 0.0]])
    >>> round(float(cross_entropy_sparse(logits[:1], np.array([0]))), 7)
    0.41703
    >>> round(float(cross_entropy_sparse(logits, np.array([0, -1]), ignore_index=-1)), 7)
    0.41703
    """
    where = "losses.cross_entropy_sparse"
    (x,) = promote(where, [logits])
    y = labels_tensor(labels, where)
    examples_and_classes(x, where)
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
    part = smoothing(label_smoothing, where)
    rows, flat = reshape(x, (-1, x.shape[-1])), reshape(y, -1)
    if weight is None and ignore_index is None and not part:
        values = cross_entropy_rows.apply([rows, flat], {})
        return reduced(reshape(values, y.shape), reduction, where)

    # An ignored example gets label 0 and logits of 0 before anything is computed, so that infinite
    # logits of padding leave no NaN, and weight 0.
    classes = rows.shape[1]
    ones = np.ones(classes, x.dtype)
    weights = ones if weight is None else class_weights(weight, classes, x.dtype, where)
    own = Tensor.wrap(np.ones(flat.shape, x.dtype))  # the weight of each example
    if ignore_index is not None:
        ignored = whole_number(ignore_index, "ignore_index", where, low=None)
        counts, flat = chosen(flat, ignored)
        own = counts.astype(x.dtype)
        rows = choose(reshape(counts, (-1, 1)), rows, 0.0)
    values = cross_entropy_rows.apply([rows, flat], {})
    if part:
        evenly = (log_softmax(rows) * Tensor.wrap(weights)).sum(axis=-1)
        evenly = evenly * (own * (part / classes))
    if weight is not None:
        table = Tensor.wrap(weights.reshape(-1, 1))
        own = own * reshape(take_rows.apply([table, flat], {}), -1)
    values = values * own
    if part:
        values = values * (1.0 - part) - evenly
    total = own.astype(np.float64).sum()
    return reduced(reshape(values, y.shape), reduction, where, total)
