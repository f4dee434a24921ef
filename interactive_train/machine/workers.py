"""Our own threads: a pool of helpers that sleep in Python and work in native code.

One run at a time has the pool; another one that begins meanwhile works alone. A helper stays in
native code for about a millisecond after its last work, so runs that follow each other need not
wake it. Nothing here takes a lock that a run could wait for: claiming, falling asleep and waking
are single operations on a dict, so a signal handler or a finaliser may start a run at any place.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import threading
from functools import lru_cache
from pathlib import Path

from interactive_train.machine import team as t
from interactive_train.machine.executor import OPERANDS, entry_points
from interactive_train.runtime.cpu import usable_cores

NAP_MICROSECONDS = 100  # how often a helper looks for work in a long phase that has none


def usable_threads() -> int:
    """Return how many threads may work at the same time: processors allowed, and paid for.

    The first are those of the affinity mask; the second is the quota of the control group,
    rounded up, where the system has one.
    """
    return max(1, min(usable_cores(), _quota()))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the processors that a control group (version 2, then 1) pays for, or maxsize."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))  # "max" is no int
    with contextlib.suppress(OSError, ValueError):
        quota, period = (
            (root / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="ascii")
            for name in ("quota", "period")
        )
        if int(quota) > 0:
            return math.ceil(int(quota) / int(period))
    return sys.maxsize


class Pool:
    """Helpers and the words that they share with the thread that leads them."""

    def __init__(self) -> None:
        self._memory = (ctypes.c_int64 * (t.WORDS + 16))()
        at = ctypes.addressof(self._memory)
        self.address = at + (-at) % 128
        self.words = (ctypes.c_int64 * t.WORDS).from_address(self.address)
        self.wanted = 0  # helpers that the current run asks for
        self.asleep: dict[int, threading.Lock] = {}
        self.owner: dict[str, int] = {}  # "run": id of the claim that has the pool
        self.threads: list[threading.Thread] = []

    def wake(self, helpers: int) -> None:
        """Let that many helpers come; those in native code are there already."""
        self.wanted = self.words[t.HELPERS] = helpers
        while len(self.threads) < helpers:
            if not self._start():
                break
        for rank in range(min(helpers, len(self.threads))):
            lock = self.asleep.pop(rank, None)
            if lock is not None:
                lock.release()

    def _start(self) -> bool:
        self.words[t.YIELD], self.words[t.NAP], self.words[t.NAP_TIME] = _system()
        rank = len(self.threads)
        thread = threading.Thread(
            target=_help, args=(self, rank), name=f"interactive-train helper {rank}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is about to end
            return False
        self.threads.append(thread)
        return True


class Claim:
    """The right to lead the pool's helpers, if nobody else has it; a context.

    Examples
    --------
    >>> with Claim(helpers=0) as team:
    ...     pass  # the team's address, or 0: work alone
    """

    def __init__(self, helpers: int) -> None:
        self.helpers = helpers
        self.pool = _pool

    def __enter__(self) -> int:
        entry_points()  # compiled, if it must be, before others are kept away
        if self.pool.owner.setdefault("run", id(self)) != id(self):
            return 0
        self.pool.wake(self.helpers)
        return self.pool.address

    def release(self) -> None:
        """Give the pool back, if this claim has it."""
        if self.pool.owner.get("run") == id(self):
            self.pool.wanted = 0
            del self.pool.owner["run"]

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:  # an interrupt between claiming and the block
        self.release()


def _help(pool: Pool, rank: int) -> None:
    """Work in native code when a run wants this helper, sleep in between."""
    lock = threading.Lock()
    lock.acquire()
    place = (ctypes.c_int64 * 2)()
    operands = (ctypes.c_int64 * OPERANDS)(0, ctypes.addressof(place), rank, 0, 0, pool.address)
    at, work = ctypes.addressof(operands), entry_points()[1]
    while True:
        work(at)
        pool.asleep[rank] = lock
        # A run may have begun before it could see that this thread sleeps.
        if rank < pool.wanted and pool.asleep.pop(rank, None) is not None:
            continue
        lock.acquire()


@lru_cache(maxsize=1)
def _system() -> tuple[int, int, int]:
    """Return addresses of "let others have the processor" and "sleep", and how long to sleep."""
    if sys.platform == "win32":
        library = ctypes.WinDLL("kernel32")
        return _address(library, "SwitchToThread"), _address(library, "Sleep"), 1  # ms
    library = ctypes.CDLL(None)
    return _address(library, "sched_yield"), _address(library, "usleep"), NAP_MICROSECONDS


def _address(library: ctypes.CDLL, name: str) -> int:
    """Return the address of a C function, 0 where there is none."""
    with contextlib.suppress(AttributeError):
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    return 0


_pool = Pool()


def _renew_pool() -> None:
    """Give a forked child a pool of its own; the threads of the old one do not exist there."""
    global _pool
    _pool = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_pool)
