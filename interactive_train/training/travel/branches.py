"""Branches: the lines of a run's course, each with its history and the record of its commands.

A line knows its whole course from the first step on; what it shares with others is shared
in memory. So a line can be forgotten without harm to those that left it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.control.applying import Done
from interactive_train.training.journal.logged import MAIN
from interactive_train.training.records.history import History
from interactive_train.training.travel.snapshots import Snapshot


@dataclass(eq=False)
class Line:
    """One branch.

    Attributes
    ----------
    fork : (int, int)
        Steps, and commands, that it shares with its parent.
    automatic : bool
        It was begun by a rewind; it goes again if nothing was done on it.
    past : dict
        The earlier settings of its knobs.
    numbers : list of int
        The records of the journal's log that led to its end.
    end : Snapshot or None
        How it was left; None while it is current.
    """

    name: str
    history: History
    parent: Line | None = None
    fork: tuple[int, int] = (0, 0)
    automatic: bool = False
    record: list[Done] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    past: dict[Any, Any] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    end: Snapshot | None = None

    def forked(self, name: str, step: int, done: int, automatic: bool) -> Line:
        """Return a line that shares this one's course up to there."""
        place, parent = (step, done), self
        while parent.parent is not None and place <= parent.fork:
            parent = parent.parent
        return Line(
            name,
            self.history.until(step),
            parent,
            place,
            automatic,
            self.record[:done],
            [s for s in self.snapshots if s.place <= place],
        )

    def done_before(self, step: int) -> int:
        """Return how many commands were applied before the boundary behind a step."""
        return bisect_left(self.record, step, key=lambda done: done.step)

    def keep(self, snapshot: Snapshot) -> None:
        """Add a snapshot of this line."""
        at = len(self.snapshots)
        while at and self.snapshots[at - 1].place > snapshot.place:
            at -= 1
        self.snapshots.insert(at, snapshot)

    def nearest(self, place: tuple[int, int]) -> Snapshot:
        """Return the newest snapshot up to there."""
        return max((s for s in self.snapshots if s.place <= place), key=lambda s: s.place)


class Lines:
    """All branches of a run, and which one is current."""

    def __init__(self, history: History) -> None:
        self.current = Line(MAIN, history)
        self.all: dict[str, Line] = {MAIN: self.current}
        self._begun = 0

    def next_name(self) -> str:
        """Return a name that no branch had."""
        while True:
            self._begun += 1
            name = f"branch {self._begun}"
            if name not in self.all:
                return name

    def find(self, name: str, where: str) -> Line:
        """Return a branch by name.

        Raises
        ------
        ValueError
            For an unknown one, with a did-you-mean.
        """
        if name not in self.all:
            raise ValueError(refusal(where, "a branch", repr(name), did_you_mean(name, self.all)))
        return self.all[name]

    def check_new(self, name: str, where: str) -> None:
        """Refuse a name that is taken."""
        if name in self.all:
            raise ValueError(
                refusal(where, "a name that no branch has", repr(name), "Give another one.")
            )

    def forget(self, line: Line) -> None:
        """Take a line out; those that left it leave the one that shares most with it."""
        del self.all[line.name]
        children = [other for other in self.all.values() if other.parent is line]
        if not children:
            return
        heir = max(children, key=lambda child: child.fork)
        for child in children:
            child.parent = heir
        heir.parent = line.parent
        heir.fork = (0, 0) if line.parent is None else line.fork
