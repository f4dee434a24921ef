"""Leaping: many recorded steps of a session in one native call.

What limits a leap: the end of the pass and of the fit, a pause or a planned command that is due,
the pace, gradients that somebody wants of every step, and some milliseconds, after which commands
are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interactive_train.machine.eager import is_native
from interactive_train.training.recorded.engine import Leap
from interactive_train.training.step.interrupts import Undisturbed

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


def leap(session: Session, most: int) -> Leap | None:
    """Take recorded steps, at most so many, and record them in the history.

    Returns
    -------
    Leap or None
        None where the next step has to be taken eagerly.
    """
    engine = session.engine
    if engine is None or engine.refused or not is_native():
        return None
    rows = session.feed.rows(session.data, session.pass_index, session.position)
    elements: list[Any] | None = None
    if rows is None:
        elements = session.fetch()
        if elements is None:
            return None
        session.feed.put_back(elements)
    elif not rows.steps:
        return None
    if session.rerun is None:  # else it is known where it goes
        most = _until_somebody_looks(session, most)
    session.lock.let_pass()
    with session.lock, Undisturbed():
        count = session.chunks.begin(most)
        found = engine.advance(
            session.objective, elements, rows, count, session.accumulate,
            (session.pass_index, id(session.data)),
        )  # fmt: skip
        if found is None:
            return None
        taken = len(found.losses)
        session.chunks.end(taken)
        if taken:
            _record(session, found, taken, rows is None)
        return found


def _until_somebody_looks(session: Session, most: int) -> int:
    """Return how many steps may be taken before anything but the data asks for an end."""
    step = session.stepper.step
    if session.plan.end_step is not None:
        most = min(most, session.plan.end_step - step)
    if session.pause_at is not None:
        most = min(most, session.pause_at - step)
    if session.goal is not None:
        most = session.goal.most(session, most)
    most = session.agenda.steps_until_next(step, most)
    return 1 if session.pace is not None or session.duplicated is not None else most


def _record(session: Session, leap: Leap, taken: int, given: bool) -> None:
    first = session.stepper.step - taken + 1
    if given:
        session.consume(taken * session.accumulate)
        session.feed.fetched()
    else:
        session.position = session.feed.behind(session.position, taken * session.accumulate)
    if session.duplicated is not None:
        assert session.engine is not None
        session.duplicated.fill(session.engine.gradients())
    session.note_steps(first, leap.losses, leap.lrs, leap.norms)
