"""Indexing: slices are views, an array of integers takes rows.

``x[rows]`` and ``x[rows, columns]`` with integer arrays become one gather over flattened
leading axes; its adjoint adds rows in the order of the index, so equal input gives equal bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.shape import floating, reshape, view
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import indexing as kernels
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal


def _plan_take(table: Spec, index: Spec) -> Plan:
    (height, columns), (rows,) = table[0], index[0]
    dtype = np.dtype(table[1])
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns, height)
    return Plan((rows, columns), dtype, kernels.TAKE_ROWS, dtype, operands)


def _plan_add(g: Spec, index: Spec, height: int) -> Plan:
    rows, columns = g[0]
    dtype = np.dtype(g[1])
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns, height)
    return Plan((height, columns), dtype, kernels.ADD_ROWS, dtype, operands)


take_rows = Primitive("take_rows", _plan_take)
add_rows = Primitive("add_rows", _plan_add)
take_rows.gradients(
    lambda g, y, table, index: add_rows.apply([g, index], {"height": table.shape[0]}), None
)
add_rows.gradients(lambda h, y, g, index, height: take_rows.apply([h, index], {}), None)


def take(x: Any, indices: Any, axis: int = 0) -> Tensor:
    """Return rows of `x` by integer indices along the first axis.

    Raises
    ------
    IndexError
        For an index outside 0 ... len(x) - 1; it names the index and its position.
    """
    if axis != 0:
        raise ValueError(refusal("take", "works along axis 0", f"axis={axis}", "Transpose first."))
    return _gather(floating(x, "take"), (np.asarray(indices),))


def getitem(x: Tensor, index: Any) -> Tensor:
    """Index with integers, slices, None, an ellipsis, or integer arrays in front."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [p for p in parts if isinstance(p, (np.ndarray, Tensor, list))]
    if not arrays:
        return _slice(x, index)
    if any(np.asarray(p).dtype == np.bool_ for p in arrays):
        raise TypeError(
            refusal(
                "Tensor[...]",
                "a boolean mask has no fixed shape",
                "a boolean array",
                "Use np.where(mask, x, 0) instead.",
            )
        )
    integers = tuple(np.asarray(p) for p in parts if not isinstance(p, slice))
    if len(integers) != len(parts) or any(p.dtype.kind not in "iu" for p in integers):
        raise TypeError(
            refusal(
                "Tensor[...]",
                "integer arrays index the leading axes, without slices beside them",
                repr(index)[:80],
                "Slice in a second step.",
            )
        )
    return _gather(x, integers)


def _slice(x: Tensor, index: Any) -> Tensor:
    # NumPy settles start, shape and strides of the view; we copy it with our kernel.
    source = x.data
    seen = source[index]
    if not isinstance(seen, np.ndarray):
        seen = np.asarray(source[(*index, ...) if isinstance(index, tuple) else (index, ...)])
    start = (seen.__array_interface__["data"][0] - x.address) // source.itemsize
    if seen.size == 0:
        start = 0
    strides = tuple(step // source.itemsize for step in seen.strides)
    if x.dtype.kind != "f":
        return Tensor.wrap(np.ascontiguousarray(seen).reshape(seen.shape))
    return view.apply([x], {"start": start, "shape": seen.shape, "strides": strides})


def _gather(x: Tensor, indices: tuple[Any, ...]) -> Tensor:
    lead, rest = x.shape[: len(indices)], x.shape[len(indices) :]
    if len(lead) != len(indices):
        raise IndexError(
            refusal("Tensor[...]", f"there are {x.ndim} axes", f"{len(indices)} index arrays")
        )
    grids = np.broadcast_arrays(*indices)
    flat = np.zeros(grids[0].shape, np.int64)
    for axis, (grid, extent) in enumerate(zip(grids, lead, strict=True)):
        wrapped = np.where(grid < 0, grid + extent, grid)
        outside = (wrapped < 0) | (wrapped >= extent)
        if outside.any():
            raise IndexError(
                refusal(
                    "Tensor[...]",
                    f"an index along axis {axis} lies in {-extent} ... {extent - 1}",
                    f"{int(grid[outside].flat[0])}",
                    f"The array has shape {x.shape}.",
                )
            )
        flat = flat * extent + wrapped
    if x.dtype.kind != "f":
        return Tensor.wrap(x.data.reshape(-1)[flat])
    table = reshape(x, (math.prod(lead), math.prod(rest)))
    index = Tensor.wrap(np.ascontiguousarray(flat.reshape(-1)))
    return reshape(take_rows.apply([table, index], {}), (*grids[0].shape, *rest))


OPERATIONS["getitem"] = getitem
OPERATIONS["take"] = take
