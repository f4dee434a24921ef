"""A receipt for a command: resolves to where it took effect, or to why it was refused."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(eq=False)
class Ticket:
    """What became of one command.

    Attributes
    ----------
    sequence : int
        The order of arrival within the run; -1 when it was refused at the door.
    step : int or None
        Completed steps when it was applied: step + 1 is the first that feels it.
    old, new : str
        What stood before and after, printable.
    error : Exception or None
        Why nothing changed.
    applied_at : float or None
        Wall time in seconds since the epoch.
    """

    sequence: int
    what: str
    step: int | None = None
    old: str = ""
    new: str = ""
    error: Exception | None = None
    applied_at: float | None = None
    worker: threading.Thread | None = field(default=None, repr=False)  # which applies it
    _done: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def done(self) -> bool:
        """Whether the command was applied or refused."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> Ticket:
        """Block until it is applied; raise the refusal, or TimeoutError.

        Raises
        ------
        RuntimeError
            In a report of the run itself: its step boundary comes behind the report.
        """
        if not self.done and self.worker is threading.current_thread():
            raise RuntimeError(
                f"{self.what}: a report cannot wait for the boundary behind it; got a wait from "
                "within the run. Return from the report, the command is applied right after."
            )
        if not self._done.wait(timeout):
            raise TimeoutError(f"{self.what}: not yet applied after {timeout:g} s")
        if self.error is not None:
            raise self.error
        return self

    def apply(self, step: int, old: str = "", new: str = "") -> Ticket:
        """Mark as applied at a step boundary (called by the loop)."""
        self.step, self.old, self.new = step, old, new
        self.applied_at = time.time()
        self._done.set()
        return self

    def refuse(self, error: Exception) -> Ticket:
        """Mark as refused (called by the loop)."""
        self.error = error
        self.applied_at = time.time()
        self._done.set()
        return self

    def __str__(self) -> str:
        if not self.done:
            return f"{self.what}: waiting for the next step boundary"
        if self.error is not None:
            return f"{self.what}: refused: {self.error}"
        change = f", {self.old} -> {self.new}" if self.old or self.new else ""
        return f"{self.what}: applied at step {self.step}{change}"
