"""Lowering: from placed calls to a table of instructions over memory that exists.

Here every operand becomes a typed view of the arena, of a region or of a constant, and
`Table.build` checks each against its kernel's signature, once; a table that passed can only touch
what it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.machine.schedule import Schedule
from interactive_train.machine.table import Instruction, Table
from interactive_train.program.plan import Plan, plan
from interactive_train.program.program import Program, Ref
from interactive_train.program.shard import Row, Sharded

_BITS = {("l", "d"), ("q", "d")}  # int64 values that a float64 kernel moves without looking


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program that can run.

    Attributes
    ----------
    table : Table
    schedule : Schedule
    sharded : Sharded
        The rows, in the order of the table.
    outputs : dict of str to ndarray
        Views of what the step leaves for those who look.
    nbytes : int
        Of the arena.
    """

    table: Table
    schedule: Schedule
    sharded: Sharded
    outputs: dict[str, NDArray[Any]]
    nbytes: int


def lower(sharded: Sharded, regions: Mapping[str, NDArray[Any]]) -> Lowered:
    """Give a program its memory.

    Parameters
    ----------
    regions : mapping of str to ndarray
        The homes, one flat array each.

    Raises
    ------
    ValueError
        If an operand does not fit its kernel's signature: an error of ours.
    """
    places = plan(sharded, {name: array.nbytes for name, array in regions.items()})
    arena = aligned(places.nbytes)
    views = _Views(sharded.program, places, arena, regions)
    order = sorted(range(len(sharded.rows)), key=lambda n: _place(sharded.rows[n]))
    rows = tuple(sharded.rows[n] for n in order)
    spans = np.zeros((max(sharded.phases, 1), sharded.shards, 2), np.int64)
    instructions = []
    for number, row in enumerate(rows):
        span = spans[row.phase, row.shard]
        if span[1] == 0:
            span[0] = number
        span[1] = number + 1
        instructions.append(
            Instruction(
                row.op.kernel,
                row.op.floating,
                tuple(views.operand(row, at) for at in range(len(row.op.operands))),
                f"{row.op.label} {row.op.name}".strip(),
                row.in_place,
            )
        )
    table = Table.build(instructions)
    outputs = {
        name: views.whole(number).reshape(sharded.program.values[number].shape)
        for name, number in sharded.program.outputs.items()
    }
    placed = Sharded(sharded.program, rows, sharded.phases, sharded.guard, sharded.shards)
    return Lowered(table, Schedule(spans, sharded.guard), placed, outputs, places.nbytes)


def _place(row: Row) -> tuple[int, int]:
    return row.phase, row.shard


class _Views:
    """Typed views of all memory that a program touches."""

    def __init__(
        self,
        program: Program,
        places: Plan,
        arena: NDArray[np.uint8],
        regions: Mapping[str, NDArray[Any]],
    ) -> None:
        self.program, self.places, self.arena, self.regions = program, places, arena, regions

    def operand(self, row: Row, at: int) -> Any:
        """Return an operand of a row as the table takes it."""
        operand = row.op.operands[at]
        if not isinstance(operand, Ref):
            if isinstance(operand, np.ndarray) and at in row.cuts:
                start, count = row.cuts[at]
                return _typed(operand.reshape(-1)[start : start + count], row, at)
            return operand
        owner, start = self.program.root(operand.number)
        size = self.program.values[operand.number].size
        start_cut, count = row.cuts.get(at, (0, size))
        own = self.places.private.get((owner, row.shard))
        if own is not None:
            offset, first = own
            value = self.program.values[owner]
            low = offset + (start + start_cut - first) * value.dtype.itemsize
            view = self.arena[low : low + count * value.dtype.itemsize].view(value.dtype)
        else:
            memory = self._memory(owner, row.copies.get(at, 0))
            view = memory[start + start_cut : start + start_cut + count]
        return _typed(view, row, at)

    def whole(self, number: int) -> NDArray[Any]:
        """Return a value that outlives the step."""
        owner, start = self.program.root(number)
        return self._memory(owner, 0)[start : start + self.program.values[number].size]

    def _memory(self, owner: int, copy: int) -> NDArray[Any]:
        value = self.program.values[owner]
        if value.constant is not None:
            return value.constant.reshape(-1)
        if value.home is not None:
            region = self.regions[value.home.region]
            if copy:
                offset = self.places.clones[value.home.region, copy]
                region = self.arena[offset : offset + region.nbytes].view(region.dtype)
            return region[value.home.start : value.home.start + value.size]
        offset = self.places.shared[owner, copy]
        return self.arena[offset : offset + value.nbytes].view(value.dtype)


def _typed(view: NDArray[Any], row: Row, at: int) -> NDArray[Any]:
    wanted = row.op.kernel.operands[at].dtype(row.op.floating)
    if view.dtype != wanted and (view.dtype.char, np.dtype(wanted).char) in _BITS:
        return view.view(wanted)
    return view


def aligned(nbytes: int) -> NDArray[np.uint8]:
    """Return zeroed memory that begins at a cache line."""
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]
