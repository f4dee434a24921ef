"""Common subexpressions: the same kernel on the same operands is called once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from interactive_train.program.program import Op, Program, Ref


def share_common(program: Program) -> Program:
    """Return the program in which equal calls are one.

    Calls whose result has a place of its own (a gradient) stay, since that place has to be filled.
    """
    seen: dict[Any, tuple[int, ...]] = {}
    same: dict[int, int] = {}
    ops = []
    for op in program.ops:
        own = op.renamed(same)
        key = _key(program, own, same)
        made = own.writes
        placed = any(program.values[program.root(n)[0]].home is not None for n in made)
        if key in seen and not placed:
            same.update(zip(made, seen[key], strict=True))
            continue
        if not placed:
            seen[key] = made
        ops.append(own)
    if not same:
        return program
    values = tuple(
        replace(v, base=same.get(v.base, v.base), pieces=tuple(same.get(p, p) for p in v.pieces))
        for v in program.values
    )
    return replace(
        program,
        values=values,
        ops=tuple(ops),
        outputs={name: same.get(n, n) for name, n in program.outputs.items()},
        commits=tuple(replace(c, value=same.get(c.value, c.value)) for c in program.commits),
    )


def _key(program: Program, op: Op, same: dict[int, int]) -> Any:
    parts: list[Any] = [op.kernel.name, op.floating.char]
    for declared, operand in zip(op.kernel.operands, op.operands, strict=True):
        if declared.role == "written":
            continue
        if isinstance(operand, Ref):
            root, start = program.root(operand.number)
            value = program.values[root]
            where: Any = same.get(root, root)
            if value.home is not None and value.base < 0 and not value.pieces:
                where = value.home  # read twice through two values: one memory
            parts.append((where, start))
        elif isinstance(operand, np.ndarray):
            parts.append((operand.shape, operand.dtype.char, operand.tobytes()))
        else:
            parts.append(operand)
    return tuple(parts)
