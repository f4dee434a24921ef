"""Ahead: schedules evaluated for the steps of one native call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim.setting import Setting
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.recorded.prepared import Prepared

if TYPE_CHECKING:
    from interactive_train.training.step.stepper import Stepper


def fill_schedule(prepared: Prepared, stepper: Stepper, count: int, version: int) -> int:
    """Evaluate schedules for the next steps; return for how many all values may stand.

    Settings of the same `version` are the same: constants stand in the table already.
    """
    first = stepper.step + 1
    table, valid = prepared.schedule, count
    stands = prepared.standing[0] == version and prepared.standing[1] >= count
    steps: NDArray[np.int64] | None = None
    for column, (setting, knob) in enumerate(
        zip(prepared.recording.schedule, prepared.recording.declared, strict=True)
    ):
        if not setting.scheduled or setting.override is not None:
            if stands:
                continue
            value = setting.effective(first)
            if not _may_stand(knob, value):
                return 0
            table[:count, column] = value
            continue
        if steps is None:
            steps = np.arange(first, first + count, dtype=np.int64)
        try:
            values = np.asarray(setting.course(steps), np.float64)
        except Exception:  # at one of these steps; the eager step says what it is
            valid = min(valid, _before_the_error(setting, steps))
            values = setting.course(steps[:valid])
        table[: len(values), column] = values
        for at, value in enumerate(values[:valid]):
            if not _may_stand(knob, float(value)):
                valid = at
                break
    if not stands:
        prepared.standing = (version, count)
    if prepared.tame and steps is not None:
        for at in range(valid):
            if not stepper.tame(first + at):
                return at
    return valid


def rates(prepared: Prepared, stepper: Stepper, count: int, version: int) -> NDArray[np.float64]:
    """Return the learning rate of each of the steps that were taken last."""
    if prepared.rate[0] != version:
        prepared.rate = version, _rate_column(prepared, stepper)
    column = prepared.rate[1]
    if column is None:
        return np.full(count, np.nan)
    return np.array(prepared.schedule[:count, column])


def _rate_column(prepared: Prepared, stepper: Stepper) -> int | None:
    chosen = stepper.rate_setting()
    for column, setting in enumerate(prepared.recording.schedule):
        if setting is chosen or (chosen is not None and setting == chosen):
            return column
    return None


def _may_stand(knob: Hyperparameter, value: float) -> bool:
    try:
        knob.check(value, "")
    except (TypeError, ValueError):
        return False
    return True


def _before_the_error(setting: Setting, steps: NDArray[np.int64]) -> int:
    for at in range(len(steps)):
        try:
            setting.course(steps[at : at + 1])
        except Exception:
            return at
    return len(steps)
