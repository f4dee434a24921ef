"""Views without copies: a slice whose elements lie one behind another is memory that exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from interactive_train.kernels.movement import GATHER_VIEW
from interactive_train.program.program import Op, Program, Ref


def alias_views(program: Program) -> Program:
    """Return the program without copies of contiguous pieces."""
    values = list(program.values)
    ops = []
    for op in program.ops:
        start = _contiguous_start(op)
        source, target = op.operands[1], op.operands[0]
        if start is not None and isinstance(source, Ref) and isinstance(target, Ref):
            value = values[target.number]
            if value.home is None:
                values[target.number] = replace(value, base=source.number, start=start)
                continue
        ops.append(op)
    return replace(program, values=tuple(values), ops=tuple(ops))


def _contiguous_start(op: Op) -> int | None:
    """Return where a view begins, if it is a contiguous piece of its source; else None."""
    if op.kernel is not GATHER_VIEW:
        return None
    sizes: Any = op.sizes
    shape, strides = op.operands[2], op.operands[3]
    assert isinstance(shape, np.ndarray)
    assert isinstance(strides, np.ndarray)
    extents = [*shape[: sizes["axes"]].tolist(), sizes["columns"]]
    step = 1
    for extent, stride in zip(
        reversed(extents), reversed(strides[: len(extents)].tolist()), strict=True
    ):
        if extent != 1 and stride != step:
            return None
        step *= extent
    return int(sizes["start"])
