"""Predictions and targets as metrics read them: plain arrays, or an error that says what is wrong.

A classifier's predictions are scores ``[..., classes]`` with labels ``[...]`` or
one-hot rows ``[..., classes]``; a binary one's are ``[...]`` or ``[..., 1]`` with
zeros and ones of either shape. Nothing is ever broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import shown
from interactive_train.runtime.errors import did_you_mean, refusal


def numbers(value: Any, name: str, where: str) -> NDArray[Any]:
    """Return an array-like of at least one number, none of them NaN, as an array.

    Raises
    ------
    TypeError
        If it holds no real numbers.
    ValueError
        If it is empty, has no dimensions, or holds NaN.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            refusal(where, f"{name} must be an array", str(error), "Give rows of one length.")
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            refusal(where, f"{name} must be an array of numbers", shown(value), "Give numbers.")
        )
    if array.size == 0 or array.ndim == 0:
        got = "an empty array" if array.size == 0 else shown(value)
        raise ValueError(
            refusal(where, f"{name} must have an example", f"{got}, shape {array.shape}")
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        wrong = np.argwhere(np.isnan(array))
        raise ValueError(
            refusal(
                where,
                f"{name} must not hold NaN",
                f"{len(wrong)} of {array.size}, the first at index {tuple(wrong[0].tolist())}",
                "Something before this overflowed or divided by zero; look at the loss.",
            )
        )
    return array


def is_multiclass(predictions: NDArray[Any]) -> bool:
    """Return whether predictions are scores of several classes rather than one number each."""
    return predictions.ndim >= 2 and predictions.shape[-1] > 1


def is_class_numbers(predictions: NDArray[Any], targets: NDArray[Any]) -> bool:
    """Return whether predictions are integers that name a class, as the targets do."""
    same = predictions.shape == targets.shape and not is_multiclass(predictions)
    return bool(same and predictions.dtype.kind in "iu" and targets.dtype.kind in "iu")


def class_labels(targets: NDArray[Any], scores: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Return targets of scores ``[..., classes]`` as labels ``[...]``.

    Raises
    ------
    TypeError
        If labels are no integers.
    ValueError
        If the shape fits neither labels nor one-hot rows, a label is outside
        ``0 .. classes - 1``, or a row is not one-hot.
    """
    classes = scores.shape[-1]
    if targets.shape == scores.shape:
        one_hot = ((targets == 0) | (targets == 1)).all(-1) & (targets.sum(-1) == 1)
        if not one_hot.all():
            index = tuple(np.argwhere(~one_hot)[0].tolist())
            raise ValueError(
                refusal(
                    where,
                    "targets of the predictions' shape are one-hot: a single 1 in each row",
                    f"{targets[index].tolist()} at index {index}",
                    f"Give integer labels of shape {scores.shape[:-1]}, or one-hot rows.",
                )
            )
        return np.asarray(targets.argmax(-1), dtype=np.int64)
    if targets.shape != scores.shape[:-1]:
        raise ValueError(
            refusal(
                where,
                f"for predictions of shape {scores.shape} targets are labels of shape "
                f"{scores.shape[:-1]} or one-hot rows of shape {scores.shape}",
                f"shape {targets.shape}",
                "Reshape the targets; nothing is broadcast.",
            )
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(
            refusal(
                where,
                "labels must be integers",
                f"dtype {targets.dtype}",
                "Convert them: targets.astype(int).",
            )
        )
    wrong = np.argwhere((targets < 0) | (targets >= classes))
    if wrong.size:
        index = tuple(wrong[0].tolist())
        raise ValueError(
            refusal(
                where,
                f"labels of {classes} classes are 0 .. {classes - 1}",
                f"{int(targets[index])} at index {index}",
                "Number the classes from 0, or give the model more outputs.",
            )
        )
    return targets.astype(np.int64)


def binary_labels(
    targets: NDArray[Any], predictions: NDArray[Any], where: str
) -> NDArray[np.bool_]:
    """Return targets of predictions ``[...]`` or ``[..., 1]`` as bools of shape ``[...]``.

    Raises
    ------
    ValueError
        If the shape is neither, or a target is not 0 or 1.
    """
    shape = predictions.shape[:-1] if predictions.ndim >= 2 else predictions.shape
    if targets.shape not in (shape, (*shape, 1)):
        raise ValueError(
            refusal(
                where,
                f"for predictions of shape {predictions.shape} targets are zeros and ones of "
                f"shape {shape} or {(*shape, 1)}",
                f"shape {targets.shape}",
                "Reshape the targets; nothing is broadcast.",
            )
        )
    wrong = np.argwhere((targets != 0) & (targets != 1))
    if wrong.size:
        index = tuple(wrong[0].tolist())
        raise ValueError(
            refusal(
                where,
                f"targets of predictions of shape {predictions.shape} are 0 or 1",
                f"{targets[index].item()!r} at index {index}",
                f"For labels of several classes give scores of shape {(*shape, 'classes')}.",
            )
        )
    return np.asarray(targets.reshape(shape) == 1)


def yes_or_no(targets: Any, predictions: Any, where: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return predictions of one number each, and their targets as bools of the same shape.

    Targets may have the predictions' shape (several answers for an example, too), or leave out
    or add a last dimension of 1.

    Raises
    ------
    TypeError
        If one is no array of numbers.
    ValueError
        If the shapes do not fit, or a target is not 0 or 1.
    """
    p = numbers(predictions, "predictions", where)
    t = numbers(targets, "targets", where)
    if t.shape == p.shape:
        p, t = p.reshape(-1), t.reshape(-1)
    elif p.ndim >= 2 and p.shape[-1] != 1:
        raise ValueError(
            refusal(
                where,
                "predictions of one number for each answer have the targets' shape",
                f"{p.shape} and {t.shape}",
                "For scores of several classes use metrics.accuracy.",
            )
        )
    positive = binary_labels(t, p, where)
    return p.reshape(positive.shape), positive


def scores_and_labels(
    predictions: Any, targets: Any, where: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return what a classifier said as rows, and the right labels.

    Returns
    -------
    scores : ndarray
        ``[n, classes]``, or ``[n]`` where there is one number each, a score of label 1.
    labels : ndarray of int, shape [n]

    Raises
    ------
    TypeError, ValueError
        As `numbers`, `class_labels` and `binary_labels` do.
    """
    scores = numbers(predictions, "predictions", where)
    t = numbers(targets, "targets", where)
    if is_multiclass(scores):
        labels = class_labels(t, scores, where)
        return scores.reshape(-1, scores.shape[-1]), labels.reshape(-1)
    if scores.dtype.kind in "iu" and ((scores != 0) & (scores != 1)).any():
        raise ValueError(
            refusal(
                where,
                "predictions of one number each are probabilities, or 0 and 1",
                f"class numbers up to {int(scores.max())}",
                "Give scores of shape [..., classes], such as the model's logits.",
            )
        )
    positive = binary_labels(t, scores, where)
    return scores.reshape(-1), positive.reshape(-1).astype(np.int64)


def one_of(value: Any, name: str, known: tuple[str, ...], where: str) -> str:
    """Return a word if it is one of those, or refuse it.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in known:
        words = " or ".join(f'"{word}"' for word in known)
        fix = did_you_mean(value, known) if isinstance(value, str) else f'Give "{known[0]}".'
        raise ValueError(refusal(where, f"{name} is {words}", shown(value), fix))
    return value
