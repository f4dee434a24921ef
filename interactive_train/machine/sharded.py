"""A recorded step over threads: the shards of a phase run side by side, phases in order.

What is computed does not depend on the threads: which rows make a shard, and in which order shards
are summed, is data. Threads decide only who runs what when.
"""

from __future__ import annotations

import ctypes

from interactive_train.machine import team as t
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.schedule import Schedule
from interactive_train.machine.table import Table
from interactive_train.machine.workers import Claim, usable_threads

__all__ = ["Schedule", "run", "usable_threads"]


def run(table: Table, schedule: Schedule, control: ControlBlock, threads: int) -> int:
    """Run steps until the limit, a status or the mailbox, on up to so many threads.

    The calling thread works, too; helpers join it as they come. The GIL is released
    meanwhile. Another run that is going on in this process keeps the helpers; this one then
    works alone.

    Returns
    -------
    int
        0 or a status code, also found in ``control.status``: that of the first phase in which a row
        failed, and there of the lowest shard, whatever the threads did.

    Raises
    ------
    ValueError
        If the table was built for the checked executor alone, or the schedule is of another table.
    """
    helpers = min(threads, schedule.width) - 1
    if helpers < 1:
        return run_native(table, control, schedule)
    with Claim(helpers) as team:
        results = (ctypes.c_int64 * (2 * schedule.width))()
        if team:
            words = (ctypes.c_int64 * t.WORDS).from_address(team)
            words[t.RESULTS] = ctypes.addressof(results)
        return run_native(table, control, schedule, team)
