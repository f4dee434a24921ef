"""The executor: runs a table step by step, in native code or in checked Python.

A step is compute, guard, commit. The rows of the compute section run in order;
then every guarded value must be finite; only then do the rows of the commit
section write parameters, moments and counters. A step that fails leaves nothing
behind. Both executors read and write the same control block.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from interactive_train.kernels import status
from interactive_train.kernels.compiler import Progress, native
from interactive_train.machine.control import (
    CAPACITY,
    GUARD_COUNT,
    LIMIT,
    MAILBOX,
    ROW,
    STATUS,
    STEP,
    ControlBlock,
)
from interactive_train.machine.table import ROW_WORDS, Table

# The operands of `entry`: address of the table, rows, first row of the commit section,
# address of the control block. The numbers are the words of `control`.
SOURCE = f'''"""The native executor; compiled once per machine."""
from numba import carray, cfunc, types
import numpy as np

from interactive_train.kernels.native import call_row, pointer


@cfunc(types.int64(types.CPointer(types.int64)), error_model="numpy")
def entry(p):
    table = p[0]
    rows = p[1]
    commit = p[2]
    control = carray(pointer(p[3]), (16,), dtype=np.int64)
    losses = carray(pointer(control[5]), (control[6],), dtype=np.float64)
    guards = carray(pointer(control[7]), (control[8],), dtype=np.float64)
    words = carray(pointer(table), (rows * {ROW_WORDS},), dtype=np.int64)
    control[0] = 0
    while control[2] < control[3]:
        if control[4] != 0:
            control[0] = {status.INTERRUPTED}
            return {status.INTERRUPTED}
        for row in range(rows):
            if row == commit:
                for g in range(control[8]):
                    if not np.isfinite(guards[g]):
                        control[0] = {status.NONFINITE} + 16 * g
                        return control[0]
            control[1] = row
            at = row * {ROW_WORDS}
            code = call_row(words[at], table + 8 * (at + 1))
            if code != 0:
                control[0] = code
                return code
        if commit >= rows:
            for g in range(control[8]):
                if not np.isfinite(guards[g]):
                    control[0] = {status.NONFINITE} + 16 * g
                    return control[0]
        if control[2] < control[6]:
            losses[control[2]] = guards[0]
        control[2] += 1
    return 0
'''


SYMBOL = "it_executor"
_address = 0


def executor_address(progress: Progress | None = None) -> int:
    """Return the address of the native executor, compiled on first use."""
    global _address
    if not _address:
        _address = native(SYMBOL, SOURCE, progress)
    return _address


@lru_cache(maxsize=1)
def entry_points() -> tuple[Callable[[int], int], Callable[[int], int]]:
    """Return the executor as (holding the GIL, releasing it) callables of one address."""
    word, pointer = ctypes.c_int64, ctypes.c_void_p
    at = executor_address()
    return ctypes.PYFUNCTYPE(word, pointer)(at), ctypes.CFUNCTYPE(word, pointer)(at)


def run_native(table: Table, control: ControlBlock) -> int:
    """Run steps until the limit, a status or the mailbox; the GIL is released meanwhile.

    Returns
    -------
    int
        0 or a status code, also found in ``control.status``.

    Raises
    ------
    ValueError
        If the table was built for the checked executor alone.
    """
    if not table.words[:, 0].all():
        raise ValueError("run_native: the table holds no addresses; build it with native=True.")
    operands = np.array(
        [table.words.ctypes.data, len(table.instructions), table.commit, control.words.ctypes.data],
        dtype=np.int64,
    )
    return int(entry_points()[1](operands.ctypes.data))


def run_checked(table: Table, control: ControlBlock) -> int:
    """Run the same table in Python on bounds-checked views.

    Raises
    ------
    FloatingPointError
        At the first instruction that makes a NaN or an Inf out of finite input, by name.
    """
    words = control.words

    def stop(code: int) -> int:
        words[STATUS] = code
        return code

    words[STATUS] = 0
    while words[STEP] < words[LIMIT]:
        if words[MAILBOX]:
            return stop(status.INTERRUPTED)
        for row in range(len(table.instructions)):
            if row == table.commit and (failed := _guard(control)):
                return stop(failed)
            words[ROW] = row
            code = _run_plain(table, row)
            if code:
                return stop(code)
        if table.commit >= len(table.instructions) and (failed := _guard(control)):
            return stop(failed)
        if words[STEP] < words[CAPACITY]:
            control.losses[words[STEP]] = control.guards[0]
        words[STEP] += 1
    return 0


def _guard(control: ControlBlock) -> int:
    for position in range(int(control.words[GUARD_COUNT])):
        if not math.isfinite(control.guards[position]):
            return status.encode(status.NONFINITE, position)
    return 0


def _run_plain(table: Table, row: int) -> int:
    instruction = table.instructions[row]
    views = instruction.views()
    pairs = list(zip(instruction.kernel.operands, views, strict=True))
    before = all(np.isfinite(v).all() for o, v in pairs if o.role == "read" and v.dtype.kind == "f")
    with np.errstate(all="ignore"):
        code = int(instruction.kernel.function(*views))
    if code == 0 and before:
        for operand, view in pairs:
            if operand.role == "written" and view.dtype.kind == "f" and not np.isfinite(view).all():
                at = np.unravel_index(int(np.argmin(np.isfinite(view))), view.shape)
                raise FloatingPointError(
                    f"{instruction.label or instruction.kernel.name}: the first value that is not "
                    f"finite arose here, {operand.name}{[int(i) for i in at]} = {view[at]}; "
                    "every input was finite."
                )
    return code
