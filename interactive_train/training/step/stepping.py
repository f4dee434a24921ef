"""Stepping: one attempt of a session to take steps, natively or eagerly.

The loop and a re-run go on by the same attempts, so that the second gives the bits of the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interactive_train.training.records.events import Stepped
from interactive_train.training.step.stepper import NonFiniteError

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


@dataclass(frozen=True, slots=True)
class Taken:
    """Steps that were committed; one row each."""

    losses: Any
    lrs: Any
    norms: Any
    aux: Any


@dataclass(frozen=True, slots=True)
class Missed:
    """A step that was not finite: skipped, or the session halted in front of it."""

    reason: str
    skipped: bool


@dataclass(frozen=True, slots=True)
class Dry:
    """The pass had no further element."""


def attempt(session: Session, most: int) -> Taken | Missed | Dry | None:
    """Take a step, or at most so many recorded ones; None where it was asked to look up first.

    Raises
    ------
    NonFiniteError
        Under the policy "raise".
    """
    begun = time.perf_counter()
    try:
        return _attempt(session, most)
    finally:
        session.busy += time.perf_counter() - begun


def _attempt(session: Session, most: int) -> Taken | Missed | Dry | None:
    leap = session.leap(most)
    if leap is not None:
        return Taken(leap.losses, leap.lrs, leap.norms, leap.aux) if len(leap.losses) else None
    elements = session.fetch()
    if elements is None:
        return Dry()
    session.feed.fetched()
    try:
        outcome = session.stepper.compute(session.objective, elements)
    except NonFiniteError as error:
        if session.on_nonfinite == "raise":
            raise
        if session.on_nonfinite == "skip":
            session.skip(len(elements))
            return Missed(str(error), True)
        session.halt(str(error))
        session.feed.put_back(elements)
        return Missed(str(error), False)
    session.commit(outcome, len(elements))
    return Taken([outcome.loss], [outcome.lr], [outcome.gradient_norm], outcome.aux)


def stepped(session: Session, taken: Taken) -> Stepped:
    """Say what was done; behind the last step of a pass, evaluate."""
    step, epoch = session.stepper.step, session.epoch
    over = session.steps_left() == 0
    if over:
        session.end_pass()
        session.run_evaluation()
    return Stepped(
        step,
        step - session.first_step,
        epoch,
        float(taken.losses[-1]),
        float(taken.lrs[-1]),
        float(taken.norms[-1]),
        session.metrics,
        taken.aux,
        over,
        len(taken.losses),
    )
