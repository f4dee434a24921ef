"""Commits: what no late call writes itself is copied to its home behind the guard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from interactive_train.kernels.movement import COPY
from interactive_train.program.program import Op, Program, Ref, Value


def copy_commits(program: Program) -> Program:
    """Return the program with a late copy for every commit that is left."""
    values, ops = list(program.values), list(program.ops)
    for commit in program.commits:
        value = values[commit.value]
        width = value.dtype.itemsize
        floating = np.dtype(np.float32 if width == 4 else np.float64)
        values.append(Value(value.shape, value.dtype, commit.home))
        operands = (Ref(len(values) - 1), Ref(commit.value), value.size)
        ops.append(Op(COPY, floating, operands, "keep", "", late=True))
    return replace(program, values=tuple(values), ops=tuple(ops), commits=())
