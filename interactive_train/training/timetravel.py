"""Time travel: a run goes back to any of its steps, exactly, and on from there as a branch.

The way back is the nearest earlier snapshot of the line, and from there the same attempts and the
same commands again. Losses are compared with the recorded ones meanwhile, so that data or a loss
that are not what they were are told of. All of it happens between two steps, in pieces of some
milliseconds, on the thread that trains.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train import tree
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.applying import again
from interactive_train.training.branches import Done, Line, Lines
from interactive_train.training.commands import Command, Stop
from interactive_train.training.interrupts import Undisturbed
from interactive_train.training.rerun import Rerun
from interactive_train.training.snapshots import (
    LIMIT,
    STATES,
    Ring,
    Snapshot,
    arrays_of,
    sizes_of,
    weakest,
)
from interactive_train.training.view import BranchView, SnapshotView

if TYPE_CHECKING:
    from interactive_train.training.session import Session

SPACING = 0.5  # seconds of computing between two snapshots, at least
SHARE = 0.01  # of the time that may be spent on taking them


class Interrupted(RuntimeError):
    """A re-run was stopped; everything stands as it did before."""


class TimeTravel:
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
        self._restored = False  # a report's best state stands in place of the end of the line
        self._released = False
        self._due = 0.0
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

    def ground(self) -> None:
        """Begin a branch where a report's best state was adopted and something follows it."""
        if not self._restored:
            return
        self._restored = False
        session, line, step = self.session, self.line, self.session.stepper.step
        new = self._forked(line, self.lines.next_name(), step, line.done_before(step), True)
        session.undo = [u for u in session.undo if session.journal[u[0]].step < step]
        session.controls.past = {
            key: [p for p in past if p.step < step] for key, past in line.past.items()
        }
        self._install(new)
        session.journal.stand(new.numbers, session.undone)
        session.agenda.rewind(step)
        self.take()

    def adopting(self) -> None:
        """Keep the end of the line before a report's best state becomes current."""
        if self.session.data.is_one_shot or self._released:
            return
        self._leave()
        self._restored = True

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
        self.ground()
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
            self._thin()
        self.cost = time.perf_counter() - begun
        self._due = session.busy + max(SPACING, self.cost / SHARE)
        return snapshot

    def _thin(self) -> None:
        lines = self.lines.all.values()
        pinned: set[int] = set()
        while self.ring.full:
            pinned = pinned or {
                id(s)
                for line in lines
                for at, s in enumerate(line.snapshots)
                if s.name or s is line.end or not at
            }
            last = {line.name: line.snapshots[-1].step for line in lines}
            found = weakest(((line.snapshots, last[line.name]) for line in lines), pinned)
            if found is None:
                return
            self._drop(found)

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

    # Going elsewhere ----------------------------------------------------------------------------

    def check(self, where: str) -> None:
        """Refuse what needs the past, where there is none.

        Raises
        ------
        ValueError
            For data that pass once only, and for a run whose snapshots were given back.
        """
        if self.session.data.is_one_shot:
            raise ValueError(
                refusal(where, "data that can be passed again", repr(self.session.data),
                        "Give arrays, a list, or a function of the index (it.Data.from_fn).")
            )  # fmt: skip
        if self._released:
            raise ValueError(
                refusal(where, "a run that keeps its snapshots", "one whose cell ran again",
                        "Its memory was given back then; the newer run is it.runs[-1].")
            )  # fmt: skip

    def check_step(self, step: int) -> None:
        """Refuse a step that the current line does not have."""
        line, place = self._base()
        low, high = self.session.first_step, place[0]
        if not low <= step <= high:
            raise ValueError(
                refusal("run.rewind", f"a step of branch {line.name!r}, {low} to {high}", str(step),
                        "run.switch(name) goes to another branch; a run begins where it started.")
            )  # fmt: skip

    def _base(self) -> tuple[Line, tuple[int, int]]:
        """Return the line that is rewound and its end: an empty branch counts as its parent."""
        line = self.line
        if self._restored:
            assert line.end is not None
            return line, line.end.place
        if self._emptied() and line.parent is not None and line.parent.end is not None:
            return line.parent, line.parent.end.place
        return line, self._here()

    def rewind(self, step: int) -> None:
        """Go to the state that a step left.

        Raises
        ------
        Interrupted
            When somebody stopped the run meanwhile; nothing has changed then.
        """
        self.check_step(step)
        line, end = self._base()
        place = (step, line.done_before(step))
        if place == self.line.fork and self._emptied():
            return  # there already
        if place == end:
            self.switch(line)
            return
        self._go(line, place, line.nearest(place))
        self.session.agenda.rewind(step)

    def rewind_to(self, name: str) -> None:
        """Go to a named snapshot."""
        line, snapshot = self.named(name, "run.rewind")
        if line is not self.line or snapshot.place != self._here():
            self._go(line, snapshot.place, snapshot)

    def switch(self, line: Line) -> None:
        """Go to the end of a line; nothing to do where it is the current one."""
        left, emptied = self.line, self._emptied()
        if line is left:
            return
        assert line.end is not None
        self._leave()
        self._install(line)
        self._restore(line, line.end)
        line.end = None
        if emptied:
            self._forget(left)

    def branch(self, name: str) -> None:
        """Begin a branch here."""
        self.ground()
        self._leave()
        self._install(self._forked(self.line, name, *self._here(), False))

    def _forked(self, line: Line, name: str, step: int, done: int, automatic: bool) -> Line:
        new = line.forked(name, step, done, automatic)
        made = {each.number for each in new.record}
        new.numbers = self.session.journal.numbers_before(line.numbers, step, made)
        return new

    def _go(self, line: Line, place: tuple[int, int], start: Snapshot) -> None:
        """Begin a branch of a line at a place, and compute the way there."""
        left, emptied = self.line, self._emptied()
        self._leave()
        new = self._forked(line, self.lines.next_name(), *place, True)
        self._install(new)
        try:
            self._restore(line, start)
            self._rerun(new, place, start)
        except BaseException:
            with Undisturbed():
                self._install(left)
                self._forget(new)
                assert left.end is not None
                self._restore(left, left.end)
                left.end = None
            raise
        if emptied:
            self._forget(left)

    def _here(self) -> tuple[int, int]:
        return self.session.stepper.step, len(self.line.record)

    def _emptied(self) -> bool:
        """Whether the current line goes when it is left: nothing was done on it."""
        line = self.line
        named = any(s.name and s.place >= line.fork for s in line.snapshots)
        return line.automatic and self._here() == line.fork and not named

    def _leave(self) -> None:
        """Keep the end of the current line."""
        line = self.line
        line.past = {key: list(past) for key, past in self.session.controls.past.items()}
        line.numbers = list(self.session.journal.numbers)
        newest = line.snapshots[-1]
        line.end = newest if newest.place == self._here() and not newest.name else self.take()

    def _install(self, line: Line) -> None:
        self.lines.all[line.name] = line
        self.lines.current = line
        self.session.history = line.history
        self._generation += 1
        self._thinned = line.history.thinnings

    def _forget(self, line: Line) -> None:
        self.lines.forget(line)
        kept = {id(s) for other in self.lines.all.values() for s in other.snapshots}
        for snapshot in line.snapshots:
            if id(snapshot) not in kept:
                self.ring.drop(snapshot)

    def delete(self, name: str) -> None:
        """Forget a branch."""
        self.ground()
        line = self.lines.find(name, "run.delete_branch")
        if line is self.line:
            raise ValueError(
                refusal("run.delete_branch", "another branch than the current one", repr(name),
                        "run.switch(name) makes another one current.")
            )  # fmt: skip
        self._forget(line)

    def release(self) -> None:
        """Give back what only going back needs."""
        self._released = True
        self.lines.all = {self.line.name: self.line}
        self.line.parent = None
        for snapshot in self.ring:
            self.ring.drop(snapshot)
        self.line.snapshots, self.line.record = [], []
        self.session.undo = []

    # The way there --------------------------------------------------------------------------------

    def _restore(self, line: Line, snapshot: Snapshot) -> None:
        """Make a snapshot of a line current."""
        session = self.session
        with session.lock, Undisturbed():
            session.stand(snapshot.state, snapshot.data, replace(snapshot.plan))
            session.agenda.rewind(snapshot.step, snapshot.agenda)
            session.undo, session.undone = list(snapshot.undo), set(snapshot.undone)
            session.controls.past = {
                key: list(line.past.get(key, ())[:count]) for key, count in snapshot.past.items()
            }
            session.metrics = dict(snapshot.metrics)
            session.journal.stand(self.line.numbers, session.undone)
            if session.engine is not None:
                session.engine.refused = snapshot.refused
            if session.reports is not None:
                session.reports.restore(snapshot.reports)
            pictures = {
                name: value
                for name, value in snapshot.metrics.items()
                if np.ndim(value) and name not in session.history.arrays
            }
            session.history.record(snapshot.step, pictures)

    def _rerun(self, line: Line, place: tuple[int, int], start: Snapshot) -> None:
        session, (step, done) = self.session, place
        rerun = Rerun(session, line.history, start.step, step)
        session.rerun, message = rerun, session.message
        session.message = f"going back: running steps {start.step + 1} to {step} again"
        try:
            for made in line.record[start.done : done]:
                self._advance(rerun, made.step)
                with session.lock, Undisturbed():
                    again(session, made)
            self._advance(rerun, step)
            session.message = ""
        except BaseException:
            session.message = message
            raise
        finally:
            session.rerun = None
        session.journal.stand(line.numbers, session.undone)
        if rerun.differs:
            session.message = rerun.differs
            notice(session.message)

    def _advance(self, rerun: Rerun, step: int) -> None:
        session = self.session
        while session.stepper.step < step:
            if session.inbox.holds(Stop):
                raise Interrupted(
                    "run.rewind: stopped before it was there; everything is as it was before."
                )
            rerun.go(step)

    # Views --------------------------------------------------------------------------------

    def branch_views(self) -> tuple[BranchView, ...]:
        """Return every branch, in the order in which they began."""
        session = self.session
        return tuple(
            BranchView(
                line.name,
                line.parent.name if line.parent else "",
                line.fork[0] if line.parent else session.first_step,
                line.end.step if line.end is not None else session.stepper.step,
                line is self.line,
                line.history.last("loss"),
            )
            for line in self.lines.all.values()
        )

    def snapshot_views(self) -> tuple[SnapshotView, ...]:
        """Return every snapshot once, by step."""
        seen: set[int] = set()
        found: dict[int, tuple[Line, Snapshot]] = {}
        for line in self.lines.all.values():
            for snapshot in line.snapshots:
                if line.parent is None or snapshot.place > line.fork:
                    found.setdefault(id(snapshot), (line, snapshot))
        ordered = sorted(found.values(), key=lambda pair: pair[1].place)
        return tuple(
            SnapshotView(s.step, s.name, line.name, self.ring.own_bytes(s, seen))
            for line, s in ordered
        )


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
