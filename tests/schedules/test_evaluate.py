"""Turning arguments into schedules, and asking anybody's schedule with a check."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from interactive_train import schedules


def warmup_then_nothing(step: int) -> Any:
    return 0.1 if step < 5 else None


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5), Decimal("0.5")])
def test_numbers_become_constants(value: Any) -> None:
    assert schedules.as_schedule(value, "here") == schedules.constant(0.5)


def test_schedules_and_functions_pass_as_they_are() -> None:
    decay = schedules.cosine_decay(0.1, 10)
    assert schedules.as_schedule(decay, "here") is decay
    assert schedules.as_schedule(warmup_then_nothing, "here") is warmup_then_nothing


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("fast", TypeError, r"a number or a schedule is due; got 'fast'\. Give 0\.1"),
        (True, TypeError, "a number or a schedule is due; got True"),
        (None, TypeError, "a number or a schedule is due; got None"),
        ([0.1], TypeError, r"a number or a schedule is due; got \[0\.1\]"),
        (np.ones(2), TypeError, r".* real number; got an array of shape \(2,\)"),
        (float("nan"), ValueError, "the value must be a finite number; got nan"),
        (
            schedules.cosine_decay,
            TypeError,
            r".*got the class cosine_decay\. Call it with its arguments: cosine_decay\(\.\.\.\)",
        ),
    ],
)
def test_as_schedule_refuses_other_things(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^optim\.SGD, lr: {message}"):
        schedules.as_schedule(value, "optim.SGD, lr")


def test_a_function_is_asked_for_one_python_int_after_the_other() -> None:
    kinds = set()

    def own(step: int) -> float:
        kinds.add(type(step))
        return 0.1 if step <= 2 else 0.01  # an array of steps would fail here

    values = schedules.evaluate(own, np.array([[1, 2], [3, 4]]))
    assert values.tolist() == [[0.1, 0.1], [0.01, 0.01]]
    assert kinds == {int}


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), 0.25])
def test_what_a_function_returns_becomes_a_float(value: Any) -> None:
    result = schedules.evaluate(lambda step: value, 3)
    assert type(result) is float
    assert result == 0.25


@pytest.mark.parametrize(
    ("value", "error", "got"),
    [
        (float("nan"), ValueError, "nan"),
        (float("inf"), ValueError, "inf"),
        (None, TypeError, "None"),
        ("0.1", TypeError, "'0.1'"),
        (True, TypeError, "True"),
        (np.ones(1), TypeError, r"an array of shape \(1,\) and dtype float64"),
    ],
)
def test_a_wrong_result_names_the_schedule_and_the_step(
    value: Any, error: type[Exception], got: str
) -> None:
    def my_schedule(step: int) -> Any:
        return 0.1 if step < 7 else value

    message = (
        rf"^optim\.SGD: what the schedule my_schedule returns at step 7 must .*got {got}\. Give"
    )
    with pytest.raises(error, match=message):
        schedules.evaluate(my_schedule, np.arange(1, 10), "optim.SGD")


def test_an_error_inside_a_schedule_says_where_it_came_from() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        schedules.evaluate(lambda step: 1 / (step - 3), np.arange(1, 10), "optim.SGD")
    (note,) = caught.value.__notes__
    assert note.startswith("optim.SGD: while evaluating the schedule")
    assert note.endswith("at step 3")
