"""Primitives that move values: broadcast, reshape, transpose, slice, concatenate.

`view` is the one behind most of them: a copy of (start, shape, strides) over flat memory.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from interactive_train.autodiff.ghost import NotRecordableError, users_line
from interactive_train.autodiff.ops.arguments import extents, kept, normal_axes
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import movement as kernels
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal

Ints = tuple[int, ...]


# view(x)[i] = x.flat[start + i . strides]; its adjoint puts g back among zeros --------------


def _view_operands(span: int, start: int, shape: Ints, strides: Ints) -> tuple[Any, ...]:
    padded = np.zeros(kernels.MOST_AXES, np.int64)
    inner = shape or (1,)
    padded[: len(shape)] = strides
    columns = inner[-1]
    rows = math.prod(inner[:-1])
    return np.array(inner, np.int64), padded, rows, columns, span, len(inner) - 1, start


def _plan_view(x: Spec, start: int, shape: Ints, strides: Ints) -> Plan:
    (own, char) = x
    dtype = np.dtype(char)
    if dtype == np.bool_:
        raise NotRecordableError(f"{users_line()}: a view of truth values cannot be recorded")
    moved = np.dtype(np.float64) if dtype == np.int64 else dtype  # 64 bits, whatever they mean
    operands = _view_operands(math.prod(own), start, shape, strides)
    return Plan(shape, dtype, kernels.GATHER_VIEW, moved, (RESULT, INPUTS[0], *operands))


def _plan_unview(g: Spec, start: int, shape: Ints, strides: Ints) -> Plan:
    dtype = np.dtype(g[1])
    operands = _view_operands(math.prod(shape), start, g[0], strides)
    return Plan(shape, dtype, kernels.SCATTER_VIEW, dtype, (RESULT, INPUTS[0], *operands))


view = Primitive("view", _plan_view)
unview = Primitive("unview", _plan_unview)
view.gradients(
    lambda g, y, x, start, shape, strides: unview.apply(
        [g], {"start": start, "shape": x.shape, "strides": strides}
    )
)
unview.gradients(
    lambda h, y, g, start, shape, strides: view.apply(
        [h], {"start": start, "shape": g.shape, "strides": strides}
    )
)


# broadcast_to, whose adjoint sums over what was repeated --------------------------------------


def _plan_broadcast(x: Spec, shape: Ints) -> Plan:
    own = (1,) * (len(shape) - len(x[0])) + x[0]
    steps = _strides(own)
    strides = tuple(
        0 if mine == 1 else step for mine, step, _ in zip(own, steps, shape, strict=True)
    )
    return _plan_view(x, 0, shape, strides)


_broadcast = Primitive("_broadcast", _plan_broadcast)
_broadcast.gradients(lambda g, y, x, shape: sum_to(g, x.shape))


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """Repeat `x` to a shape, by NumPy's rules.

    Raises
    ------
    ValueError
        If the shape does not fit.
    """
    tensor = kept(x, "broadcast_to")
    wanted = extents("broadcast_to", shape)
    if tensor.shape == wanted:
        return tensor
    try:
        fits = np.broadcast_shapes(tensor.shape, wanted) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            refusal(
                "broadcast_to",
                f"the shape must broadcast to {wanted}",
                str(tensor.shape),
                "Shapes are aligned at their last axis; an extent of 1 is repeated.",
            )
        )
    if tensor.dtype.kind != "f" and tensor.known:
        return Tensor(np.broadcast_to(tensor.data, wanted))
    return _broadcast.apply([tensor], {"shape": wanted})


def sum_to(g: Tensor, shape: Ints) -> Tensor:
    """Sum over the axes along which `shape` was broadcast: the adjoint of broadcasting."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1
    )
    return reshape(OPERATIONS["sum"](g, axis=axes), shape) if axes else reshape(g, shape)


# reshape: the same memory ---------------------------------------------------------------------

_reshape = Primitive("_reshape", lambda x, shape: Plan(shape, np.dtype(x[1])))
_reshape.gradients(lambda g, y, x, shape: reshape(g, x.shape))


def reshape(x: Any, shape: Any) -> Tensor:
    """Return the elements in another shape of equal size; one extent may be -1.

    Raises
    ------
    ValueError
        If the new shape holds another number of elements.
    """
    tensor = kept(x, "reshape")
    wanted = list(extents("reshape", shape))
    known = math.prod(n for n in wanted if n != -1)
    if wanted.count(-1) == 1 and known and tensor.size % known == 0:
        wanted[wanted.index(-1)] = tensor.size // known
    if math.prod(wanted) != tensor.size or min(wanted, default=0) < 0:
        raise ValueError(
            refusal(
                "reshape",
                f"the new shape must hold {tensor.size} elements",
                f"{tuple(wanted)} for an array of shape {tensor.shape}",
                "One extent may be -1.",
            )
        )
    if tuple(wanted) == tensor.shape:
        return tensor
    return _reshape.apply([tensor], {"shape": tuple(wanted)})


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Drop axes of extent 1: all of them, or those that are named.

    Raises
    ------
    ValueError
        If a named axis has another extent.
    """
    tensor = kept(x, "squeeze")
    if axis is None:
        return reshape(tensor, tuple(n for n in tensor.shape if n != 1))
    axes = normal_axes("squeeze", tensor.shape, axis)
    if any(tensor.shape[a] != 1 for a in axes):
        raise ValueError(
            refusal(
                "squeeze",
                "drops axes of extent 1",
                f"axis {axis} of shape {tensor.shape}",
                "Reduce the axis instead, or index it.",
            )
        )
    return reshape(tensor, tuple(n for a, n in enumerate(tensor.shape) if a not in axes))


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Tensor:
    """Insert axes of extent 1 at these places of the result."""
    tensor = kept(x, "expand_dims")
    count = len(axis) if isinstance(axis, tuple) else 1
    axes = normal_axes("expand_dims", (1,) * (tensor.ndim + count), axis)
    rest = iter(tensor.shape)
    return reshape(
        tensor, tuple(1 if a in axes else next(rest) for a in range(tensor.ndim + count))
    )


# transpose --------------------------------------------------------------------------------------


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Put the axes in another order, reversed by default.

    Raises
    ------
    ValueError
        If the axes are no order of all of them.
    """
    tensor = kept(x, "transpose")
    order = tuple(range(tensor.ndim))[::-1]
    if axes is not None:
        order = tuple(a + tensor.ndim if a < 0 else a for a in map(operator.index, axes))
    if sorted(order) != list(range(tensor.ndim)):
        raise ValueError(
            refusal(
                "transpose",
                f"axes must be an order of 0 ... {tensor.ndim - 1}",
                str(axes),
                f"The array has shape {tensor.shape}.",
            )
        )
    if order == tuple(range(tensor.ndim)):
        return tensor
    steps = _strides(tensor.shape)
    shape = tuple(tensor.shape[a] for a in order)
    return window(tensor, 0, shape, tuple(steps[a] for a in order))


