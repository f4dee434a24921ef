"""throttle, patience, early_stopping and plateau as plain functions, with a clock of our own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import callbacks
from tests.training.common import line

NAN, INF = math.nan, math.inf
STOP: Any = callbacks.early_stopping
FLAT: Any = callbacks.plateau
SELDOM: Any = callbacks.throttle
WAIT: Any = callbacks.patience


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {0: 0, 11: 11, 22: 22}),
        ({"leading": False}, {11: 11, 22: 22}),
        ({"trailing": True}, {0: 0, 11: 10, 22: 21}),
        ({"leading": False, "trailing": True}, {11: 10, 22: 21}),
    ],
    ids=str,
)
def test_throttle_calls_once_per_timeout(options: Any, expected: dict[int, int]) -> None:
    now = 0.0
    told: dict[int, int] = {}

    def f(x: int, *, factor: int) -> int:
        told[int(now)] = x
        return x * factor

    tell = callbacks.throttle(f, 10.5, clock=lambda: now, **options)
    answers = []
    for moment in range(30):
        now = float(moment)
        answers.append(tell(moment, factor=2))
    assert told == expected
    last = None
    for moment, answer in enumerate(answers):
        last = 2 * told[moment] if moment in told else last
        assert answer == last


def test_a_trailing_throttle_makes_up_for_the_last_call_even_of_two_seldom_ones() -> None:
    now, told = 0.0, list[Any]()
    tell = callbacks.throttle(told.append, 10, trailing=True, clock=lambda: now)
    for moment, x in ((0, "a"), (1, "b"), (2, "c"), (50, "d"), (51, "e"), (70, "f")):
        now = float(moment)
        tell(x)
    assert told == ["a", "c", "e"]


def test_a_throttled_call_that_fails_waits_for_the_next_pause_as_well() -> None:
    now = 0.0
    tell = callbacks.throttle(lambda x: 1 / x, 10, clock=lambda: now)
    with pytest.raises(ZeroDivisionError):
        tell(0)
    assert tell(1) is None
    now = 10.0
    assert tell(2) == 0.5


def test_a_throttled_report_is_told_what_its_function_declares() -> None:
    trainer, data = line()
    now, told = 0.0, list[Any]()

    def report(step: int, loss: float) -> None:
        told.append(step)

    def tick(step: int) -> None:
        nonlocal now
        now = float(step)

    tell = callbacks.throttle(report, 4, clock=lambda: now)
    trainer.fit(trainer.init(), data, batch_size=4, epochs=5, report=[tick, tell], progress=False)
    assert told == [1, 5, 9]


@pytest.mark.parametrize(
    ("wait", "answers", "expected"),
    [
        (1, [1, 0, 1], [True, False, True]),
        (2, [1, 1, 0, 1, 1, 1], [False, True, False, False, True, True]),
        (3, [1, 1, 0, 1], [False] * 4),
    ],
)
def test_patience_counts_in_a_row(wait: int, answers: list[int], expected: list[bool]) -> None:
    trigger = callbacks.patience(lambda x, *, ok=True: x and ok, wait)
    assert [trigger(x) for x in answers] == expected
    assert not trigger(1, ok=False)


@pytest.mark.parametrize(
    ("options", "scores", "stops_at"),
    [
        ({}, [1.0, 1.0, 1.0], 3),  # constant
        ({}, [3.0, 2.0, 1.0, 0.0], None),
        ({}, [1.0, 2.0, 0.5, 2.0, 2.0], 5),
        ({}, [1.0, NAN, 0.5, NAN, NAN], 5),
        ({}, [NAN, NAN, 1.0], 2),
        ({}, [INF, INF, INF], 3),
        ({}, [INF, 1.0, -INF, -INF, -INF], 5),
        ({"min_delta": 0.5}, [3.0, 2.6, 2.5, 2.4], 3),  # 0.5 is not more than 0.5
        ({"min_delta": 0.5}, [3.0, 2.6, 2.4, 2.0, 1.9], 5),
        ({"mode": "max"}, [1.0, 2.0, 3.0, 3.0, 3.0], 5),
        ({"mode": "max", "min_delta": 1.0}, [1.0, 2.5, 3.0, 3.5], 4),
        ({"patience": 1}, [1.0, 1.0], 2),
    ],
)
def test_early_stopping_waits_for_an_improvement(
    options: dict[str, Any], scores: list[float], stops_at: int | None
) -> None:
    stop = callbacks.early_stopping(lambda x: x, **({"patience": 2} | options))
    found = next((i for i, x in enumerate(scores, 1) if stop(x)), None)
    assert found == stops_at


@pytest.mark.parametrize(
    ("scores", "min_dist", "stops_at"),
    [
        ([3.0, 2.0, 2.0, 2.0], 1e-6, 4),
        ([3.0, 2.0, 1.0, 0.0], 1e-6, None),
        ([1.0, 1.0, 2.0, 2.0, 2.0], 1e-6, 5),
        ([1.0, 1.5, 2.0, 2.4, 2.8], 0.5, 5),  # a move of 0.5 is one
        ([1.0, 1.0, 1.0], 0.0, 3),
        ([NAN, NAN, NAN, NAN], 1.0, None),
        ([INF, INF, INF], 1e-6, 3),
    ],
)
def test_plateau_waits_for_a_move(
    scores: list[float], min_dist: float, stops_at: int | None
) -> None:
    flat = callbacks.plateau(lambda x: x, 2, min_dist=min_dist)
    assert next((i for i, x in enumerate(scores, 1) if flat(x)), None) == stops_at


@pytest.mark.parametrize(
    ("make", "last"),
    [
        (lambda: callbacks.patience(lambda loss: True, 3), 3),
        (lambda: callbacks.plateau(lambda loss: 0.0, 3), 4),
        (lambda: callbacks.early_stopping(lambda loss: 1.0, 3), 4),
        (lambda: callbacks.early_stopping(lambda *, step, metrics: step * 1.0, 3), 4),
        (lambda: callbacks.throttle(callbacks.patience(lambda step: True, 3), 0), 3),
        (lambda: lambda step: True, 20),  # a function of one's own says "stop"
    ],
)
def test_a_trigger_as_a_report_ends_the_fit(make: Any, last: int) -> None:
    trainer, data = line()
    state = trainer.fit(
        trainer.init(), data, batch_size=4, epochs=10, report=make(), progress=False
    )
    assert state.step == last


@pytest.mark.parametrize("score", [None, "low", [1.0, 2.0], np.ones(3)])
@pytest.mark.parametrize("kind", ["early_stopping", "plateau"])
def test_a_score_that_is_no_number_is_refused(kind: str, score: Any) -> None:
    trigger = getattr(callbacks, kind)(lambda: score, 2)
    with pytest.raises(TypeError, match=rf"callbacks.{kind}: a score is one number; got"):
        trigger()


def test_a_score_may_be_a_tensor() -> None:
    stop = STOP(lambda x: it.Tensor.wrap(np.array(x)), 1)
    assert [stop(x) for x in (1.0, 1.0)] == [False, True]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SELDOM(3, 1), TypeError, "throttle: the first argument must be a fun"),
        (lambda: SELDOM(len, "1"), TypeError, "throttle: timeout must be .* got '1'"),
        (lambda: SELDOM(len, -1), ValueError, r"timeout .* \[0, inf\); got -1"),
        (lambda: SELDOM(len, NAN), ValueError, "timeout .* got nan"),
        (lambda: SELDOM(len, 1, leading=1), TypeError, "leading must be True or False"),
        (lambda: SELDOM(len, 1, trailing="no"), TypeError, "trailing must be True or"),
        (lambda: SELDOM(len, 1, clock=0), TypeError, "clock must be a function; got 0"),
        (
            lambda: WAIT(None, 2),
            TypeError,
            "patience: the first argument .* got None",
        ),
        (lambda: WAIT(len, 0), ValueError, "patience: wait .* at least 1; got 0"),
        (lambda: WAIT(len, 1.5), TypeError, "patience: wait .* got 1.5"),
        (lambda: WAIT(len, True), TypeError, "patience: wait .* got True"),
        (
            lambda: STOP(3),
            TypeError,
            'early_stopping: monitor must be a function; got 3. Give "val',
        ),
        (lambda: STOP("loss", 0), ValueError, "early_stopping: patience .* at least 1; got 0"),
        (lambda: STOP("loss", "5"), TypeError, "early_stopping: patience .* got '5'"),
        (lambda: STOP(len, min_delta=-1), ValueError, "early_stopping: min_delta .* got -1"),
        (lambda: STOP(len, min_delta=None), TypeError, "early_stopping: min_delta .* got None"),
        (lambda: STOP(len, mode="less"), ValueError, 'mode is "min" or "max"; got \'less\''),
        (lambda: STOP(len, mode=[]), ValueError, r'mode is "min" or "max"; got \[\]'),
        (lambda: STOP(len, restore_best=1), TypeError, "restore_best must be True or False; got 1"),
        (lambda: FLAT("loss", 2), TypeError, "plateau: the first argument .* got 'loss'"),
        (lambda: FLAT(len, 0), ValueError, "plateau: width .* at least 1; got 0"),
        (lambda: FLAT(len, 2, min_dist=-1), ValueError, "plateau: min_dist .* got -1"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
