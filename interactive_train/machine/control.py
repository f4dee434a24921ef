"""The control block: the truth about where a native run of steps stands.

One array of int64 words that the native executor writes and Python reads, and one
word, the mailbox, that Python writes and the executor polls before each step. Beside it
the values of the current step, of which the first ones are guarded, and their history.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STATUS, ROW, STEP, LIMIT, MAILBOX, HISTORY, CAPACITY, GUARDS, GUARD_COUNT, BASE, COLUMNS = range(11)
WORDS = 16  # two cache lines


class ControlBlock:
    """Step counter, status and mailbox of one executor, shared with native code.

    Parameters
    ----------
    guards : int
        How many values must be finite before anything is committed.
    capacity : int
        How many steps the history holds.
    columns : int, optional
        How many values a step has, the guarded ones first; as many as `guards` by default.

    Attributes
    ----------
    words : ndarray of int64, shape (16,)
        The memory itself.
    address : int
        Of `words`.
    guards : ndarray of float64
        The values of the current step, written by the step's own rows.
    history : ndarray of float64, shape (capacity, columns)
        The values of the completed step s (0 for the first) at ``history[s - base]``.
    """

    def __init__(self, guards: int = 0, capacity: int = 0, columns: int | None = None) -> None:
        columns = max(guards, columns or 0, 1)
        self.words: NDArray[np.int64] = np.zeros(WORDS, np.int64)
        self.address = int(self.words.ctypes.data)
        self.guards: NDArray[np.float64] = np.zeros(columns, np.float64)
        self.history: NDArray[np.float64] = np.zeros((max(capacity, 1), columns), np.float64)
        self.words[HISTORY] = self.history.ctypes.data
        self.words[CAPACITY] = capacity
        self.words[GUARDS] = self.guards.ctypes.data
        self.words[GUARD_COUNT] = guards
        self.words[COLUMNS] = columns
        self.words[LIMIT] = 1

    @property
    def losses(self) -> NDArray[np.float64]:
        """The first value of every step in the history."""
        return self.history[:, 0]

    @property
    def status(self) -> int:
        """0, or what stopped the executor (`kernels.status`)."""
        return int(self.words[STATUS])

    @property
    def row(self) -> int:
        """The instruction that failed; else the one that the calling thread runs or ran last."""
        return int(self.words[ROW])

    @property
    def step(self) -> int:
        """Completed steps: a step counts when it was committed."""
        return int(self.words[STEP])

    @step.setter
    def step(self, value: int) -> None:
        self.words[STEP] = value

    @property
    def limit(self) -> int:
        """The executor stops when `step` reaches this."""
        return int(self.words[LIMIT])

    @limit.setter
    def limit(self, value: int) -> None:
        self.words[LIMIT] = value

    @property
    def base(self) -> int:
        """The step whose values are the first row of the history."""
        return int(self.words[BASE])

    @base.setter
    def base(self, value: int) -> None:
        self.words[BASE] = value

    def record(self) -> None:
        """Copy the values of the current step to its place in the history, if it has one."""
        at = self.step - self.base
        if 0 <= at < self.words[CAPACITY]:
            self.history[at] = self.guards

    def post(self) -> None:
        """Ask the executor to stop before its next step."""
        self.words[MAILBOX] = 1

    def clear(self) -> None:
        """Empty the mailbox and forget the status."""
        self.words[MAILBOX] = 0
        self.words[STATUS] = 0
