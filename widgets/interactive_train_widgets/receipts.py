"""What became of the commands of a page: queued at the source at once, answered at their boundary.

`Receipts.submit` and `Receipts.refuse` may be called from any thread and block nobody;
the publisher's thread collects the answers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import Source
from interactive_train_widgets import messages
from interactive_train_widgets.describe import Head

REMEMBERED = 1000  # newest messages that are recognised when they come again


@dataclass(slots=True)
class Pending:
    """A command that waits for its step boundary."""

    identity: str
    ticket: Ticket
    pressed: float | None


class Receipts:
    """The commands for one source and their answers.

    Attributes
    ----------
    latencies : list of float
        Seconds from the press in the browser to the step boundary, per command.
    """

    def __init__(self, source: Source) -> None:
        self.latencies: list[float] = []
        self._source = source
        self._refused: deque[Head] = deque()
        self._pending: deque[Pending] = deque()
        self._tickets: dict[str, Ticket] = {}  # of the newest messages, by their ids

    @property
    def oldest(self) -> Ticket | None:
        """The ticket that is resolved first: commands are applied in the order of arrival."""
        return self._pending[0].ticket if self._pending else None

    @property
    def settled(self) -> bool:
        """Whether there is anything to collect."""
        return bool(self._refused) or (bool(self._pending) and self._pending[0].ticket.done)

    def submit(self, request: messages.Request) -> None:
        """Queue a command at the source; the same message again is applied once, answered twice."""
        known = self._tickets.get(request.identity)
        if known is not None:
            self._pending.append(Pending(request.identity, known, None))
            return
        try:
            ticket = self._source.submit(
                request.command, source="dashboard", gesture=request.gesture
            )
        except Exception as error:  # any refusal belongs on the page, not in a log
            self.refuse(request.identity, error)
        else:
            self._pending.append(Pending(request.identity, ticket, request.pressed))
            self._tickets[request.identity] = ticket
            if len(self._tickets) > REMEMBERED:
                del self._tickets[next(iter(self._tickets))]

    def refuse(self, identity: str, error: Exception) -> None:
        """Note why a message changed nothing."""
        self._refused.append({"id": identity, "error": str(error), "step": None})

    def collect(self) -> list[Head]:
        """Return what became of the commands that are settled by now."""
        receipts: list[Head] = []
        while self._refused:
            receipts.append(self._refused.popleft())
        while self._pending and self._pending[0].ticket.done:
            receipts.append(self._receipt(self._pending.popleft()))
        return receipts

    def _receipt(self, pending: Pending) -> Head:
        ticket = pending.ticket
        applied = ticket.applied_at
        if pending.pressed is not None and applied is not None and ticket.error is None:
            self.latencies.append(applied - pending.pressed)
        return {
            "id": pending.identity,
            "step": ticket.step,
            "old": ticket.old,
            "new": ticket.new,
            "what": ticket.what,
            "error": None if ticket.error is None else str(ticket.error),
            "appliedAt": None if applied is None else applied * 1e3,
        }
