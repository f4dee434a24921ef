"""The executor: runs a table step by step, in native code or in checked Python.

A step is compute, guard, commit. The rows of the compute section run in order;
then every guarded value must be finite; only then do the rows of the commit
section write parameters, moments and counters. A step that fails leaves nothing
behind. Both executors read and write the same control block.

A schedule divides the rows further, into phases and shards. Here all of them run on the calling
thread; `sharded` passes a team of threads along, with which the same native code shares them.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from interactive_train.kernels import status
from interactive_train.kernels.compiler import Progress, native
from interactive_train.machine import control as c
from interactive_train.machine import team as t
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.schedule import Schedule
from interactive_train.machine.table import Table

OPERANDS = 6
# The operands of `entry`: addresses of the table and of the schedule's words, number of phases,
# guard, addresses of the control block and of the team (0: the caller is alone).
# A helper's: 0, the address of two words for the row at work, its rank, 0, 0, the team's address.
SOURCE = f'''"""The native executor; compiled once per machine."""
{t.SOURCE}

@njit(**BARE)
def unfit(values, count):
    for position in range(count):
        if values[position] - values[position] != 0.0:  # NaN for what is not finite
            return {status.NONFINITE} + 16 * position
    return 0


@njit(**BARE)
def share(team, table, at, control):
    """Run the shards of one phase together with whoever comes."""
    words = array_at(team, ({t.WORDS},), np.int64)
    phase = array_at(at, (1,), np.int64)
    count = phase[0]
    words[{t.PHASE}] = at
    done = atomic_load(team + {8 * t.DONE})
    epoch = (atomic_load(team + {8 * t.TICKET}) >> 16) + 1
    atomic_store(team + {8 * t.TICKET}, (epoch << 16) + count)
    left = claim(team, -1)
    while left != 0:
        run_shard(team, table, phase, count - left, control)
        done -= 1
        left = claim(team, -1)
    idle = 0
    while atomic_load(team + {8 * t.DONE}) - done != count:
        idle = relax(idle, words[{t.YIELD}])
    if atomic_load(team + {8 * t.FAILED}) == 0:
        return 0
    results = array_at(words[{t.RESULTS}], (count, 2), np.int64)
    slot = 0
    while results[slot, 0] == 0:
        slot += 1
    control[{c.ROW}] = results[slot, 1]
    return results[slot, 0]


@njit(**BARE)
def run_steps(table, schedule, phases, guard, control, mailbox, team):
    words = array_at(schedule, (1,), np.int64)
    columns = control[{c.COLUMNS}]
    values = array_at(control[{c.GUARDS}], (columns,), np.float64)
    history = array_at(control[{c.HISTORY}], (1,), np.float64)
    guards = control[{c.GUARD_COUNT}]
    while control[{c.STEP}] < control[{c.LIMIT}]:
        if atomic_load(mailbox) != 0:
            return {status.INTERRUPTED}
        at = 0
        for phase in range(phases):
            if phase == guard:
                code = unfit(values, guards)
                if code != 0:
                    return code
            count = words[at]
            if team == 0 or count < 2:
                for slot in range(count):
                    first = at + 1 + 2 * slot
                    code = run_rows(table, words[first], words[first + 1], control)
                    if code != 0:
                        return code
            else:
                code = share(team, table, schedule + 8 * at, control)
                if code != 0:
                    return code
            at += 1 + 2 * count
        if guard >= phases:
            code = unfit(values, guards)
            if code != 0:
                return code
        place = control[{c.STEP}] - control[{c.BASE}]
        if 0 <= place < control[{c.CAPACITY}]:
            for column in range(columns):
                history[place * columns + column] = values[column]
        control[{c.STEP}] += 1
    return 0


@cfunc(types.int64(*[types.int64] * {OPERANDS}), **OPTIONS)
def entry(table, schedule, phases, guard, at, team):
    if table == 0:
        return serve(array_at(schedule, (2,), np.int64), team, phases)
    control = array_at(at, ({c.WORDS},), np.int64)
    control[{c.STATUS}] = 0
    if team != 0:
        array_at(team, ({t.WORDS},), np.int64)[{t.TABLE}] = table
        atomic_store(team + {8 * t.FAILED}, 0)
        atomic_store(team + {8 * t.RUNNING}, 1)
    code = run_steps(table, schedule, phases, guard, control, at + {8 * c.MAILBOX}, team)
    if team != 0:
        atomic_store(team + {8 * t.RUNNING}, 0)
    control[{c.STATUS}] = code
    return code
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


def run_native(
    table: Table, control: ControlBlock, schedule: Schedule | None = None, team: int = 0
) -> int:
    """Run steps until the limit, a status or the mailbox; the GIL is released meanwhile.

    Parameters
    ----------
    table : Table
    control : ControlBlock
    schedule : Schedule, optional
        All rows in order, with the guard before the table's commit row, if there is none.
    team : int
        The address of a claimed team of threads; 0 runs all shards here.

    Returns
    -------
    int
        0 or a status code, also found in ``control.status``.

    Raises
    ------
    ValueError
        If the table was built for the checked executor alone, or the schedule is of another table.
    """
    if len(table.words) and not table.words[0, 0]:  # all rows have an address, or none has
        raise ValueError("run_native: the table holds no addresses; build it with native=True.")
    schedule = schedule or Schedule.serial(table)
    schedule.check(table)
    operands = (ctypes.c_int64 * OPERANDS)(
        table.words.ctypes.data,
        schedule.address,
        len(schedule.spans),
        schedule.guard,
        control.address,
        team,
    )
    return int(entry_points()[1](ctypes.addressof(operands)))


def run_checked(table: Table, control: ControlBlock, schedule: Schedule | None = None) -> int:
    """Run the same table in Python on bounds-checked views, shard after shard.

    Raises
    ------
    FloatingPointError
        At the first instruction that makes a NaN or an Inf out of finite input, by name.
    ValueError
        If the schedule is of another table.
    """
    schedule = schedule or Schedule.serial(table)
    schedule.check(table)
    words = control.words
    words[c.STATUS] = 0
    while not words[c.STATUS] and words[c.STEP] < words[c.LIMIT]:
        if words[c.MAILBOX]:
            words[c.STATUS] = status.INTERRUPTED
            break
        words[c.STATUS] = _checked_step(table, control, schedule)
        if not words[c.STATUS]:
            control.record()
            words[c.STEP] += 1
    return control.status


def _checked_step(table: Table, control: ControlBlock, schedule: Schedule) -> int:
    for phase, shards in enumerate(schedule.spans.tolist()):
        if phase == schedule.guard and (failed := _guard(control)):
            return failed
        for first, end in shards:
            for row in range(first, end):
                control.words[c.ROW] = row
                if code := _run_plain(table, row):
                    return code
    return _guard(control) if schedule.guard >= len(schedule.spans) else 0


def _guard(control: ControlBlock) -> int:
    for position in range(int(control.words[c.GUARD_COUNT])):
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
