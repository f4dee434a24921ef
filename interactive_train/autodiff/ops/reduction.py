"""Reductions: sum, max and argmax; the others are made of them in `composed`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating, normal_axes
from interactive_train.autodiff.ops.elementwise import where
from interactive_train.autodiff.ops.shape import broadcast_to, reshape
from interactive_train.autodiff.primitive import Plan, Primitive, number
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import reduction as kernels
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal

Axis = int | tuple[int, ...] | None


def _plan(kernel: Kernel, x: Spec, first: int, last: int) -> Plan:
    """Reduce over the adjacent axes first ... last - 1, which then are gone."""
    shape, char = x
    dtype = np.dtype(char)
    result = dtype if kernel is not kernels.ARGMAX else np.dtype(np.int64)
    sizes = tuple(math.prod(part) for part in (shape[:first], shape[first:last], shape[last:]))
    rest = shape[:first] + shape[last:]
    return Plan(rest, result, kernel, dtype, (RESULT, INPUTS[0], *sizes))


def _plan_ends(x: Spec, first: int, last: int) -> Plan:
    """Sum over all axes but the adjacent first ... last - 1."""
    shape, char = x
    dtype = np.dtype(char)
    sizes = tuple(math.prod(part) for part in (shape[:first], shape[first:last], shape[last:]))
    kernel = kernels.SUM_OUTER_INNER
    return Plan(shape[first:last], dtype, kernel, dtype, (RESULT, INPUTS[0], *sizes))


_sum = Primitive("_sum", lambda x, first, last: _plan(kernels.SUM, x, first, last))
_sum.gradients(lambda g, y, x, first, last: _spread(g, x, first, last))

_sum_ends = Primitive("_sum_ends", lambda x, first, last: _plan_ends(x, first, last))
_sum_ends.gradients(lambda g, y, x, first, last: _around(g, x, first, last))

_max = Primitive("_max", lambda x, first, last: _plan(kernels.MAX, x, first, last))
_max.gradients(lambda g, y, x, first, last: _to_largest(g, y, x, first, last))

_argmax = Primitive("_argmax", lambda x, first, last: _plan(kernels.ARGMAX, x, first, last))


def _spread(g: Tensor, x: Tensor, first: int, last: int) -> Tensor:
    kept = x.shape[:first] + (1,) * (last - first) + x.shape[last:]
    return broadcast_to(reshape(g, kept), x.shape)


def _around(g: Tensor, x: Tensor, first: int, last: int) -> Tensor:
    return broadcast_to(reshape(g, x.shape[first:last] + (1,) * (x.ndim - last)), x.shape)


def _to_largest(g: Tensor, y: Tensor, x: Tensor, first: int, last: int) -> Tensor:
    """Give each of the largest elements an equal share."""
    largest = where(x == _spread(y, x, first, last), number(1.0, x.dtype), 0.0)
    count = _sum.apply([largest], {"first": first, "last": last})
    return largest * _spread(g / count, x, first, last)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the sum over the axes; over no element it is 0."""
    return _reduce(_sum, floating(x, "sum"), axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the largest value over the axes; its gradient is shared among equals."""
    return _reduce(_max, floating(x, "max"), axis, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return where the largest value stands, as int64; it has no gradient."""
    tensor = floating(x, "argmax")
    if axis is not None:
        return _reduce(_argmax, tensor, axis, keepdims)
    found = _reduce(_argmax, reshape(tensor, -1), 0, False)
    return reshape(found, (1,) * tensor.ndim) if keepdims else found


def _reduce(primitive: Primitive, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = normalise_axes(primitive.name.lstrip("_"), x, axis)
    if primitive is not _sum and math.prod(x.shape[a] for a in axes) == 0:
        raise ValueError(
            refusal(
                primitive.name.lstrip("_"),
                "needs at least one element along the axis",
                f"shape {x.shape}, axis {axis}",
                "Check for an empty batch.",
            )
        )
    runs = _runs(axes)
    if primitive is _sum and len(runs) == 2 and runs[0][0] == 0 and runs[1][1] == x.ndim:
        result = _sum_ends.apply([x], {"first": runs[0][1], "last": runs[1][0]})
    else:
        result = x
        for first, last in reversed(runs):
            result = primitive.apply([result], {"first": first, "last": last})
    if keepdims:
        extents = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        result = reshape(result, extents)
    return result


def normalise_axes(where_: str, x: Tensor, axis: Axis) -> tuple[int, ...]:
    """Return the axes as sorted non-negative numbers; None means all."""
    return tuple(range(x.ndim)) if axis is None else normal_axes(where_, x.shape, axis)


def _runs(axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Group sorted axes into runs of neighbours, as (first, last + 1)."""
    runs: list[tuple[int, int]] = []
    for axis in axes:
        if runs and runs[-1][1] == axis:
            runs[-1] = (runs[-1][0], axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs


for _function in (sum, max, argmax):
    OPERATIONS[_function.__name__] = _function
