"""Keeping: the snapshots and the record of a run's lines, as they grow while it goes on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train import tree
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.control.applying import Done
from interactive_train.training.records.commands import Command
from interactive_train.training.records.view import SnapshotView
from interactive_train.training.step.interrupts import Undisturbed
from interactive_train.training.travel.branches import Line, Lines
from interactive_train.training.travel.snapshots import (
    LIMIT,
    STATES,
    Ring,
    Snapshot,
    arrays_of,
    sizes_of,
    weakest,
)

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session

SPACING = 0.5  # seconds of computing between two snapshots, at least
SHARE = 0.01  # of the time that may be spent on taking them


class Keeper:
    """The lines and snapshots of one session.

    Parameters
    ----------
    session : Session
    limit : int, optional
        Bytes that snapshots may fill; 256 MiB or eight states, whichever is more.

    Attributes
    ----------
    generation : int
        Changes whenever recorded rows do not go on from those that were read before.
    """

    def __init__(self, session: Session, limit: int | None = None) -> None:
        self.session = session
        self.lines = Lines(session.history)
        self._generation = self._thinned = 0
        self._released = False
        self._due = 0.0
        self.shown: tuple[Any, tuple[SnapshotView, ...]] | None = None  # by `snapshot_views`
        self.cost = 0.0  # seconds that a snapshot took
        self.ring = Ring(LIMIT)
        self.take()
        self.ring.limit = max(LIMIT, STATES * self.ring.nbytes) if limit is None else limit

    @property
    def line(self) -> Line:
        """The current branch."""
        return self.lines.current

    @property
    def generation(self) -> int:
        """A number that changes when rows that were read do not go on."""
        thinned = self.line.history.thinnings
        if thinned != self._thinned:
            self._thinned = thinned
            self._generation += 1
        return self._generation

    @property
    def applied(self) -> list[tuple[int, Command]]:
        """The commands that made the current line what it is, with their steps."""
        return [(done.step, done.command) for done in self.line.record if done.command]

    def _here(self) -> tuple[int, int]:
        return self.session.stepper.step, len(self.line.record)

    # What happened --------------------------------------------------------------------------

    def note(self, command: Command, sequence: int) -> None:
        """Record a command that was applied just now."""
        plan = replace(self.session.plan)
        number = self.session.journal.newest
        self.line.record.append(Done(self.session.stepper.step, command, sequence, number, plan))

    def note_refusal(self, step: int, why: str) -> None:
        """Keep in mind from which step on none is recorded, so that a re-run does it likewise."""
        if self.session.rerun is None:
            self.line.record.append(Done(step, None, refused=why))

    # Snapshots --------------------------------------------------------------------------------

    def take_if_due(self) -> None:
        """Take a snapshot if computing again what came since the last one would take long."""
        session = self.session
        if session.busy < self._due or session.data.is_one_shot or self._released:
            return
        newest = self.line.snapshots[-1]
        if newest.place != self._here():
            self.take()

    def keep_named(self, name: str) -> None:
        """Keep the state of now until it is deleted."""
        if any(snapshot.name == name for snapshot in self.ring):
            raise ValueError(
                refusal("run.snapshot", "a name that no snapshot has", repr(name),
                        "run.delete_snapshot(name) forgets the other one.")
            )  # fmt: skip
        self.take(name)

    def take(self, name: str = "") -> Snapshot:
        """Keep the state of now."""
        session, line = self.session, self.line
        begun = time.perf_counter()
        with session.lock, Undisturbed():
            session.stepper.settle()
            if line.snapshots:
                _share(session, line.snapshots[-1].state)
            state = session.current_state()
            snapshot = Snapshot(
                state,
                session.data,
                replace(session.plan),
                len(line.record),
                session.agenda.taken,
                tuple(session.undo),
                frozenset(session.undone),
                {key: len(past) for key, past in session.controls.past.items()},
                dict(session.metrics),
                session.engine.refused if session.engine is not None else "",
                session.reports.keep() if session.reports is not None else (),
                name,
                sizes_of(arrays_of(state)),
            )
            line.keep(snapshot)
            self.ring.add(snapshot)
            self._thin(snapshot)
        self.cost = time.perf_counter() - begun
        self._due = session.busy + max(SPACING, self.cost / SHARE)
        return snapshot

    def thin_out(self) -> None:
        """Keep only what has to stay; the way back is longer then."""
        with self.session.lock:
            pinned = self._pinned()
            for snapshot in self.ring:
                if id(snapshot) not in pinned:
                    self._drop(snapshot)

    def _thin(self, newest: Snapshot) -> None:
        lines = self.lines.all.values()
        while self.ring.full:
            last = {line.name: line.snapshots[-1].step for line in lines}
            found = weakest(
                ((line.snapshots, last[line.name]) for line in lines),
                self._pinned() | {id(newest)},
            )
            if found is None:
                return
            self._drop(found)

    def _pinned(self) -> set[int]:
        """Return the ids of those that stay: the first, ends of branches, named ones."""
        return {
            id(snapshot)
            for line in self.lines.all.values()
            for at, snapshot in enumerate(line.snapshots)
            if snapshot.name or snapshot is line.end or not at
        }

    def _drop(self, snapshot: Snapshot) -> None:
        for line in self.lines.all.values():
            if snapshot in line.snapshots:
                line.snapshots.remove(snapshot)
        self.ring.drop(snapshot)

    def named(self, name: str, where: str) -> tuple[Line, Snapshot]:
        """Return a named snapshot and a line on which it stands, the current one if it does."""
        known: dict[str, tuple[Line, Snapshot]] = {}
        for line in (*self.lines.all.values(), self.line):
            known |= {s.name: (line, s) for s in line.snapshots if s.name}
        if name not in known:
            raise ValueError(refusal(where, "a snapshot", repr(name), did_you_mean(name, known)))
        return known[name]

    def delete_snapshot(self, name: str) -> None:
        """Forget a named snapshot; what has to stay loses its name."""
        for line in self.lines.all.values():
            for at, snapshot in enumerate(line.snapshots):
                if snapshot.name == name and (not at or snapshot is line.end):
                    return self._rename(snapshot)
        self._drop(self.named(name, "run.delete_snapshot")[1])
        return None

    def _rename(self, snapshot: Snapshot) -> None:
        twin = replace(snapshot, name="")
        for line in self.lines.all.values():
            line.snapshots = [twin if s is snapshot else s for s in line.snapshots]
            line.end = twin if line.end is snapshot else line.end
        self.ring.drop(snapshot)
        self.ring.add(twin)


def _share(session: Session, earlier: Any) -> None:
    """Let arrays that rest be those of an earlier state, if they are equal to the bit."""
    stepper = session.stepper
    places, model = stepper.places(), None
    then = earlier.opt_state.places()
    for path, leaf in places.items():
        if not leaf.frozen:
            continue
        model = model or dict(tree.flatten_with_paths(earlier.model))
        if _equal(stepper.arrays[path], model[path]):
            stepper.arrays[path] = model[path]
        for name, value in leaf.state.items():
            other = then[path].state.get(name)
            if isinstance(value, np.ndarray) and _equal(value, other):
                leaf.state[name] = other


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if not isinstance(b, np.ndarray) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    flat, other = a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8)
    return bool(np.array_equal(flat, other))
