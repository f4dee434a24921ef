"""Explain: the step that a fit would take, recorded, measured and laid open - and not taken.

Everything happens on copies of the state's arrays; the state keeps its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.data import as_data
from interactive_train.data.rows import Rows
from interactive_train.program.compile import estimate
from interactive_train.program.listing import Line, is_generated, lines_of, source_of, stages
from interactive_train.program.timing import least_seconds, row_seconds, step_seconds
from interactive_train.runtime.errors import refusal
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.recorded.explain_view import html, text
from interactive_train.training.recorded.prepared import Prepared
from interactive_train.training.records.state import TrainState
from interactive_train.training.step.objective import pair
from interactive_train.training.step.stepper import Objective, Stepper

WHERE = "trainer.explain"
STEPS = 32  # taken in a row, on a copy, to measure the whole


@dataclass(frozen=True)
class Call:
    """One line of a step: a kernel call, with its parts in all shards.

    Attributes
    ----------
    number : int
        Its place in the listing, for `Explanation.source`.
    phase, parts : int
        What is in one phase may run side by side; into how many parts the call is cut.
    layer : str
        The path of its layer; with ``'`` behind it for the way back.
    operation : str
    reads, writes : tuple of tuple of int
        Shapes.
    flops, nbytes : int
        Additions, multiplications and functions; bytes read and written.
    kernel : str
    generated : bool
        Whether fusion wrote the kernel's loop.
    seconds, share, roofline : float
        Measured alone on one core, all parts together; its share of all calls; how much of
        that time it would take at the machine's best speed. NaN if nothing was measured.
    """

    number: int
    phase: int
    parts: int
    layer: str
    operation: str
    reads: tuple[tuple[int, ...], ...]
    writes: tuple[tuple[int, ...], ...]
    flops: int
    nbytes: int
    kernel: str
    generated: bool
    seconds: float = math.nan
    share: float = math.nan
    roofline: float = math.nan


@dataclass(frozen=True)
class Explanation:
    """A recorded step; printed, or as the value of a notebook's cell, it is a table.

    Attributes
    ----------
    rows : tuple of Call
    step : int
        The number of the step.
    phases, shards, threads : int
    arena : int
        Bytes of what lives within the step only.
    flops : int
    estimated, alone, measured : float
        Seconds: what the calls should take on one core by rule of thumb; what they take one by
        one; what the step takes as a whole, on all threads. NaN if nothing was measured.
    passes : tuple of (str, int)
        How many calls were left behind each pass.
    recorded, program : str
        The step as it was recorded, and as it is run.
    """

    rows: tuple[Call, ...]
    step: int
    phases: int
    shards: int
    threads: int
    arena: int
    flops: int
    estimated: float
    alone: float
    measured: float
    passes: tuple[tuple[str, int], ...]
    recorded: str = field(repr=False)
    program: str = field(repr=False)
    sources: dict[str, str] = field(repr=False)

    def source(self, number: int) -> str:
        """Return the loop of a call as Python; what a library does stands there as plain loops.

        Raises
        ------
        IndexError
            If the listing has no such number.
        """
        if not 0 <= number < len(self.rows):
            raise IndexError(
                refusal(
                    "explanation.source", f"numbers go from 0 to {len(self.rows) - 1}", str(number)
                )
            )
        return self.sources[self.rows[number].kernel]

    @property
    def kernels(self) -> str:
        """The loops that fusion wrote for this step, as Python."""
        names = dict.fromkeys(row.kernel for row in self.rows if row.generated)
        return "\n\n\n".join(self.sources[name] for name in names)

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)


def explain(
    state: TrainState,
    objective: Objective,
    batch: Any,
    *,
    measure: bool,
    clip_norm: float | None,
    shards: int | None,
) -> Explanation:
    """Record and list the next step of a state; see `Trainer.explain`."""
    stepper = Stepper(state, WHERE, clip_norm=clip_norm)
    engine = Engine(stepper, shards=shards)
    element = pair(batch, WHERE)
    rows = _rows(element)
    elements = None if rows is not None else [element]
    try:
        prepared, steps = engine.prepare(objective, elements, rows, STEPS)
    except NotRecordableError as error:
        raise NotRecordableError(
            refusal(
                WHERE,
                "what is explained is a recorded step",
                str(error),
                "A fit takes this step eagerly, operation by operation.",
            )
        ) from error
    if not steps:  # a schedule has left the interval of its knob: the eager step says which
        stepper.compute(objective, [element])
    lowered = prepared.lowered
    lines = lines_of(lowered)
    seconds = [math.nan] * len(lines)
    whole = math.nan
    if measure:
        whole, seconds = _measured(engine, prepared, lines, max(1, steps))
    char = stepper.dtype.char
    calls = tuple(_call(n, line, seconds, char) for n, line in enumerate(lines))
    program = lowered.sharded.program
    kernels = {line.kernel.name: line.kernel for line in lines}
    return Explanation(
        calls,
        stepper.step + 1,
        lowered.sharded.phases,
        lowered.sharded.shards,
        min(engine.threads, lowered.schedule.width),
        lowered.nbytes,
        sum(call.flops for call in calls),
        estimate(program),
        math.fsum(seconds),
        whole,
        tuple((name, len(stage.ops)) for name, stage in stages(prepared.recording.program)),
        str(prepared.recording.program),
        str(program),
        {name: source_of(kernel).rstrip() for name, kernel in kernels.items()},
    )


def _rows(element: tuple[Any, Any]) -> Rows | None:
    """Return a batch as rows that the step gathers itself, as it does in a fit over arrays."""
    if not all(isinstance(part, np.ndarray) and part.ndim for part in element):
        return None
    count = len(element[0])
    if not count or len(element[1]) != count or any(part.dtype.kind == "b" for part in element):
        return None
    found = as_data(element, WHERE, batch_size=count).rows(0, 0)
    if found is None:
        return None
    return Rows(found.arrays, np.tile(np.arange(count), STEPS), count, True)


def _measured(
    engine: Engine, prepared: Prepared, lines: Sequence[Line], steps: int
) -> tuple[float, list[float]]:
    """Return the time of the whole step and of each line, all on the engine's own memory."""
    lowered, counters = prepared.lowered, prepared.counters
    numbers = [counters, prepared.regions["cells"], prepared.regions["single"]]
    begun = [array.copy() for array in numbers]

    def rewind() -> None:
        for array, kept in zip(numbers, begun, strict=True):
            array[...] = kept

    best = math.inf
    for runs in range(6):
        count = 1 if runs == 0 else steps  # the first fills the memory with numbers of a step
        taken = step_seconds(
            lowered.table, lowered.schedule, prepared.control, engine.threads, count, runs=1
        )
        rewind()
        best = taken if taken < best else best
    each = [row_seconds(lowered.table, row) for row in range(len(lowered.table.instructions))]
    seconds = [math.fsum(each[row] for row in line.rows) for line in lines]
    return (best if math.isfinite(best) else math.nan), seconds


def _call(number: int, line: Line, seconds: Sequence[float], char: str) -> Call:
    own, every = seconds[number], math.fsum(seconds)
    layer, operation = line.label, line.operation
    first, _, rule = layer.partition(" ")
    if first == "update" and rule:  # a rule's loop is known by the rule
        layer, operation = "update", rule if line.late else f"{rule}: {operation}"
    roofline = math.nan
    if own > 0:
        least = least_seconds(line.flops, line.nbytes, char)
        roofline = min(1.0, least / own)
    return Call(
        number,
        line.phase,
        len(line.rows),
        layer,
        operation,
        line.reads,
        line.writes,
        line.flops,
        line.nbytes,
        line.kernel.name,
        is_generated(line.kernel),
        own,
        own / every if every > 0 else math.nan,
        roofline,
    )
