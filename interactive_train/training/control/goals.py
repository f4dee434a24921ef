"""Goals: where a run that was told `run_until` pauses, and how far it may leap until then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interactive_train.runtime.errors import refusal
from interactive_train.training.records.commands import RunUntil

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session

WHERE = "run.run_until"


@dataclass
class Goal:
    """One `RunUntil` that is on its way.

    Attributes
    ----------
    wanted : RunUntil
    looked : int
        Completed steps when it was given, or looked at last.
    """

    wanted: RunUntil
    looked: int

    def most(self, session: Session, most: int) -> int:
        """Return how many steps may be taken before it has to be looked at."""
        wanted = self.wanted
        if wanted.step is not None:
            return min(most, wanted.step - session.stepper.step)
        return most if wanted.epoch is not None else 1

    def reached(self, session: Session) -> str:
        """Return why the run pauses here, "" if it goes on."""
        wanted, step = self.wanted, session.stepper.step
        if wanted.step is not None:
            return f"reached step {step}" if step >= wanted.step else ""
        if wanted.epoch is not None:
            over = session.pass_index >= session.first_pass + wanted.epoch
            return f"reached the end of epoch {wanted.epoch}" if over else ""
        if step <= self.looked:
            return ""
        self.looked = step
        if wanted.loss is not None:
            loss = session.stepper.loss
            return f"reached a loss of {loss:.4g} at step {step}" if loss <= wanted.loss else ""
        assert wanted.condition is not None
        assert session.viewer is not None
        try:
            held = bool(wanted.condition(session.viewer()))
        except Exception as error:  # what looks at a run must not end it
            return f"the condition of run_until raised {type(error).__name__}: {error}"
        return f"the condition of run_until holds at step {step}" if held else ""


def check_goal(session: Session, wanted: RunUntil) -> None:
    """Refuse a goal that lies behind, or beyond the planned end."""
    step, last = session.stepper.step, session.last_step()
    fix = "run.extend(steps=...) or run.extend(epochs=...) moves the planned end."
    if wanted.step is not None:
        if wanted.step <= step:
            raise ValueError(
                refusal(WHERE, f"a step behind the present one, {step}", str(wanted.step),
                        "run.rewind goes back.")
            )  # fmt: skip
        if last is not None and wanted.step > last:
            raise ValueError(
                refusal(WHERE, f"a step up to the planned end, {last}", str(wanted.step), fix)
            )
    if wanted.epoch is not None:
        over = session.pass_index - session.first_pass
        if wanted.epoch <= over:
            raise ValueError(
                refusal(WHERE, "an epoch that is not over", f"{wanted.epoch} of {over} that are",
                        "run.rewind goes back.")
            )  # fmt: skip
        end = session.plan.end_pass
        if end is not None and wanted.epoch > end - session.first_pass:
            raise ValueError(
                refusal(WHERE, f"an epoch up to the planned end, {end - session.first_pass}",
                        str(wanted.epoch), fix)
            )  # fmt: skip