def swapaxes(x: Any, first: int, second: int) -> Tensor:
    """Exchange two axes."""
    tensor = kept(x, "swapaxes")
    ((one,), (other,)) = (normal_axes("swapaxes", tensor.shape, a) for a in (first, second))
    order = list(range(tensor.ndim))
    order[one], order[other] = order[other], order[one]
    return transpose(tensor, order)


def window(x: Tensor, start: int, shape: Ints, strides: Ints) -> Tensor:
    """Copy the view (start, shape, strides), counted in elements, of the memory of `x`.

    No element may be seen twice, since the gradient is put back, not added.
    """
    if x.dtype.kind == "f" or not x.known:
        return view.apply([x], {"start": start, "shape": shape, "strides": strides})
    memory = x.data.reshape(-1)[start:]
    steps = tuple(step * memory.itemsize for step in strides)
    return Tensor(np.lib.stride_tricks.as_strided(memory, shape, steps))


# concatenate --------------------------------------------------------------------------------------


def _plan_join(x: Spec, y: Spec, axis: int) -> Plan:
    shape = (*x[0][:axis], x[0][axis] + y[0][axis], *x[0][axis + 1 :])
    inner = math.prod(shape[axis + 1 :])
    left, right = x[0][axis] * inner, y[0][axis] * inner
    dtype = np.dtype(x[1])
    sizes = (math.prod(shape[:axis]), left, right, left + right)
    return Plan(shape, dtype, kernels.JOIN_TWO, dtype, (RESULT, INPUTS[0], INPUTS[1], *sizes))


_join = Primitive("_join", _plan_join)
_join.gradients(
    lambda g, y, a, b, axis: _part(g, axis, 0, a.shape[axis]),
    lambda g, y, a, b, axis: _part(g, axis, a.shape[axis], y.shape[axis]),
)


def _part(g: Tensor, axis: int, start: int, stop: int) -> Tensor:
    steps = _strides(g.shape)
    shape = (*g.shape[:axis], stop - start, *g.shape[axis + 1 :])
    return view.apply([g], {"start": start * steps[axis], "shape": shape, "strides": steps})


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """Join arrays along an axis; all other extents must agree.

    Raises
    ------
    ValueError
        If they do not, or there is no array.
    """
    tensors = _alike("concatenate", list(arrays))
    if not tensors:
        raise ValueError(
            refusal("concatenate", "needs at least one array", "none", "Check for an empty list.")
        )
    (at,) = normal_axes("concatenate", tensors[0].shape, axis)
    for tensor in tensors:
        other = tensor.shape[:at] + tensor.shape[at + 1 :]
        first = tensors[0].shape[:at] + tensors[0].shape[at + 1 :]
        if tensor.ndim != tensors[0].ndim or other != first:
            raise ValueError(
                refusal(
                    "concatenate",
                    f"shapes must agree but for axis {axis}",
                    " and ".join(str(t.shape) for t in tensors),
                    "Reshape one, or join along another axis.",
                )
            )
    if tensors[0].dtype.kind != "f":
        return Tensor(np.concatenate([t.data for t in tensors], at))
    while len(tensors) > 1:  # in pairs, so that n arrays are copied log n times
        pairs = zip(tensors[::2], tensors[1::2], strict=False)
        tail = tensors[-1:] if len(tensors) % 2 else []
        tensors = [_join.apply(pair, {"axis": at}) for pair in pairs] + tail
    return tensors[0]


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """Join arrays of one shape along a new axis."""
    return concatenate([expand_dims(x, axis) for x in _alike("stack", list(arrays))], axis)


def _alike(where: str, arrays: list[Any]) -> list[Tensor]:
    """Bring arrays to one type: their own, if all are of integers or all of truth values."""
    tensors = [kept(a, where) for a in arrays]
    kinds = {t.dtype.kind for t in tensors}
    return tensors if len(kinds) == 1 and "f" not in kinds else promote(where, tensors)


def _strides(shape: Ints) -> Ints:
    steps = []
    step = 1
    for extent in reversed(shape):
        steps.append(step)
        step *= extent
    return tuple(reversed(steps))


for _function in (
    broadcast_to,
    reshape,
    squeeze,
    expand_dims,
    transpose,
    swapaxes,
    concatenate,
    stack,
):
    OPERATIONS[_function.__name__] = _function
