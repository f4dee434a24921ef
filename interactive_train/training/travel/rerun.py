"""Rerun: steps that were taken before, taken again, and compared with what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.training.records.history import History
from interactive_train.training.step.stepper import NonFiniteError
from interactive_train.training.step.stepping import Dry, Missed, Taken, attempt, stepped

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


class Rerun:
    """The steps behind `first` up to `last`, again.

    Attributes
    ----------
    differs : str
        What came out differently, "" if nothing did.
    """

    def __init__(self, session: Session, history: History, first: int, last: int) -> None:
        self._session, self.differs = session, ""
        steps = history.column("step")
        begin, end = np.searchsorted(steps, [first, last], side="right")
        self._steps = steps[begin:end]
        self._losses = history.column("loss")[begin:end]
        looks = [known[known <= last] for known, _ in history.metrics.values()]
        self._evaluated = max((int(known[-1]) for known in looks if len(known)), default=-1)

    def go(self, step: int) -> None:
        """Take some of the steps up to one.

        Raises
        ------
        NonFiniteError
            Where a step that was taken before is not finite now.
        """
        session = self._session
        most = step - session.stepper.step
        if session.reports is not None:
            most = min(most, session.reports.due_again(session.stepper.step - session.first_step))
        found = attempt(session, most)
        if isinstance(found, Taken):
            event = stepped(session, found)
            if session.reports is not None:
                session.reports.tell_again(session, event)
        elif isinstance(found, Dry) and session.position:
            session.end_pass()
            session.run_evaluation()
        elif isinstance(found, Missed) and not found.skipped:
            raise NonFiniteError(found.reason)

    def compare(self, first: int, losses: Any) -> None:
        """Look whether losses are what they were, to the bit."""
        if self.differs:
            return
        found = np.asarray(losses, np.float64)
        begin, end = np.searchsorted(self._steps, [first, first + len(found)])
        known = self._steps[begin:end]
        then = np.ascontiguousarray(self._losses[begin:end])
        now = np.ascontiguousarray(found[known - first])
        if now.tobytes() != then.tobytes():
            at = int(np.flatnonzero(now.view(np.int64) != then.view(np.int64))[0])
            self.differs = (
                f"run again, step {known[at]} came out differently: loss {now[at]:.9g}, before "
                f"{then[at]:.9g}. The data or the loss are not the same function as then."
            )

    def evaluates(self, step: int) -> bool:
        """Whether metrics that are arrays, of which only the newest is kept, are wanted here."""
        return step == self._evaluated and not self._session.history.arrays
