"""Using a schedule, whoever wrote it: turn arguments into one, and ask it with a check.

In goes what a user gave for a knob (a number, a schedule, a function); out come
finite float64 values, or an error that names the schedule and the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import name_of, real_number, shown
from interactive_train.runtime.errors import refusal
from interactive_train.schedules.schedule import Schedule, Values, checked_steps
from interactive_train.schedules.simple import constant


def as_schedule(value: object, where: str) -> Callable[[Any], Any]:
    """Return a schedule as it is, and a number as `constant` of it.

    Parameters
    ----------
    value : float or callable
        A finite number, or any callable ``step -> float``.
    where : str
        The call and argument that take it, for the message (``"optim.SGD, lr"``).

    Raises
    ------
    TypeError
        If `value` is neither.
    ValueError
        If it is a number that is not finite.

    Examples
    --------
    >>> as_schedule(0.1, "optim.SGD, lr")
    schedules.constant(0.1)
    >>> as_schedule("fast", "optim.SGD, lr")
    Traceback (most recent call last):
        ...
    TypeError: optim.SGD, lr: a number or a schedule is due; got 'fast'. Give 0.1, or \
for example schedules.cosine_decay(0.1, 1000).
    """
    if isinstance(value, type):
        raise TypeError(
            refusal(
                where,
                "a number or a schedule is due",
                f"the class {value.__name__}",
                f"Call it with its arguments: {value.__name__}(...).",
            )
        )
    if callable(value):
        return value
    if isinstance(value, (bool, np.bool_, str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(
            refusal(
                where,
                "a number or a schedule is due",
                shown(value),
                "Give 0.1, or for example schedules.cosine_decay(0.1, 1000).",
            )
        )
    return constant(real_number(value, "the value", where))


@overload
def evaluate(
    schedule: Callable[[Any], Any], step: int, where: str = "schedules.evaluate"
) -> float: ...
@overload
def evaluate(
    schedule: Callable[[Any], Any],
    step: NDArray[np.integer[Any]],
    where: str = "schedules.evaluate",
) -> Values: ...
def evaluate(
    schedule: Callable[[Any], Any],
    step: int | NDArray[np.integer[Any]],
    where: str = "schedules.evaluate",
) -> float | Values:
    """Return what a schedule says, checked to be finite real numbers.

    A schedule of this package is asked for an array of steps at once, any other
    callable for one step after the other, as a Python int.

    Parameters
    ----------
    schedule : callable
        ``step -> float``.
    step : int or array of int
        Steps, counted from 1.
    where : str
        Who asks, for the message.

    Returns
    -------
    float or ndarray
        A float for one step, a float64 array of the same shape for an array.

    Raises
    ------
    TypeError
        If the schedule returns something else than a number.
    ValueError
        If it returns a number that is not finite.

    Examples
    --------
    >>> evaluate(lambda step: 1 / step, 4)
    0.25
    >>> evaluate(constant(0.1), np.array([1, 2]))
    array([0.1, 0.1])
    """
    steps = checked_steps(step, where)
    flat = steps.ravel()
    if isinstance(schedule, Schedule):
        values = schedule(flat)
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            _value(values[wrong[0]], schedule, int(flat[wrong[0]]), where)
    else:
        values = np.array([_ask(schedule, int(s), where) for s in flat], dtype=np.float64)
    return float(values[0]) if steps.ndim == 0 else values.reshape(steps.shape)


def _ask(schedule: Callable[[Any], Any], step: int, where: str) -> float:
    """Call a user's schedule; its own error comes through with a note that says which and where."""
    try:
        value = schedule(step)
    except Exception as error:
        error.add_note(f"{where}: while evaluating the schedule {name_of(schedule)} at step {step}")
        raise
    return _value(value, schedule, step, where)


def _value(value: object, schedule: Callable[[Any], Any], step: int, where: str) -> float:
    """Return one value of a schedule as a float, or name the schedule that gave it."""
    return real_number(
        value,
        f"what the schedule {name_of(schedule)} returns at step {step}",
        where,
        fix="Give a schedule that is a finite number at every step.",
    )
