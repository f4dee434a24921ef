"""Logged: one applied command, as the log of a journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from interactive_train.training.journal.wire import Functions, Wire, decode
from interactive_train.training.records.commands import Command

MAIN = "main"  # the name of the first branch

# What changes no bit of a step; a drag goes on over such a row.
REMARKS = frozenset({"note", "pause", "resume", "advance", "pace", "stop", "extend", "run_until",
                     "snapshot", "delete_snapshot", "delete_branch"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Logged:
    """One applied command.

    Attributes
    ----------
    step : int
        Completed steps at the boundary where it was applied.
    command : dict
        Its wire form.
    kind, path, name, old, new, source, wall_time, value, gesture, branch
        See `JournalEntry` and `Journal.add`.
    undoes : int
        The row that an undo took back; -1 for everything else.
    given : Command or None
        The command itself, where this process applied it.
    """

    step: int
    command: Wire
    kind: str
    path: str = ""
    name: str = ""
    old: str = ""
    new: str = ""
    source: str = "code"
    wall_time: float = 0.0
    value: float | None = None
    gesture: str = ""
    branch: str = MAIN
    undoes: int = -1
    given: Command | None = None

    def again(self, functions: Functions | None = None) -> Command:
        """Return the command to apply it again.

        Raises
        ------
        ValueError
            If it holds a function of which only the name is known.
        """
        return decode(self.command, functions) if self.given is None else self.given
