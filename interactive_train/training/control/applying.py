"""Applying: what each command does to a session, at a step boundary.

`change` and `again` are the two ways in which a line comes to be: by a command, which is
journaled, and by its record, when a step is reached once more. Both end in the same changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.data import Data
from interactive_train.optim.setting import Scaled, Setting
from interactive_train.runtime.errors import refusal
from interactive_train.training.control.controls import Change
from interactive_train.training.control.ending import extended, shown_end
from interactive_train.training.control.goals import Goal, check_goal
from interactive_train.training.control.inbox import Pending
from interactive_train.training.control.rescue import before_trouble
from interactive_train.training.records.commands import (
    Adjust,
    Advance,
    Assign,
    BranchOff,
    Command,
    DeleteBranch,
    DeleteSnapshot,
    Extend,
    Freeze,
    Note,
    Pause,
    Release,
    Rescue,
    Resume,
    Rewind,
    RunUntil,
    SetBatchSize,
    SetPace,
    Stop,
    Switch,
    TakeSnapshot,
    Thaw,
    Undo,
    kind_of,
)
from interactive_train.training.records.events import Applied

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session
    from interactive_train.training.travel.timetravel import TimeTravel

MOST_UNDO = 1000  # changes that can be taken back
RECORDED = (Adjust, Release, Freeze, Thaw, Undo, Assign, SetBatchSize, Extend)
GOING = (Pause, Resume, Advance, RunUntil)
KEEPING = (TakeSnapshot, DeleteSnapshot, BranchOff, DeleteBranch)
TRAVELS = (Rewind, Switch, Rescue)


def apply(session: Session, pending: Pending) -> Applied:
    """Apply one command; a command that fails changes nothing and says so on its ticket."""
    try:
        if isinstance(pending.command, TRAVELS):
            _travel(session, pending)
        else:
            with session.lock:
                try:
                    _apply(session, pending)
                except Exception:
                    if session.time is not None and isinstance(
                        pending.command, (*RECORDED, *KEEPING)
                    ):
                        session.time.unground()
                    raise
    except BaseException as error:
        if not isinstance(error, Exception):
            pending.ticket.refuse(RuntimeError(f"{pending.ticket.what}: interrupted"))
            raise
        pending.ticket.refuse(error)
    return Applied(session.stepper.step, pending.ticket)


def _apply(session: Session, pending: Pending) -> None:
    command, step, kind = pending.command, session.stepper.step, kind_of(pending.command)
    if not session.active and isinstance(command, GOING):
        raise ValueError(
            refusal(
                f"run.{kind}",
                "the run must be going on",
                "one that has ended",
                "run.extend(epochs=1) or run.extend(steps=100) continues it.",
            )
        )
    if session.time is not None and isinstance(command, (*RECORDED, *KEEPING)):
        session.time.ground()
    done, undoes = Change("", "", None), -1
    branch = session.branch
    path, name = getattr(command, "path", ""), getattr(command, "name", "")
    match command:
        case Pause():
            session.go(paused=True)
        case Resume():
            session.go()
        case Advance(steps):
            session.go(pause_at=step + steps)
            done = Change("", f"{steps} steps", None)
        case RunUntil():
            check_goal(session, command)
            session.go(goal=Goal(command, step))
            done = Change("", goal_text(command), None)
        case Stop():
            if session.active:
                session.stopping, session.paused = "stopped", False
        case SetPace(pace):
            done = Change(_pace(session.pace), _pace(pace), None)
            session.set_pace(pace)
        case Note(text):
            done = Change("", text, None)
        case Undo():
            undoes = _take_back(session)
            entry = session.journal[undoes]
            path, name = entry.path, entry.name
            done = Change(entry.new, entry.old, None)
        case TakeSnapshot() | DeleteSnapshot() | BranchOff() | DeleteBranch():
            done, name = _keep(time_of(session, f"run.{kind}"), command), ""
        case _:
            done = change(session, command)
    entry = session.journal.add(
        step,
        kind,
        path=path,
        name=name,
        old=done.old,
        new=done.new,
        source=pending.source,
        value=done.value,
        gesture=pending.gesture,
        command=command,
        branch=branch,
        undoes=undoes,
    )
    if session.time is not None and isinstance(command, RECORDED):
        session.time.note(command, entry.sequence)
    _push(session, entry.sequence, done.restore)
    # Last: who waited for it finds everything in place.
    pending.ticket.apply(step, done.old, done.new)


def change(session: Session, command: Command) -> Change:
    """Make a change of knobs, flags, arrays, batch size or end."""
    match command:
        case Adjust() | Release() | Freeze() | Thaw():
            return session.controls.apply(command, f"run.{kind_of(command)}")
        case Assign(path, value):
            old = session.stepper.arrays[path]
            session.stepper.assign(path, value)
            return Change(_norm(old), _norm(value), None)
        case SetBatchSize(size):
            before, data = session.data, rebatched(session, size)
            session.set_data(data)
            return Change(str(before.batch_size), str(size), lambda: session.set_data(before), size)
        case Extend(epochs, steps):
            old_end = shown_end(session.last_step())
            session.plan = extended(session, epochs, steps)
            return Change(old_end, shown_end(session.last_step()), None)
    raise TypeError(f"{kind_of(command)} changes nothing")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that changed a line, as it is made again.

    Attributes
    ----------
    step : int
        Completed steps at its boundary.
    command : Command or None
        None notes that the engine gave up recording.
    sequence, number : int
        Its row of the journal, and its record of the log.
    plan : Plan, optional
        The planned end that an extension made.
    refused : str
        Why the engine gave up.
    """

    step: int
    command: Command | None
    sequence: int = -1
    number: int = -1
    plan: Any = None
    refused: str = ""


