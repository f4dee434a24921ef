"""The loop: the only one, a generator of events that fit, start, train and replay drain.

=========================================  =======================================
in this order                              event
=========================================  =======================================
at a step boundary, each planned command   Applied  (one that is refused ends the fit)
... and each waiting command               Applied  (also while paused or paced)
the planned end or a stop is seen there    Ended, and the generator returns
a step was committed                       Stepped
... and it was the last one of a pass      its metrics hold the new evaluation, made before
a step was not finite, policy "skip"       Skipped  (batch and step are consumed)
a step was not finite, policy "pause"      Halted   (nothing is consumed; paused)
a pass ended without a step to tell of it  Evaluated (its length was unknown, or it was skipped)
=========================================  =======================================

A boundary is in front of every step and behind the last one. Commands are applied at
boundaries only, in the order of their arrival, so a step runs under one setting of all
controls. While paused, and while the pace asks to wait, the loop stands at the boundary and
applies commands as they come. Whatever user code raises inside a step - loss, data,
validation - leaves through the generator, with the session as it was behind the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from interactive_train.training.events import (
    Ended,
    Evaluated,
    Event,
    Halted,
    Skipped,
    Stepped,
)
from interactive_train.training.session import Session
from interactive_train.training.stepper import NonFiniteError


def _every_step(taken: int) -> int:
    """Let somebody be told of every step."""
    return 1


def run(session: Session, due: Callable[[int], int] = _every_step) -> Generator[Event]:
    """Move a session on until its planned end, a stop or an error.

    Parameters
    ----------
    due : callable
        From the steps of this fit so far to how many may be taken before somebody wants to be told.
    """
    while True:
        while True:
            yield from _boundary(session)
            if session.stopping or session.complete():
                yield Ended(session.stepper.step, session.stopping or "finished")
                return
            session.note_start_of_step()
            leap = session.leap(due(session.stepper.step - session.first_step))
            if leap is not None:
                if len(leap.losses):
                    yield _stepped(session, leap.losses, leap.lrs, leap.norms, leap.aux)
                    if session.position == 0:
                        break
                continue
            elements = session.fetch()
            if elements is None:
                break
            session.feed.fetched()
            try:
                outcome = session.stepper.compute(session.objective, elements)
            except NonFiniteError as error:
                if session.on_nonfinite == "raise":
                    raise
                if session.on_nonfinite == "skip":
                    session.skip(len(elements))
                    yield Skipped(session.stepper.step, str(error))
                else:
                    session.halt(str(error))
                    session.feed.put_back(elements)
                    yield Halted(session.stepper.step, str(error))
                continue
            session.commit(outcome, len(elements))
            yield _stepped(
                session, [outcome.loss], [outcome.lr], [outcome.gradient_norm], outcome.aux
            )
            if session.position == 0:
                break
        if session.position:  # a pass whose length nobody knew ended by running dry
            session.end_pass()
            yield Evaluated(session.stepper.step, session.run_evaluation())


def _stepped(
    session: Session,
    losses: Any,
    lrs: Any,
    norms: Any,
    aux: Any,
) -> Stepped:
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
        float(losses[-1]),
        float(lrs[-1]),
        float(norms[-1]),
        session.metrics,
        aux,
        over,
        len(losses),
    )


def _boundary(session: Session) -> Iterator[Event]:
    """Apply what has arrived; wait while paused or ahead of the pace."""
    running = True
    while True:
        yield from session.apply_planned()
        for pending in session.inbox.drain():
            yield session.apply(pending)
        session.pause_if_due()
        session.stop_if_due()
        if session.stopping:
            break
        if session.paused:
            if running:
                session.clock(False)
                running = False
            session.inbox.wait()
            continue
        delay = 0.0 if session.complete() else session.delay()
        if delay <= 0.0:
            break
        session.inbox.wait(delay)
    if not running:
        session.clock(True)
