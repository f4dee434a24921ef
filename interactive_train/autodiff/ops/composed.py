"""Operations made of primitives; their gradients follow by themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.elementwise import exp, maximum, minimum, multiply
from interactive_train.autodiff.ops.reduction import Axis, max, normalise_axes, sum  # noqa: A004
from interactive_train.autodiff.ops.shape import floating
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.runtime.errors import refusal


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over the axes.

    Raises
    ------
    ValueError
        Over no element.
    """
    tensor = floating(x, "mean")
    count = math.prod(tensor.shape[a] for a in normalise_axes("mean", tensor, axis))
    if count == 0:
        raise ValueError(
            refusal("mean", "needs at least one element", f"shape {tensor.shape}, axis {axis}")
        )
    return sum(tensor, axis, keepdims) * (1.0 / count)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean squared deviation from the mean (divided by n)."""
    tensor = floating(x, "var")
    return mean(square(tensor - mean(tensor, axis, keepdims=True)), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the square root of `var`."""
    result: Tensor = OPERATIONS["sqrt"](var(x, axis, keepdims))
    return result


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the smallest value over the axes."""
    return -max(-floating(x, "min"), axis, keepdims)


def square(x: Any) -> Tensor:
    """Return x * x."""
    tensor = floating(x, "square")
    return multiply(tensor, tensor)


def sigmoid(x: Any) -> Tensor:
    """Return 1 / (1 + exp(-x)), written with tanh so that nothing overflows."""
    return 0.5 * (OPERATIONS["tanh"](0.5 * floating(x, "sigmoid")) + 1.0)


def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """Limit values to [low, high]."""
    tensor = floating(x, "clip")
    if low is not None:
        tensor = maximum(tensor, low)
    return tensor if high is None else minimum(tensor, high)


def logsumexp(x: Any, axis: int = -1, keepdims: bool = False) -> Tensor:
    """Return log(sum of exp(x)) along an axis; no finite input overflows."""
    tensor = floating(x, "logsumexp")
    top = Tensor.wrap(max(tensor, axis, keepdims=True).data)
    total = sum(exp(tensor - top), axis, keepdims=True)
    result: Tensor = OPERATIONS["log"](total) + top
    return result if keepdims else sum(result, axis)


def zeros_like(x: Any) -> Tensor:
    """Return zeros of the same shape and type."""
    return Tensor.wrap(np.zeros(np.shape(x), x.dtype))


def ones_like(x: Any) -> Tensor:
    """Return ones of the same shape and type."""
    return Tensor.wrap(np.ones(np.shape(x), x.dtype))


for _function in (
    mean,
    var,
    std,
    min,
    square,
    sigmoid,
    clip,
    logsumexp,
    zeros_like,
    ones_like,
):
    OPERATIONS[_function.__name__] = _function
