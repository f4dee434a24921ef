"""Viewing: a session as the record that front ends read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from interactive_train.training.records.view import RunView, Status, metric_views
from interactive_train.training.views.timeviews import branch_views, snapshot_views

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


def view_of(session: Session, name: str, status: Status, reason: str) -> RunView:
    """Return everything that a dashboard shows, at one step boundary.

    Parameters
    ----------
    reason : str
        Why the run failed or stopped.
    """
    message, time = session.message, session.time
    if status == "failed" or (status == "stopped" and reason != "stopped"):
        message = reason
    done = session.complete() and session.position == 0
    return RunView(
        name=name,
        status=status,
        step=session.stepper.step,
        first_step=session.first_step,
        last_step=session.last_step(),
        epoch=max(1, session.epoch - (1 if done else 0)),
        steps_per_epoch=session.steps_per_pass,
        elapsed=session.running_time(),
        steps_per_second=session.rate if status == "running" else math.nan,
        pace=session.pace,
        loss=session.stepper.loss,
        message=message,
        knobs=session.controls.knobs(),
        groups=session.controls.groups(),
        metrics=metric_views(session.history),
        journal=session.journal.entries,
        labels={"loss": session.loss_unit},
        branches=() if time is None else branch_views(time),
        snapshots=() if time is None else snapshot_views(time),
        snapshot_bytes=0 if time is None else time.ring.nbytes,
        snapshot_limit=0 if time is None else time.ring.limit,
        standing=session.journal.standing() if time is not None and time.generation else None,
        generation=0 if time is None else time.generation,
        batch_size=session.data.batch_size,
    )
