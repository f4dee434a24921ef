"""Inbox: where commands wait for the next step boundary, in the order of their arrival."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from interactive_train.training.records.commands import Command
from interactive_train.training.records.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Pending:
    """A command on its way."""

    command: Command
    ticket: Ticket
    source: str = "code"
    gesture: str = ""


def _nothing() -> None:
    """Do nothing: nobody is in the middle of something."""


class Inbox:
    """A queue that one loop drains and anybody fills."""

    def __init__(self) -> None:
        self._waiting: deque[Pending] = deque()
        self._bell = threading.Condition()
        self.ring: Callable[[], None] = _nothing  # told of every arrival, at once

    def put(self, pending: Pending) -> None:
        """Add a command and wake the loop if it waits."""
        with self._bell:
            self._waiting.append(pending)
            self._bell.notify_all()
        self.ring()

    def holds(self, kind: type) -> bool:
        """Whether a command of a kind has arrived."""
        with self._bell:
            return any(isinstance(pending.command, kind) for pending in self._waiting)

    def drain(self) -> list[Pending]:
        """Take everything that has arrived, oldest first."""
        if not self._waiting:  # the usual case, without a lock
            return []
        with self._bell:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def wait(self, timeout: float | None = None) -> None:
        """Block until something arrives, or for at most `timeout` seconds."""
        with self._bell:
            if not self._waiting:
                self._bell.wait(timeout)
