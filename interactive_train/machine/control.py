"""The control block: the truth about where a native run of steps stands.

One array of int64 words that the native executor writes and Python reads, and one
word, the mailbox, that Python writes and the executor polls before each step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STATUS, ROW, STEP, LIMIT, MAILBOX, HISTORY, CAPACITY, GUARDS, GUARD_COUNT = range(9)
WORDS = 16  # two cache lines


class ControlBlock:
    """Step counter, status and mailbox of one executor, shared with native code.

    Attributes
    ----------
    words : ndarray of int64, shape (16,)
        The memory itself.
    losses : ndarray of float64, shape (capacity,)
        The first guarded value of every completed step.
    guards : ndarray of float64
        Values that must be finite before anything is committed.
    """

    def __init__(self, guards: int = 0, capacity: int = 0) -> None:
        self.words: NDArray[np.int64] = np.zeros(WORDS, np.int64)
        self.losses: NDArray[np.float64] = np.zeros(max(capacity, 1), np.float64)
        self.guards: NDArray[np.float64] = np.zeros(max(guards, 1), np.float64)
        self.words[HISTORY] = self.losses.ctypes.data
        self.words[CAPACITY] = capacity
        self.words[GUARDS] = self.guards.ctypes.data
        self.words[GUARD_COUNT] = guards
        self.words[LIMIT] = 1

    @property
    def status(self) -> int:
        """0, or what stopped the executor (`kernels.status`)."""
        return int(self.words[STATUS])

    @property
    def row(self) -> int:
        """The instruction that runs or ran last; after a crash, the one to look at."""
        return int(self.words[ROW])

    @property
    def step(self) -> int:
        """Completed steps: a step counts when it was committed."""
        return int(self.words[STEP])

    @property
    def limit(self) -> int:
        """The executor stops when `step` reaches this."""
        return int(self.words[LIMIT])

    @limit.setter
    def limit(self, value: int) -> None:
        self.words[LIMIT] = value

    def post(self) -> None:
        """Ask the executor to stop before its next step."""
        self.words[MAILBOX] = 1

    def clear(self) -> None:
        """Empty the mailbox and forget the status."""
        self.words[MAILBOX] = 0
        self.words[STATUS] = 0
