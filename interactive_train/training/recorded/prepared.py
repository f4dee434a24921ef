"""Prepared: a recorded step with its table, and the memory that belongs to this table alone.

Numbers, keys, data, counters and the schedule are the table's own; parameters, moments and
gradients lie in regions that all tables of a fit share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.data.rows import Rows
from interactive_train.kernels import scalars
from interactive_train.kernels.scalars import SCALARS
from interactive_train.kernels.steps import ADVANCE, KEYS_AT, TAKE_BATCH
from interactive_train.machine.control import ControlBlock
from interactive_train.program.captured import Captured
from interactive_train.program.compile import build, optimised, shards_of
from interactive_train.program.lower import Lowered, aligned
from interactive_train.program.program import Op, Program, Ref, Value
from interactive_train.program.recorder import constant_arrays
from interactive_train.training.recorded.recording import Recording

CHUNK = 4096  # steps of which a schedule is evaluated ahead
CURSOR, STEP, POSITION = range(3)  # the counters of a table
GUARDS = 3  # loss, norm, norm or Inf where it is too large


@dataclass(eq=False)
class Prepared:
    """A recording with its table and the memory of its own."""

    recording: Recording
    lowered: Lowered
    control: ControlBlock
    schedule: NDArray[np.float64]
    counters: NDArray[np.int64]
    regions: dict[str, NDArray[Any]]
    order: NDArray[np.int64] | None
    sources: tuple[NDArray[Any], ...]
    program: Program
    tame: bool
    standing: tuple[int, int] = (-1, 0)  # version of the settings, rows of constants filled
    rate: tuple[int, int | None] = (-1, None)  # version of the settings, column of the rate


def prepare(
    recording: Recording,
    kept: dict[str, NDArray[Any]],
    own: Captured,
    captured: Sequence[Captured],
    rows: Rows | None,
    shards: int | None,
    tame: bool,
    most_shards: int | None = None,
) -> Prepared:
    """Return a recording ready to run.

    Parameters
    ----------
    kept : dict of str to ndarray
        The regions of the fit; those that are missing are added.
    own, captured
        What the loss captured, and the elements of data of a step.
    rows : Rows, optional
        Where the table gathers its data itself.
    shards : int, optional
        Into how many the batch is cut; by its work otherwise.
    most_shards : int, optional
        Then at most into so many; by the machine's cores otherwise.
    """
    program = optimised(recording.program)
    batch = captured[0].batch
    for name, (dtype, size) in recording.layout.regions.items():
        if name.startswith("squares."):
            continue
        if name not in kept or kept[name].size < size:
            kept[name] = _zeros(size, dtype)
    regions, control = _own_regions(kept, recording, own, captured)
    counters = np.zeros(3, np.int64)
    schedule = np.zeros((CHUNK, recording.cells.inputs))
    order = None
    sources: tuple[NDArray[Any], ...] = ()
    if rows is not None:
        order = np.zeros(max(len(rows.order), len(rows.arrays[0])), np.int64)
        sources = tuple(_held(a) for a in rows.arrays)
        program = _gathered(program, captured, sources, order, counters)
    before, after = _frame(recording, regions, schedule, counters, captured)
    cut = shards_of(program, batch, shards, most_shards)
    lowered = build(program, regions, batch, cut, before, after)
    return Prepared(
        recording,
        lowered,
        control,
        schedule,
        counters,
        regions,
        order,
        sources,
        program,
        tame,
    )


def verify(first: Recording, second: Recording) -> None:
    """Refuse a function that records differently the second time: it hides its own data."""
    a, b = first.program, second.program
    same = [(op.name, op.kernel.name) for op in a.ops] == [
        (op.name, op.kernel.name) for op in b.ops
    ]
    constants = zip(constant_arrays(a), constant_arrays(b), strict=False)
    if not same or any(x.shape != y.shape or x.tobytes() != y.tobytes() for x, y in constants):
        raise NotRecordableError(
            "recorded twice, the loss came out differently: it uses values that change from "
            "call to call, such as np.random; use layers with a key, or data"
        )


def _own_regions(
    kept: dict[str, NDArray[Any]],
    recording: Recording,
    own: Captured,
    captured: Sequence[Captured],
) -> tuple[dict[str, NDArray[Any]], ControlBlock]:
    """Make the memory of one table: numbers, keys, data."""
    control = ControlBlock(GUARDS, CHUNK)
    regions = dict(kept)
    cells = recording.cells
    regions["cells"] = _zeros(len(cells.present), np.dtype(np.float64))
    regions["cells"][...] = cells.present
    regions["single"] = _zeros(len(cells.present), np.dtype(np.float32))
    with np.errstate(over="ignore"):
        regions["single"][...] = cells.present
    count = max(1, len(recording.draws))
    regions["keys"] = _zeros(2 * count, np.dtype(np.uint64))
    regions["bases"] = _zeros(2 * count, np.dtype(np.uint64))
    regions["guards"] = control.guards
    for micro, element in enumerate(captured):
        for number, array in enumerate(element.arrays):
            regions[f"data.{micro}.{number}"] = _zeros(array.size, array.dtype)
    for number, array in enumerate(own.arrays):
        regions[f"captured.{number}"] = _zeros(array.size, array.dtype)
    for name, (dtype, size) in recording.layout.regions.items():
        if name.startswith("squares."):
            regions[name] = _zeros(size, dtype)
    return regions, control


def _held(array: NDArray[Any]) -> NDArray[Any]:
    """Return source rows in a type that kernels take."""
    if array.dtype.kind in "iu" and array.dtype != np.int64:
        return array.astype(np.int64)
    return array


def _gathered(
    program: Program,
    captured: Sequence[Captured],
    sources: Sequence[NDArray[Any]],
    order: NDArray[np.int64],
    counters: NDArray[np.int64],
) -> Program:
    """Let the program gather its own batch."""
    values, ops = list(program.values), []
    offset = 0
    position = counters[POSITION : POSITION + 1]
    made: dict[str, int] = {}
    for micro, element in enumerate(captured):
        for number, (array, source) in enumerate(zip(element.arrays, sources, strict=True)):
            kind = array.dtype.char
            if kind == "?":
                raise NotRecordableError("truth values as data")
            moved = np.dtype(np.float64) if array.dtype.kind == "i" else array.dtype
            table = source.reshape(len(source), -1)
            table = table.view(np.float64) if array.dtype.kind == "i" else table
            region = f"data.{micro}.{number}"
            values.append(Value(array.shape, array.dtype, batched=True))
            made[region] = len(values) - 1
            rows, width = len(array), table.shape[1]
            sizes = (rows, width, len(source), len(order), offset)
            operands = (Ref(len(values) - 1), table, order, position, *sizes)
            ops.append(Op(TAKE_BATCH, moved, operands, "take_batch", "data"))
        offset += element.batch
    # The data's own values are now pieces of what is gathered: read behind it.
    for at, value in enumerate(program.values):
        if value.home is not None and value.home.region in made and value.base < 0:
            values[at] = replace(value, home=None, base=made[value.home.region], start=0)
    return replace(program, values=tuple(values), ops=(*ops, *program.ops))


def _frame(
    recording: Recording,
    regions: dict[str, NDArray[Any]],
    schedule: NDArray[np.float64],
    counters: NDArray[np.int64],
    captured: Sequence[Captured],
) -> tuple[list[Op], list[Op]]:
    """Return what one thread does in front of a step and behind it."""
    cells = recording.cells
    double = np.dtype(np.float64)
    cursor = counters[CURSOR : CURSOR + 1]
    code = np.array(cells.code, np.int64).reshape(-1, 4)
    count = len(cells.present)
    before = [
        Op(
            SCALARS,
            double,
            (
                *(regions["cells"], regions["single"], schedule, cursor, code),
                *(len(schedule), cells.inputs, len(code), count),
            ),
            "scalars",
            "hyperparameters",
        )
    ]
    if recording.draws:
        number = len(recording.draws)
        operands = (regions["keys"], regions["bases"], counters[STEP : STEP + 1], number)
        before.append(Op(KEYS_AT, double, operands, "keys", "random numbers"))
    after = []
    if recording.passed:
        moves = np.array([(scalars.COPY, new, new, old) for new, old in recording.passed], np.int64)
        after.append(
            Op(
                SCALARS,
                double,
                (
                    *(regions["cells"], regions["single"], np.zeros((1, 0)), cursor, moves),
                    *(1, 0, len(moves), count),
                ),
                "scalars",
                "counters",
            )
        )
    by = np.array([1, 1, sum(e.batch for e in captured)], np.int64)
    after.append(Op(ADVANCE, double, (counters, by, 3), "advance", "counters"))
    return before, after


def _zeros(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return aligned(max(1, size) * dtype.itemsize).view(dtype)
