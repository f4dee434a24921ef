"""A loss and its gradient from one softmax, where both are computed from the same logits."""

from __future__ import annotations

from dataclasses import replace

from interactive_train.kernels.softmax import (
    CROSS_ENTROPY_ROWS,
    CROSS_ENTROPY_ROWS_BOTH,
    CROSS_ENTROPY_ROWS_GRADIENT,
)
from interactive_train.program.program import Op, Operand, Program, Ref


def join_losses(program: Program) -> Program:
    """Return the program with cross-entropy and its gradient as one call.

    The gradient must not depend on the loss itself: what it is weighted by is there before.
    """
    makers = program.makers()
    ops: list[Op | None] = list(program.ops)
    losses = {
        _logits(program, op.operands[1], op.operands[2]): at
        for at, op in enumerate(program.ops)
        if op.kernel is CROSS_ENTROPY_ROWS
    }
    for at, op in enumerate(program.ops):
        if op.kernel is not CROSS_ENTROPY_ROWS_GRADIENT:
            continue
        gradient, g, x, labels = op.operands[:4]
        first = losses.pop(_logits(program, x, labels), None)
        if first is None or first > at:
            continue
        sources = program.sources(g.number) if isinstance(g, Ref) else ()
        if any(makers.get(source, -1) >= first for source in sources):
            continue
        loss = program.ops[first]
        operands = (loss.operands[0], gradient, g, x, labels, *op.operands[4:])
        ops[first] = replace(
            loss, kernel=CROSS_ENTROPY_ROWS_BOTH, operands=operands, name="cross_entropy + gradient"
        )
        ops[at] = None
    return replace(program, ops=tuple(op for op in ops if op is not None))


def _logits(program: Program, x: Operand, labels: Operand) -> object:
    return tuple(program.root(o.number) if isinstance(o, Ref) else id(o) for o in (x, labels))
