"""Listing: the table of a recorded step as lines that a person reads.

The parts of one call in the shards of a phase are one line. What a line costs is known from its
sizes; how long it takes is measured (`program.timing`) on the step's own memory.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from interactive_train.kernels.kernel import Kernel
from interactive_train.program.compile import PASSES
from interactive_train.program.cost import flops, nbytes
from interactive_train.program.lower import Lowered
from interactive_train.program.passes.commits import copy_commits
from interactive_train.program.passes.dead import drop_dead
from interactive_train.program.program import Op, Program, Ref
from interactive_train.program.shard import Row

WORDS = {"_sum": "sum", "keep": "copy", "keys_at": "keys"}


@dataclass(frozen=True)
class Line:
    """One call of a step, with its parts in all shards.

    Attributes
    ----------
    phase : int
    label, operation : str
        Where it stands in the model, and what it does.
    kernel : Kernel
    reads, writes : tuple of tuple of int
        Shapes of the values, of those that are more than one number if there are such.
    flops, nbytes : int
    rows : tuple of int
        Its rows in the table, at most one per shard but for partial sums.
    late : bool
        Whether it comes after the guard.
    """

    phase: int
    label: str
    operation: str
    kernel: Kernel
    reads: tuple[tuple[int, ...], ...]
    writes: tuple[tuple[int, ...], ...]
    flops: int
    nbytes: int
    rows: tuple[int, ...]
    late: bool


def lines_of(lowered: Lowered) -> list[Line]:
    """Return the lines of a table, in the order in which a single thread would run them."""
    groups: dict[object, list[int]] = {}
    rows = lowered.sharded.rows
    for number, row in enumerate(rows):
        groups.setdefault(_call(row) or number, []).append(number)
    return [_line(lowered.sharded.program, rows, members) for members in groups.values()]


def _call(row: Row) -> object:
    """Return what parts of one call have in common; nothing for a call without values."""
    refs = tuple(o.number for o in row.op.operands if isinstance(o, Ref))
    return refs and (row.phase, row.op.kernel.name, row.op.label, refs)


def _line(program: Program, rows: Sequence[Row], members: list[int]) -> Line:
    op = rows[members[0]].op
    return Line(
        rows[members[0]].phase,
        op.label or ("keep" if op.late else ""),
        operation(op),
        op.kernel,
        _shapes(program, op, "read"),
        _shapes(program, op, "written"),
        sum(flops(rows[n].op) for n in members),
        sum(nbytes(rows[n].op) for n in members),
        tuple(members),
        op.late,
    )


def operation(op: Op) -> str:
    """Return what a call does, in words."""
    name = WORDS.get(op.name, op.name or op.kernel.name)
    return name.strip("_").replace("_", " ")


def _shapes(program: Program, op: Op, role: str) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of values and of data, without keys and tables of numbers."""
    if not any(isinstance(operand, Ref) for operand in op.operands):
        return ()
    found = []
    for declared, operand in op.arrays():
        if declared.role == role and declared.type != "u8":
            if isinstance(operand, Ref):
                found.append(program.values[operand.number].shape)
            elif not isinstance(operand, int) and operand.dtype.kind == "f":
                found.append(operand.shape)
    large = [shape for shape in found if shape not in ((), (1,))]
    return tuple(large or found[:1])


def shown(shapes: Sequence[tuple[int, ...]]) -> str:
    """Return shapes in few letters.

    Examples
    --------
    >>> shown([(64, 10), (10,), (10,)])
    '64x10, 2 of 10'
    """
    counts = Counter("x".join(map(str, shape)) or "1" for shape in shapes)
    return ", ".join(f"{n} of {text}" if n > 1 else text for text, n in counts.items())


def stages(program: Program) -> list[tuple[str, Program]]:
    """Return what each pass makes of a recorded program, one after the other, from its own name on.

    The first is the recording itself, the last what is lowered.
    """
    found = [("recorded", program)]
    for name, change in PASSES.items():
        found.append((name, change(found[-1][1])))
    found.append(("commits", drop_dead(copy_commits(found[-1][1]))))
    return found


def source_of(kernel: Kernel) -> str:
    """Return the plain loop of a kernel, as Python."""
    return kernel.text or inspect.getsource(kernel.function)


def is_generated(kernel: Kernel) -> bool:
    """Whether a kernel is a loop that fusion wrote."""
    return kernel.name.startswith("fused_")
