"""How one kernel call divides into parts: which operands are cut, and what changes in its sizes.

Most kernels declare it (`Kernel.parallel`). Matrix products and views, whose operands' extents are
not plain sizes, are told here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interactive_train.kernels.gemm import GEMM
from interactive_train.kernels.movement import GATHER_VIEW, SCATTER_VIEW
from interactive_train.program.program import Op, Operand


@dataclass(frozen=True)
class Division:
    """One way to divide a call.

    Attributes
    ----------
    extent : int
        What is divided: so many units.
    cut : dict of int to int
        Operands, by position, that are cut, with their elements per unit.
    partial : bool
        Whether each part makes a sum of its own, to be added.
    windows : dict of int to callable
        Operands of which every part sees some elements of the whole: (low, high) -> (first, count).
    part : callable
        ``part(low, high) -> {position: operand}``: what else changes for units low ... high - 1.
    """

    extent: int
    cut: dict[int, int]
    partial: bool
    part: Callable[[int, int], dict[int, Operand]]
    windows: Mapping[int, Callable[[int, int], tuple[int, int]]] = field(default_factory=dict)


def divisions(op: Op) -> Iterator[Division]:
    """Yield the ways to divide a call, the best first."""
    if op.kernel is GEMM:
        yield from _of_product(op)
    elif op.kernel in (GATHER_VIEW, SCATTER_VIEW):
        yield from _of_view(op)
    else:
        for name in op.kernel.parallel:
            found = _declared(op, name)
            if found is not None:
                yield found


def _declared(op: Op, name: str) -> Division | None:
    sizes = op.sizes
    positions = {d.name: at for at, d in enumerate(op.kernel.operands)}
    cut: dict[int, int] = {}
    partial = False
    for at, declared in enumerate(op.kernel.operands):
        if declared.role == "size":
            continue
        if name not in declared.extents:
            if declared.role == "written":
                if name not in op.kernel.summed:
                    return None
                partial = True
            continue
        where = declared.extents.index(name)
        shape = declared.shape(sizes)
        if math.prod(shape[:where]) != 1:
            return None
        cut[at] = math.prod(shape[where + 1 :])
    written = [a for a, d in enumerate(op.kernel.operands) if d.role == "written"]
    if partial and any(at in cut for at in written) and not all(at in cut for at in written):
        pass  # a loop with values and a sum over them: both kinds of results

    def part(low: int, high: int) -> dict[int, Operand]:
        changed: dict[int, Operand] = {positions[name]: high - low}
        if op.kernel.offset:
            changed[positions[op.kernel.offset]] = sizes[op.kernel.offset] + low
        return changed

    return Division(sizes[name], cut, partial, part)


def _of_product(op: Op) -> Iterator[Division]:
    sizes = op.sizes
    batch, m, n, k = (sizes[name] for name in ("batch", "m", "n", "k"))
    flip_a, flip_b = sizes["transpose_a"], sizes["transpose_b"]
    at = {declared.name: position for position, declared in enumerate(GEMM.operands)}

    def changed(**values: int) -> dict[int, Operand]:
        return {at[name]: value for name, value in values.items()}

    if batch > 1:
        cut = {0: m * n}
        if sizes["a_step"]:
            cut[1] = m * k
        if sizes["b_step"]:
            cut[2] = k * n

        def of_batch(low: int, high: int) -> dict[int, Operand]:
            count = high - low
            return changed(
                batch=count,
                out_size=count * m * n,
                a_size=count * m * k if sizes["a_step"] else sizes["a_size"],
                b_size=count * k * n if sizes["b_step"] else sizes["b_size"],
            )

        yield Division(batch, cut, False, of_batch)
        return

    def of_rows(low: int, high: int) -> dict[int, Operand]:
        some = high - low
        return changed(m=some, out_size=some * n, a_size=(k - 1) * m + some if flip_a else some * k)

    def of_sum(low: int, high: int) -> dict[int, Operand]:
        return changed(k=high - low, a_size=(high - low) * m, b_size=(high - low) * n)

    def of_columns(low: int, high: int) -> dict[int, Operand]:
        return changed(n=high - low, out_size=made(low, high)[1], b_size=right(low, high)[1])

    def made(low: int, high: int) -> tuple[int, int]:
        return low, (m - 1) * n + high - low

    def right(low: int, high: int) -> tuple[int, int]:
        return (low * k, (high - low) * k) if flip_b else (low, (k - 1) * n + high - low)

    if not flip_a:
        yield Division(m, {0: n, 1: k}, False, of_rows)
        if min(m, k) > 0:
            yield Division(n, {}, False, of_columns, {0: made, 2: right})
    if flip_a and not flip_b:
        yield Division(k, {1: m, 2: n}, True, of_sum)
        left = {1: lambda low, high: (low, (k - 1) * m + high - low)}
        yield Division(m, {0: n}, False, of_rows, left)


def _of_view(op: Op) -> Iterator[Division]:
    # out source shape strides rows columns span axes start  (for both: one side is the view)
    sizes: Any = op.sizes
    shape, strides = op.operands[2], op.operands[3]
    assert isinstance(shape, np.ndarray)
    assert isinstance(strides, np.ndarray)
    axes = sizes["axes"]
    if axes == 0:
        return
    extents = [*shape[:axes].tolist(), sizes["columns"]]
    steps = strides[: axes + 1].tolist()
    count, step, span = extents[0], steps[0], sizes["span"]
    if min(extents) == 0:
        return
    rest = math.prod(extents[1:])
    reach = [(e - 1) * s for e, s in zip(extents[1:], steps[1:], strict=True)]
    low = sizes["start"] + sum(r for r in reach if r < 0)
    high = sizes["start"] + sum(r for r in reach if r > 0)
    view, memory = (0, 1) if op.kernel is GATHER_VIEW else (1, 0)
    within = step > 0 and step * count == span and low >= 0 and high < step
    repeated = step == 0 and op.kernel is GATHER_VIEW
    if not within and not repeated:
        return

    def part(first: int, last: int) -> dict[int, Operand]:
        inner = shape.copy()
        inner[0] = last - first
        changed: dict[int, Operand] = {2: inner, 4: sizes["rows"] // count * (last - first)}
        if within:
            changed[6] = step * (last - first)
        return changed

    cut = {view: rest} | ({memory: step} if within else {})
    yield Division(count, cut, False, part)
