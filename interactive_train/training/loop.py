"""The loop: the only one, a generator of events that fit, start, train and replay drain.

=========================================  =======================================
in this order                              event
=========================================  =======================================
at a step boundary, each waiting command   Applied  (also while paused or paced)
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

from collections.abc import Generator, Iterator
from itertools import chain

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


def run(session: Session) -> Generator[Event]:
    """Move a session on until its planned end, a stop or an error."""
    while True:
        steps = session.steps() if not session.complete() else iter(())
        while True:
            yield from _boundary(session)
            if session.stopping or session.complete():
                yield Ended(session.stepper.step, session.stopping or "finished")
                return
            elements = session.fetch(steps)
            if elements is None:
                break
            session.note_start_of_step()
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
                    steps = chain([elements], steps)
                    yield Halted(session.stepper.step, str(error))
                continue
            session.commit(outcome, len(elements))
            epoch = session.epoch
            over = session.steps_left() == 0
            if over:
                session.end_pass()
                session.run_evaluation()
            yield Stepped(
                outcome.step,
                outcome.step - session.first_step,
                epoch,
                outcome.loss,
                outcome.lr,
                outcome.gradient_norm,
                session.metrics,
                outcome.aux,
                over,
            )
            if session.position == 0:
                break
        if session.position:  # a pass whose length nobody knew ended by running dry
            session.end_pass()
            yield Evaluated(session.stepper.step, session.run_evaluation())


def _boundary(session: Session) -> Iterator[Event]:
    """Apply what has arrived; wait while paused or ahead of the pace."""
    running = True
    while True:
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
