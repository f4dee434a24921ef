"""Admission: what is looked at when a command is submitted, before it is queued.

What depends on where the run stands is looked at again when it is applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from interactive_train.optim.setting import Scaled
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.control.applying import rebatched, time_of
from interactive_train.training.control.goals import check_goal
from interactive_train.training.records.commands import (
    Adjust,
    Assign,
    BranchOff,
    Command,
    DeleteBranch,
    DeleteSnapshot,
    Pause,
    Rescue,
    Rewind,
    RunUntil,
    SetBatchSize,
    Switch,
    TakeSnapshot,
    kind_of,
)

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


def exact(session: Session, command: Command, where: str = "run.assign") -> Command:
    """Return a command with the very values that it will set, copied; refuse what cannot be.

    Raises
    ------
    TypeError, ValueError
        For an unknown path, another shape, or values that are not finite.
    """
    if not isinstance(command, Assign):
        return command
    arrays = session.stepper.arrays
    if command.path not in arrays:
        raise ValueError(
            refusal(
                where,
                "the path of an array of the model",
                repr(command.path),
                did_you_mean(str(command.path), arrays),
            )
        )
    own = arrays[command.path]
    given = np.asarray(command.value)
    if given.dtype.kind not in "fiub":
        raise TypeError(refusal(where, "real numbers", str(given.dtype), "Give an array of them."))
    if given.shape != own.shape:
        raise ValueError(
            refusal(
                where,
                f"the array at {command.path!r} has shape {own.shape}",
                str(given.shape),
            )
        )
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.array(given, own.dtype, order="C")
    if not np.isfinite(value).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(
            refusal(where, f"finite values of {own.dtype}", f"{value[bad]} at {list(bad)}")
        )
    value.flags.writeable = False
    return Assign(command.path, value)


def planned(session: Session, command: Command, where: str) -> Command:
    """Return a planned command with the very values that it will set; refuse what cannot be."""
    if session.where == "trainer.fit" and isinstance(command, (Pause, TakeSnapshot)):
        raise ValueError(
            refusal(where, "a run in the background", "a fit", "trainer.start makes one.")
        )
    session.controls.check(command, where)
    if isinstance(command, SetBatchSize):
        rebatched(session, command.size)
    return exact(session, command, where)


def check(session: Session, command: Command, settled: bool = True) -> None:
    """Raise if a command cannot be applied as things stand; change nothing.

    Parameters
    ----------
    settled : bool
        Whether nothing is on its way that may change where the run stands.
    """
    where = f"run.{kind_of(command)}"
    session.controls.check(command, where)
    match command:
        case SetBatchSize(size):
            rebatched(session, size)
        case RunUntil() if settled:
            check_goal(session, command)
        case Rewind(step, name):
            time = time_of(session, where)
            if settled and name:
                time.named(name, where)
            elif settled:
                assert step is not None
                time.check_step(step)
        case Switch(name) | DeleteBranch(name):
            time = time_of(session, where)
            if settled:
                time.lines.find(name, where)
        case BranchOff(name):
            time_of(session, where).lines.check_new(name, where)
        case TakeSnapshot() | DeleteSnapshot():
            time_of(session, where)
        case Rescue(factor):
            time_of(session, where)
            session.controls.check(Adjust("lr", Scaled(factor)), where)
