"""Time travel: a run goes back to any of its steps, exactly, and on from there as a branch.

The way back is the nearest earlier snapshot of the line, and from there the same attempts and the
same commands again. Losses are compared with the recorded ones meanwhile, so that data or a loss
that are not what they were are told of. All of it happens between two steps, in pieces of some
milliseconds, on the thread that trains.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.control.applying import again
from interactive_train.training.records.commands import Stop
from interactive_train.training.step.interrupts import Undisturbed
from interactive_train.training.travel.branches import Line
from interactive_train.training.travel.keeping import Keeper
from interactive_train.training.travel.rerun import Rerun
from interactive_train.training.travel.snapshots import Snapshot

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


class Interrupted(RuntimeError):
    """A re-run was stopped; everything stands as it did before."""


class TimeTravel(Keeper):
    """The way of one session through its lines; parameters as of `Keeper`."""

    def __init__(self, session: Session, limit: int | None = None) -> None:
        super().__init__(session, limit)
        self._restored = False  # a report's best state stands in place of the end of the line
        self._grounded: tuple[Line, list[Any], dict[Any, Any]] | None = None  # for `unground`

    def ground(self) -> None:
        """Begin a branch where a report's best state was adopted and something follows it."""
        self._grounded = None
        if not self._restored:
            return
        self._restored = False
        session, line, step = self.session, self.line, self.session.stepper.step
        self._grounded = line, session.undo, session.controls.past
        new = self._forked(line, self.lines.next_name(), step, line.done_before(step), True)
        session.undo = [u for u in session.undo if session.journal[u[0]].step < step]
        session.controls.past = {
            key: [p for p in past if p.step < step] for key, past in line.past.items()
        }
        self._install(new)
        session.journal.stand(new.numbers, session.undone)
        session.agenda.rewind(step)
        self.take()

    def unground(self) -> None:
        """Take back the branch that `ground` began for a command that was refused."""
        if self._grounded is None:
            return
        new, session = self.line, self.session
        line, session.undo, session.controls.past = self._grounded
        self._grounded, self._restored = None, True
        self._install(line)
        self._forget(new)
        session.journal.stand(line.numbers, session.undone)

    def adopting(self) -> None:
        """Keep the end of the line before a report's best state becomes current."""
        if self.session.data.is_one_shot or self._released:
            return
        self._leave()
        self._restored = True

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
        with self.session.lock:
            self._leave()
            self._install(line)
            self._restore(line, line.end)
            line.end = None
            if emptied:
                self._forget(left)

    def branch(self, name: str) -> None:
        """Begin a branch here; one that was made by going back and has no step gives way to it."""
        left, emptied = self.line, self._emptied()
        self._leave()
        self._install(self._forked(left, name, *self._here(), False))
        if emptied:
            self._forget(left)

    def _forked(self, line: Line, name: str, step: int, done: int, automatic: bool) -> Line:
        new = line.forked(name, step, done, automatic)
        made = {each.number for each in new.record}
        new.numbers = self.session.journal.numbers_before(line.numbers, step, made)
        return new

    def _go(self, line: Line, place: tuple[int, int], start: Snapshot) -> None:
        """Begin a branch of a line at a place, and compute the way there."""
        left, emptied = self.line, self._emptied()
        with self.session.lock:
            self._leave()
            new = self._forked(line, self.lines.next_name(), *place, True)
            self._install(new)
        try:
            self._restore(line, start)
            self._rerun(new, place, start)
        except BaseException:
            with self.session.lock, Undisturbed():
                self._install(left)
                self._forget(new)
                assert left.end is not None
                self._restore(left, left.end)
                left.end = None
            raise
        if emptied:
            with self.session.lock:
                self._forget(left)

    def _emptied(self) -> bool:
        """Whether the current line goes when it is left: nothing was done on it."""
        line = self.line
        known = () if line.parent is None else line.parent.snapshots
        named = any(s.name and s not in known for s in line.snapshots)
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
