"""Indexing: slices are views, an array of integers takes rows.

``x[rows]`` and ``x[rows, columns]`` with integer arrays become one gather over flattened
leading axes; its adjoint adds rows in the order of the index, so equal input gives equal bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ops.arguments import kept, normal_axes
from interactive_train.autodiff.ops.labels import take_along_axis
from interactive_train.autodiff.ops.shape import reshape, window
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


# embedding(table, index)[i...] = table[index[i...]]; only the kernel looks at the index.


def _plan_embedding(table: Spec, index: Spec) -> Plan:
    (height, columns), rows = table[0], math.prod(index[0])
    dtype = np.dtype(table[1])
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns, height)
    return Plan((*index[0], columns), dtype, kernels.TAKE_ROWS, dtype, operands)


embedding = Primitive("embedding", _plan_embedding)
embedding.title = "nn.Embedding"
embedding.gradients(
    lambda g, y, table, index: add_rows.apply(
        [reshape(g, (index.size, table.shape[1])), reshape(index, (index.size,))],
        {"height": table.shape[0]},
    ),
    None,
)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return elements, or with ``axis=0`` rows, of `x` by integer indices.

    Raises
    ------
    IndexError
        For an index that is out of range; it names the index.
    """
    tensor = kept(x, "take")
    if axis is None:
        tensor = reshape(tensor, -1)
    elif normal_axes("take", tensor.shape, axis) != (0,):
        raise ValueError(refusal("take", "works along axis 0", f"axis={axis}", "Transpose first."))
    found = _at_the_step(tensor, (indices,))
    return _gather(tensor, _integers("take", (indices,))) if found is None else found


def getitem(x: Tensor, index: Any) -> Tensor:
    """Index with integers, slices, None, an ellipsis, or integer arrays in front.

    Raises
    ------
    IndexError
        If an index is out of range.
    TypeError
        For boolean masks, and slices beside arrays.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if all(_is_basic(part) for part in parts):
        return _slice(x, parts)
    found = _at_the_step(x, parts)
    if found is not None:
        return found
    if any(np.asarray(p).dtype == np.bool_ for p in parts if not isinstance(p, slice)):
        raise TypeError(
            refusal(
                "Tensor[...]",
                "a boolean mask has no fixed shape",
                "a boolean index",
                "Use np.where(mask, x, 0) instead.",
            )
        )
    if any(part is None or part is Ellipsis or isinstance(part, slice) for part in parts):
        raise TypeError(
            refusal(
                "Tensor[...]",
                "integer arrays index the leading axes, without slices beside them",
                repr(index)[:80],
                "Slice in a second step.",
            )
        )
    return _gather(x, _integers("Tensor[...]", parts))


def _at_the_step(x: Tensor, parts: tuple[Any, ...]) -> Tensor | None:
    """Return rows, or one element of each row, by integers that are known at the step only.

    Negative ones stop a recorded step like any that is out of range, and it is repeated eagerly.
    None for all other indices.
    """
    index = parts[-1]
    if not isinstance(index, Tensor) or index.known or index.dtype.kind != "i":
        return None
    if len(parts) == 1 and x.ndim and x.dtype.kind == "f":
        table = reshape(x, (x.shape[0], math.prod(x.shape[1:])))
        rows = take_rows.apply([table, reshape(index, -1)], {})
        return reshape(rows, (*index.shape, *x.shape[1:]))
    if len(parts) == x.ndim == 2 and index.shape == x.shape[:1] and _counts_all(parts[0], len(x)):
        return reshape(take_along_axis(x, reshape(index, (-1, 1))), -1)
    return None


def _counts_all(part: Any, extent: int) -> bool:
    """Whether an index is ``np.arange(extent)``."""
    return isinstance(part, np.ndarray) and np.array_equal(part, np.arange(extent))


def _is_basic(part: Any) -> bool:
    """Whether NumPy makes a view of this index; all others are arrays."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return True
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def _integers(where: str, parts: tuple[Any, ...]) -> list[NDArray[np.int64]]:
    arrays = []
    for part in parts:
        array = np.asarray(part)
        if array.dtype.kind not in "iu" and array.size:
            raise TypeError(
                refusal(
                    where,
                    "an index is a whole number or an array of them",
                    repr(part)[:80],
                    "Convert with .astype(np.int64).",
                )
            )
        arrays.append(array.astype(np.int64))
    return arrays


def _slice(x: Tensor, parts: tuple[Any, ...]) -> Tensor:
    # NumPy settles start, shape and strides of the view; we copy it with our kernel.
    source = x.data if x.known else np.empty(x.shape, x.dtype)  # its memory is never touched
    seen = source[parts if Ellipsis in parts else (*parts, ...)]
    start = (seen.ctypes.data - source.ctypes.data) // source.itemsize if seen.size else 0
    strides = tuple(step // source.itemsize for step in seen.strides)
    if x.dtype.kind != "f" and x.known:
        return Tensor(seen)
    return window(x, start, seen.shape, strides)


def _gather(x: Tensor, indices: list[NDArray[np.int64]]) -> Tensor:
    lead, rest = x.shape[: len(indices)], x.shape[len(indices) :]
    if len(lead) != len(indices):
        raise IndexError(
            refusal(
                "Tensor[...]",
                f"there are {x.ndim} axes",
                f"{len(indices)} index arrays",
                f"The array has shape {x.shape}.",
            )
        )
    try:
        grids = np.broadcast_arrays(*indices)
    except ValueError:
        raise IndexError(
            refusal(
                "Tensor[...]",
                "index arrays must broadcast",
                " and ".join(str(i.shape) for i in indices),
                "They name elements together, one from each.",
            )
        ) from None
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
        return Tensor(x.data[tuple(indices)])
    table = reshape(x, (math.prod(lead), math.prod(rest)))
    index = Tensor.wrap(flat.reshape(-1))
    return reshape(take_rows.apply([table, index], {}), (*grids[0].shape, *rest))


OPERATIONS["getitem"] = getitem
OPERATIONS["take"] = take
