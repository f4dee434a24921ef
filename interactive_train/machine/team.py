"""A team: threads that share the shards of a phase, as the native code sees it.

The calling thread leads. It publishes a phase by storing a ticket: an epoch that never repeats, and
how many shards are left. Whoever lowers the ticket by compare-and-swap has claimed a shard; an
old ticket cannot be lowered, so a thread that comes late does no harm. What the team's words say
about the phase stands still as long as a claimed shard is not done. The leader claims like
everybody else and waits for claimed shards alone, never for a thread that has not shown up.
"""

from __future__ import annotations

from interactive_train.machine.table import ROW_WORDS

# Words that several threads write stand 128 bytes apart.
TICKET, DONE, FAILED, RUNNING, TABLE = 0, 16, 32, 48, 64
PHASE, RESULTS, HELPERS, YIELD, NAP, NAP_TIME = range(TABLE + 1, TABLE + 7)
WORDS = 80

# Pauses before a waiting thread begins to yield, some 40 us (6 to 70 by processor), and rounds
# after which a helper sees that there is no work, about 1 ms.
SPINS = 1500
ROUNDS = SPINS + 2000

# The leader and the helpers run the same code, compiled as one: `executor` has the leader's part.
SOURCE = f'''from numba import cfunc, njit, types
import numpy as np

from interactive_train.kernels.native import (
    array_at, atomic_add, atomic_load, atomic_store, atomic_swap, call_row, pause
)
from interactive_train.kernels.pipeline import Pipeline

OPTIONS = dict(error_model="numpy", _nrt=False, pipeline_class=Pipeline)
BARE = dict(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)


@njit(**BARE)
def run_rows(table, first, end, place):
    """Run a list of rows; the second word at `place` says which one is at work."""
    at = table + {8 * ROW_WORDS} * first
    for row in range(first, end):
        place[1] = row
        code = call_row(array_at(at, (1,), np.int64)[0], at + 8)
        if code != 0:
            return code
        at += {8 * ROW_WORDS}
    return 0


@njit(**BARE)
def run_shard(team, table, phase, slot, place):
    """Run a claimed shard; a failure is noted in its own place, whoever met it."""
    code = run_rows(table, phase[1 + 2 * slot], phase[2 + 2 * slot], place)
    if code != 0:
        words = array_at(team, ({WORDS},), np.int64)
        results = array_at(words[{RESULTS}], (slot + 1, 2), np.int64)
        results[slot, 0] = code
        results[slot, 1] = place[1]
        atomic_store(team + {8 * FAILED}, 1)


@njit(**BARE)
def claim(team, rank):
    """Return how many shards were left when this thread took one of them, 0 without any."""
    while True:
        ticket = atomic_load(team + {8 * TICKET})
        left = ticket & 0xFFFF
        if left == 0 or rank >= atomic_load(team + {8 * HELPERS}):
            return 0
        if atomic_swap(team + {8 * TICKET}, ticket, ticket - 1):
            return left


@njit(**BARE)
def relax(idle, give_way):
    """Wait a moment: spin at first, then let others have the processor."""
    pause()
    if idle >= {SPINS} and give_way != 0:
        call_row(give_way, 0)
    return idle + 1


@njit(**BARE)
def serve(place, team, rank):
    """Be a helper: claim shards until there has been no run for a while."""
    words = array_at(team, ({WORDS},), np.int64)
    idle = 0
    while True:
        left = claim(team, rank)
        if left != 0:
            idle = 0
            phase = array_at(words[{PHASE}], (1,), np.int64)
            run_shard(team, words[{TABLE}], phase, phase[0] - left, place)
            atomic_add(team + {8 * DONE}, 1)
        elif idle < {ROUNDS}:
            idle = relax(idle, words[{YIELD}])
        elif words[{NAP}] == 0 or atomic_load(team + {8 * RUNNING}) == 0:
            return 0
        else:
            call_row(words[{NAP}], words[{NAP_TIME}])
'''
