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

from interactive_train.training.loop.session import Session
from interactive_train.training.records.events import Ended, Evaluated, Event, Halted, Skipped
from interactive_train.training.step.stepping import Dry, Missed, Taken, attempt, stepped


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
        yield from _boundary(session)
        if session.stopping or session.complete():
            yield Ended(session.stepper.step, session.stopping or "finished")
            return
        session.note_start_of_step()
        found = attempt(session, due(session.stepper.step - session.first_step))
        if isinstance(found, Taken):
            yield stepped(session, found)
        elif isinstance(found, Missed):
            kind = Skipped if found.skipped else Halted
            yield kind(session.stepper.step, found.reason)
        elif isinstance(found, Dry) and session.position:
            session.end_pass()  # a pass whose length nobody knew ended by running dry
            yield Evaluated(session.stepper.step, session.run_evaluation())


def _boundary(session: Session) -> Iterator[Event]:
    """Apply what has arrived; wait while paused or ahead of the pace."""
    running = True
    while True:
        yield from session.apply_planned()
        for pending in session.inbox.drain():
            yield session.apply(pending)
        session.pause_if_due()
        session.stop_if_due()
        if session.time is not None:
            session.time.take_if_due()
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
