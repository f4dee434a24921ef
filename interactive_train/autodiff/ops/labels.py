"""Labels, which are class numbers from 0: rows with a 1, and the elements that they name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating, kept, normal_axes
from interactive_train.autodiff.ops.elementwise import where
from interactive_train.autodiff.ops.shape import reshape, swapaxes
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import labels as kernels
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal


def _plan_one_hot(labels: Spec, classes: int, char: str) -> Plan:
    (rows,), dtype = labels[0], np.dtype(char)
    return Plan((rows, classes), dtype, kernels.ONE_HOT, dtype, (RESULT, INPUTS[0], rows, classes))


def _plan_pick(x: Spec, labels: Spec) -> Plan:
    (rows, columns), picks, dtype = x[0], labels[0][1], np.dtype(x[1])
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns, picks)
    return Plan((rows, picks), dtype, kernels.PICK, dtype, operands)


def _plan_place(g: Spec, labels: Spec, columns: int) -> Plan:
    (rows, picks), dtype = g[0], np.dtype(g[1])
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns, picks)
    return Plan((rows, columns), dtype, kernels.PLACE, dtype, operands)


_one_hot = Primitive("_one_hot", _plan_one_hot)

# y[i, k] = x[i, labels[i, k]], and its adjoint
_pick = Primitive("_pick", _plan_pick)
_place = Primitive("_place", _plan_place)
_pick.gradients(lambda g, y, x, labels: _place.apply([g, labels], {"columns": x.shape[1]}), None)
_place.gradients(lambda h, y, g, labels, columns: _pick.apply([h, labels], {}), None)


def one_hot(labels: Tensor, classes: int, dtype: Any) -> Tensor:
    """Return rows of zeros with a 1 where the label says, of shape ``(*labels.shape, classes)``.

    Raises
    ------
    IndexError
        If a label is not in 0 ... classes - 1.
    """
    _in_range(labels, 0, classes, "one_hot")
    flat = reshape(labels, -1)
    rows = _one_hot.apply([flat], {"classes": classes, "char": np.dtype(dtype).char})
    return reshape(rows, (*labels.shape, classes))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """Return the elements along an axis that integers name, y[..., k] = x[..., indices[..., k]].

    Parameters
    ----------
    x : array_like
    indices : array_like of int
        Of the shape of `x` but for the axis; ``labels[:, None]`` picks one of each row.
    axis : int

    Raises
    ------
    TypeError
        If the indices are no integers.
    ValueError
        If the shapes do not fit.
    IndexError
        If an index is out of range.
    """
    name = "take_along_axis"
    tensor, index = floating(x, name), kept(indices, name)
    if index.dtype.kind != "i":
        raise TypeError(refusal(name, "indices are integers", str(index.dtype), "Convert them."))
    (at,) = normal_axes(name, tensor.shape, axis)
    if at != tensor.ndim - 1:
        moved = take_along_axis(swapaxes(tensor, at, -1), _last(index, at), -1)
        return swapaxes(moved, at, -1)
    if index.shape[:-1] != tensor.shape[:-1] or index.ndim != tensor.ndim:
        raise ValueError(
            refusal(
                name,
                "indices have the array's shape but for the axis",
                f"{index.shape} for an array of shape {tensor.shape}",
                "For one label per row give labels[:, None].",
            )
        )
    columns = tensor.shape[-1]
    _in_range(index, -columns, columns, name)
    if index.known and (index.data < 0).any():
        index = Tensor.wrap(np.where(index.data < 0, index.data + columns, index.data))
    rows = math.prod(tensor.shape[:-1])
    picked = _pick.apply(
        [reshape(tensor, (rows, columns)), reshape(index, (rows, index.shape[-1]))], {}
    )
    return reshape(picked, index.shape)


def chosen(labels: Tensor, ignored: int) -> tuple[Tensor, Tensor]:
    """Return where labels count, and labels with 0 for those that do not.

    Parameters
    ----------
    labels : Tensor of int64
    ignored : int
        The label that does not count.
    """
    counts = labels != ignored
    return counts, where(counts, labels, 0)


def _last(index: Tensor, axis: int) -> Tensor:
    if index.ndim <= axis:
        return index
    if not index.known:
        return swapaxes(index, axis, -1)
    return Tensor(np.swapaxes(index.data, axis, -1))


def _in_range(index: Tensor, low: int, high: int, name: str) -> None:
    """Refuse known indices outside low ... high - 1; a kernel stops at unknown ones."""
    if not index.known:
        return
    outside = (index.data < low) | (index.data >= high)
    if outside.any():
        at = tuple(np.argwhere(outside)[0].tolist())
        raise IndexError(
            refusal(
                name,
                f"indices lie in {low} ... {high - 1}",
                f"{int(index.data[at])} at index {at}",
                "Count from 0.",
            )
        )


OPERATIONS["take_along_axis"] = take_along_axis