def again(session: Session, made: Done) -> None:
    """Make a recorded change once more, without journal."""
    if made.command is None:
        if session.engine is not None:
            session.engine.refused = made.refused
    elif isinstance(made.command, Undo):
        _take_back(session)
    elif isinstance(made.command, Extend):
        session.plan = replace(made.plan)
    else:
        _push(session, made.sequence, change(session, made.command).restore)


def _push(session: Session, sequence: int, restore: Callable[[], None] | None) -> None:
    if restore is not None and not any(known == sequence for known, _ in session.undo):
        session.undo.append((sequence, restore))
        del session.undo[:-MOST_UNDO]


def _take_back(session: Session) -> int:
    """Take the newest change back; returns its row of the journal."""
    if not session.undo:
        raise ValueError(
            refusal(
                "run.undo",
                "an adjust, release, freeze or thaw that still stands",
                "none",
                "Nothing was changed.",
            )
        )
    sequence, restore = session.undo.pop()
    restore()
    session.undone.add(sequence)
    return sequence


def rebatched(session: Session, size: int) -> Data:
    """Return the session's data in batches of another size, or refuse."""
    where = "run.set_batch_size"
    if session.data.is_one_shot:
        raise ValueError(
            refusal(where, "data that can be passed again", repr(session.data),
                    "Give arrays, a list, or a function of the index (it.Data.from_fn).")
        )  # fmt: skip
    try:
        return session.data.with_batch_size(size)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


# Time -----------------------------------------------------------------------------------------


def time_of(session: Session, where: str) -> TimeTravel:
    """Return the lines and snapshots of a run, or refuse for a fit that has none."""
    if session.time is None:
        raise ValueError(
            refusal(where, "a run in the background", "a fit", "trainer.start makes one.")
        )
    session.time.check(where)
    return session.time


def _keep(time: TimeTravel, command: Command) -> Change:
    match command:
        case TakeSnapshot(name):
            time.keep_named(name)
            return Change("", name, None)
        case DeleteSnapshot(name):
            time.delete_snapshot(name)
        case BranchOff(name):
            time.lines.check_new(name, "run.branch")
            old = time.line.name
            time.branch(name)
            return Change(old, name, None)
        case DeleteBranch(name):
            time.delete(name)
    return Change(getattr(command, "name", ""), "", None)


def _travel(session: Session, pending: Pending) -> None:
    """Go back or to another branch; the run pauses there, or goes on if it is rescued."""
    command, where = pending.command, f"run.{kind_of(pending.command)}"
    step, branch, paused = session.stepper.step, session.branch, session.paused
    rate = session.stepper.rate_setting()
    session.paused = False
    try:
        time = time_of(session, where)
        match command:
            case Rewind(goal, name):
                if name:
                    time.rewind_to(name)
                else:
                    assert goal is not None
                    time.rewind(goal)
            case Switch(name):
                time.switch(time.lines.find(name, where))
            case Rescue(factor):
                session.controls.check(Adjust("lr", Scaled(factor)), where)
                history = session.history
                safe = before_trouble(history.step, history.loss, session.first_step)
                command = Rewind(safe)
                time.rewind(safe)
    except BaseException:
        session.paused = paused
        session.stopping, session.ended = session.ended or session.stopping, ""  # it stays so
        raise
    session.ended = ""
    with session.lock:
        session.go(paused=True)
        here = session.stepper.step
        old, new = f"step {step}", f"step {here}"
        if session.branch != branch:
            new += f" ({session.branch})"
        session.journal.add(
            step, kind_of(command), old=old, new=new, source=pending.source, command=command,
            branch=branch,
        )  # fmt: skip
        if isinstance(pending.command, Rescue):
            factor = _lowered(session, rate, pending.command.scale)
            lower = Adjust("lr", Scaled(factor))
            _apply(session, Pending(lower, pending.ticket, pending.source))
            session.go()
        else:
            pending.ticket.apply(here, old, new)


def _lowered(session: Session, rate: Setting | None, scale: float) -> float:
    """Return the factor to `scale` times the rate of now or of then, whichever is lower."""
    step, here = session.stepper.step + 1, session.stepper.rate_setting()
    if rate is None or here is None or not here.effective(step) > 0.0:
        return scale
    return scale * min(1.0, rate.effective(step) / here.effective(step))


def goal_text(goal: RunUntil) -> str:
    """Return where a run pauses, in a few words."""
    if goal.step is not None:
        return f"step {goal.step}"
    if goal.epoch is not None:
        return f"end of epoch {goal.epoch}"
    return "condition" if goal.loss is None else f"loss {goal.loss:.4g}"


def _norm(array: Any) -> str:
    return f"norm {float(np.linalg.norm(np.asarray(array, np.float64))):.4g}"


def _pace(pace: float | None) -> str:
    return "full speed" if pace is None else f"{pace:g} steps a second"
