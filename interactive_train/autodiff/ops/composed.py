"""Operations made of primitives; their gradients follow by themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating
from interactive_train.autodiff.ops.elementwise import (
    exp,
    log,
    maximum,
    minimum,
    multiply,
    sqrt,
    where,
)
from interactive_train.autodiff.ops.elementwise import sigmoid as sigmoid
from interactive_train.autodiff.ops.reduction import Axis, max, normalise_axes, sum  # noqa: A004
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.tape import bare
from interactive_train.autodiff.tensor import OPERATIONS, Tensor, as_tensor
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
            refusal(
                "mean",
                "needs at least one element",
                f"shape {tensor.shape}, axis {axis}",
                "Check for an empty batch.",
            )
        )
    return sum(tensor, axis, keepdims) / float(count)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean squared deviation from the mean (divided by n)."""
    tensor = floating(x, "var")
    return mean(square(tensor - mean(tensor, axis, keepdims=True)), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the square root of `var`."""
    return sqrt(var(x, axis, keepdims))


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the smallest value over the axes."""
    return -max(-floating(x, "min"), axis, keepdims)


def square(x: Any) -> Tensor:
    """Return x * x."""
    tensor = floating(x, "square")
    return multiply(tensor, tensor)


def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """Limit values to [low, high]."""
    tensor = floating(x, "clip")
    if low is not None:
        tensor = maximum(tensor, low)
    return tensor if high is None else minimum(tensor, high)


def logsumexp(x: Any, axis: Axis = -1, keepdims: bool = False) -> Tensor:
    """Return log(sum of exp(x)) over the axes; no finite input overflows."""
    tensor = floating(x, "logsumexp")
    top = bare(max(tensor, axis, keepdims=True))
    shift = where((top - top) == 0.0, top, 0.0)  # 0 where the largest is infinite or NaN
    result = log(sum(exp(tensor - shift), axis, keepdims=True)) + shift
    return result if keepdims else reshape(result, sum(tensor, axis).shape)


def zeros_like(x: Any) -> Tensor:
    """Return zeros of the same shape and type."""
    tensor = as_tensor(x, "zeros_like")
    return Tensor.wrap(np.zeros(tensor.shape, tensor.dtype))


def ones_like(x: Any) -> Tensor:
    """Return ones of the same shape and type."""
    tensor = as_tensor(x, "ones_like")
    return Tensor.wrap(np.ones(tensor.shape, tensor.dtype))


for _function in (
    mean,
    var,
    std,
    min,
    square,
    clip,
    logsumexp,
    zeros_like,
    ones_like,
):
    OPERATIONS[_function.__name__] = _function
