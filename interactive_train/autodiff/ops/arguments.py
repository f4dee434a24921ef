"""What an operation may be given: values as Tensors, shapes and axes as tuples of ints."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import FLOATS, Tensor, as_tensor
from interactive_train.runtime.errors import refusal

Ints = tuple[int, ...]


def floating(x: Any, where: str) -> Tensor:
    """Return `x` as a floating Tensor; anything but a Tensor is copied, as it may change later.

    Raises
    ------
    TypeError
        For integers.
    """
    if type(x) is Tensor and x.spec[1] in FLOATS:
        return x
    return promote(where, [kept(x, where)])[0]


def kept(x: Any, where: str) -> Tensor:
    """Return `x` as a Tensor of its own type; anything but a Tensor is copied."""
    if isinstance(x, Tensor):
        return x
    if hasattr(x, "__tensor__"):
        lifted: Tensor = x.__tensor__(np.dtype(np.float64))
        return lifted
    return Tensor(as_tensor(x, where).data)


def extents(where: str, shape: Any) -> Ints:
    """Return a shape as a tuple of ints; a single number is a shape of one axis.

    Raises
    ------
    TypeError
        If an extent is no whole number.
    """
    given = shape if isinstance(shape, (tuple, list, np.ndarray)) else (shape,)
    try:
        return tuple(operator.index(n) for n in given)
    except TypeError:
        raise TypeError(
            refusal(where, "extents are whole numbers", repr(shape), "Use // for a division.")
        ) from None


def normal_axes(where: str, shape: Ints, axis: int | tuple[int, ...]) -> Ints:
    """Return the axes of an array of this shape as sorted numbers from 0.

    Raises
    ------
    ValueError
        If an axis does not exist or is named twice.
    TypeError
        If an axis is no whole number.
    """
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    try:
        axes = sorted({a + len(shape) if a < 0 else a for a in map(operator.index, given)})
    except TypeError:
        raise TypeError(
            refusal(where, "an axis is a whole number", repr(axis), "Name one of the axes.")
        ) from None
    if len(axes) != len(given) or (axes and not 0 <= axes[0] <= axes[-1] < len(shape)):
        raise ValueError(
            refusal(
                where,
                f"axes are distinct and lie in {-len(shape)} ... {len(shape) - 1}",
                str(axis),
                f"The array has shape {shape}.",
            )
        )
    return tuple(axes)
