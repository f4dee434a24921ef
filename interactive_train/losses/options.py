"""What losses are told beside predictions and targets, checked: weights, smoothing, targets.

Checks of values read the targets' memory, where it is known: while a step is recorded there is
none, and a step that runs into targets that no loss takes is repeated where the checks can speak.
Those of predictions are never read, so that no number of a model ends up in a loss as a constant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.reduce import same_shape
from interactive_train.nn.knob import Knob
from interactive_train.runtime.checks import real_number, shown
from interactive_train.runtime.errors import refusal


def pair(
    predictions: Any,
    targets: Any,
    where: str,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    fix: str = "",
) -> tuple[Tensor, Tensor]:
    """Return predictions and targets of one shape and floating type.

    Targets may be integers or bools: zeros and ones, signs and counts are floats here.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape.
    where : str
        The loss, for the message.
    low, high : float
        Bounds of the targets, ends included.
    fix : str
        What to do about a target outside.

    Raises
    ------
    TypeError
        If the predictions are no floats.
    ValueError
        If the shapes differ, or a target is outside the bounds or NaN.
    """
    (x,) = promote(where, [predictions])
    if isinstance(targets, Tensor):
        targets = targets if targets.dtype.kind == "f" else targets.astype(x.dtype)
    else:
        array = np.asarray(targets)
        if array.dtype.kind in "iub":
            targets = Tensor.wrap(np.asarray(array, dtype=x.dtype, order="C"))
    x, y = promote(where, [x, targets])
    same_shape(x, y, where)
    if y.known and (np.isfinite(low) or np.isfinite(high)):
        interval = f"in [{low:g}, {high:g}]" if np.isfinite(high) else f"at least {low:g}"
        inside = (y.data >= low) & (y.data <= high)
        check_targets(inside, y, f"targets are {interval}", where, fix)
    return x, y


def check_targets(right: NDArray[np.bool_], y: Tensor, rule: str, where: str, fix: str) -> None:
    """Refuse targets, whose values are known, where `right` does not hold, and name the first.

    Raises
    ------
    ValueError
        If one is wrong.
    """
    if not right.all():
        index = tuple(np.argwhere(~right)[0].tolist())
        raise ValueError(refusal(where, rule, f"{y.data[index].item()!r} at index {index}", fix))


def class_weights(weight: Any, classes: int, dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    """Return a factor per class as an array of this type.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If there is not one for each class, or one is negative or not finite.
    """
    fix = f"Give {classes} numbers of at least 0, such as np.ones({classes})."
    array = np.asarray(weight)
    if array.dtype.kind not in "fiu":
        raise TypeError(refusal(where, "weight is a number per class", shown(weight), fix))
    if array.shape != (classes,):
        raise ValueError(
            refusal(where, f"weight has one number per class, {classes}", f"{array.shape}", fix)
        )
    _not_negative(array, "weight", where)
    return np.ascontiguousarray(array, dtype=dtype)


def factors(value: Any, name: str, like: Tensor, where: str) -> Tensor:
    """Return one factor, or one for each output (the last axis of `like`), of its type.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If there is another number of them, or one is negative or not finite.
    """
    outputs = like.shape[-1] if like.ndim else 1
    fix = "Give one number, or one for each output."
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(refusal(where, f"{name} is a number for each output", shown(value), fix))
    if array.shape not in ((), (1,), (outputs,)):
        raise ValueError(
            refusal(
                where, f"{name} has one number, or {outputs} of them", f"shape {array.shape}", fix
            )
        )
    _not_negative(array, name, where)
    return Tensor.wrap(np.asarray(array, dtype=like.dtype, order="C"))


def _not_negative(array: NDArray[Any], name: str, where: str) -> None:
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            refusal(
                where,
                f"each number of {name} is finite and at least 0",
                str(array.tolist()),
                "Give 0 for what does not count.",
            )
        )


def number(
    value: Any,
    name: str,
    where: str,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
) -> Any:
    """Return an option as a number inside an interval.

    It is a float, but for a knob while a step is recorded: that is known at the step only, and
    the loss computes with it as with any number.

    Parameters
    ----------
    value : float or Knob
    name, where, low, high, open_low
        As in `real_number`.

    Raises
    ------
    TypeError, ValueError
        If it is no such number.
    """
    given = value.value if isinstance(value, Knob) else value
    if not hasattr(given, "__tensor__"):
        return real_number(value, name, where, low=low, high=high, open_low=open_low)
    inside = given > low if open_low else given >= low
    if not inside or (math.isfinite(high) and given > high):
        raise ValueError(refusal(where, f"{name} lies in its interval", repr(given)))
    return given


def smoothing(label_smoothing: Any, where: str) -> Any:
    """Return the part of each target that is spread over all classes, in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If it is no such number.
    """
    return number(label_smoothing, "label_smoothing", where, low=0.0, high=1.0)


def examples_and_classes(x: Tensor, where: str, least: int = 1) -> None:
    """Refuse logits whose last axis does not hold at least so many classes.

    Raises
    ------
    ValueError
        If it does not.
    """
    if x.ndim == 0 or x.shape[-1] < least:
        raise ValueError(
            refusal(
                where,
                f"the last axis of the logits is the classes, {least} or more",
                f"shape {x.shape}",
                "Check the shape of the logits.",
            )
        )
