"""Dead code: what nobody asks for is not computed. Gradients of frozen arrays go this way."""

from __future__ import annotations

from dataclasses import replace

from interactive_train.program.program import Program


def drop_dead(program: Program) -> Program:
    """Return the program without instructions whose results nobody reads."""
    wanted = program.wanted()
    kept = []
    for op in reversed(program.ops):
        if op.late or any(program.root(n)[0] in wanted for n in op.writes):
            kept.append(op)
            wanted.update(source for n in op.reads for source in program.sources(n))
    return replace(program, ops=tuple(reversed(kept)))
