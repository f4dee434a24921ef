"""Ending: where a fit is planned to end, and how an extension moves that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interactive_train.runtime.errors import refusal

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


@dataclass
class Plan:
    """Where a fit ends: at a pass, at a step, or (None) when somebody stops it."""

    end_pass: int | None = None
    end_step: int | None = None


def end_of(session: Session, plan: Plan) -> int | None:
    """Return the number of the last step of a plan, None if it is not known."""
    if plan.end_step is not None:
        return plan.end_step
    per_pass, left = session.steps_per_pass, session.steps_left()
    if plan.end_pass is None or per_pass is None or left is None:
        return None
    rest = left if session.position else 0
    whole = plan.end_pass - session.pass_index - (1 if session.position else 0)
    return session.stepper.step + rest + whole * per_pass


def extended(session: Session, epochs: int | None, steps: int | None) -> Plan:
    """Return the plan that goes on for so much longer.

    Raises
    ------
    ValueError
        For steps added to epochs, or epochs to steps, of data of unknown length.
    """
    step, plan = session.stepper.step, session.plan
    begun = session.pass_index + (1 if session.position else 0)  # a begun pass is finished first
    if not session.active:  # a run that has ended is extended from where it stands
        plan = Plan(begun) if steps is None else Plan(None, step)
    per_pass = session.steps_per_pass
    if (epochs is None) == (plan.end_step is None) and per_pass is None and plan != Plan():
        raise ValueError(
            refusal(
                "run.extend",
                "passes of a known length, to add epochs to steps or steps to epochs",
                repr(session.data),
                "Extend by the unit of the plan, or once the run has ended.",
            )
        )
    if steps is not None:
        return Plan(None, max(end_of(session, plan) or 0, step) + steps)
    assert epochs is not None
    if plan.end_step is not None:
        return Plan(None, max(plan.end_step, step) + epochs * (per_pass or 0))
    return Plan(max(plan.end_pass or 0, begun) + epochs)


def shown_end(step: int | None) -> str:
    """Return a planned end in words."""
    return "no planned end" if step is None else f"step {step}"
