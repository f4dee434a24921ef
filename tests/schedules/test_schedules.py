"""What every schedule promises, over one list of them, and what each one's formula gives."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train import schedules
from interactive_train.schedules import Schedule

SCHEDULES: list[Schedule] = [
    schedules.constant(0.1),
    schedules.linear(0.3, 0.01, 37),
    schedules.warmup_linear(0.0, 0.3, 37),
    schedules.warmup_cosine(0.0, 0.3, 37),
    schedules.cosine_decay(0.3, 37),
    schedules.cosine_decay(0.3, 37, alpha=0.2),
    schedules.cosine_decay(0.3, 37, end_value=1e-5),
    schedules.exponential_decay(0.3, 0.9, 11),
    schedules.polynomial_decay(0.3, 0.1, 37, power=1.7),
    schedules.warmup_cosine_decay(0.0, 0.3, 0, 37),
    schedules.warmup_cosine_decay(0.0, 0.3, 11, 37, end_value=0.01),
    schedules.warmup_stable_decay(0.0, 0.3, 11, 5, 17),
    schedules.one_cycle(0.3, 37),
    schedules.one_cycle(0.3, 37, pct_start=0.0),
    schedules.inverse_sqrt(0.3, 11),
    schedules.triangular(0.1, 0.3, 9, decay=0.7),
    schedules.cosine_decay_restarts(0.3, 7),
    schedules.cosine_decay_restarts(0.3, 7, t_mul=1.5, m_mul=0.8, alpha=0.1),
    schedules.step_decay(0.3, 0.5, 7),
    schedules.piecewise_constant([3, 17], [0.3, 0.2, 0.1]),
    schedules.piecewise_constant([], [0.3]),
    schedules.join([(5, schedules.warmup_linear(0.0, 0.3, 5)), (9, 0.3), (1, math.sqrt)]),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def test_the_list_names_every_schedule_of_the_package() -> None:
    public = {
        name
        for name in schedules.__all__
        if isinstance(kind := getattr(schedules, name), type) and issubclass(kind, Schedule)
    }
    assert public - {"Schedule"} == {type(schedule).__name__ for schedule in SCHEDULES}


@every_schedule
def test_one_step_gives_the_same_bits_as_an_array_of_steps(schedule: Schedule) -> None:
    steps = np.arange(0, 301)
    together = schedule(steps)
    alone = np.array([schedule(int(step)) for step in steps])
    assert together.dtype == np.float64
    assert together.tobytes() == alone.tobytes()


@given(index=st.integers(0, len(SCHEDULES) - 1), first=st.integers(0, 10**6), n=st.integers(1, 33))
def test_any_chunk_of_steps_gives_the_same_bits(index: int, first: int, n: int) -> None:
    schedule, steps = SCHEDULES[index], np.arange(first, first + n)
    assert schedule(steps).tobytes() == np.array([schedule(int(s)) for s in steps]).tobytes()


@every_schedule
def test_a_step_gives_a_python_float_and_an_array_keeps_its_shape(schedule: Schedule) -> None:
    assert type(schedule(7)) is float
    assert type(schedules.evaluate(schedule, 7)) is float
    assert schedule(np.arange(12, dtype=np.int32).reshape(3, 4)).shape == (3, 4)
    assert schedule(np.arange(0)).shape == (0,)


@every_schedule
def test_the_values_are_finite_far_beyond_the_horizon(schedule: Schedule) -> None:
    assert np.isfinite(schedule(np.array([1, 10**4, 10**7]))).all()


@every_schedule
def test_the_repr_is_the_call_that_makes_it(schedule: Schedule) -> None:
    if "<built-in function sqrt>" in repr(schedule):
        return  # somebody's own function has no such repr
    assert eval(repr(schedule), {"schedules": schedules}) == schedule


@every_schedule
def test_a_schedule_is_a_value(schedule: Schedule) -> None:
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)
    with pytest.raises(AttributeError):
        schedule.value = 3.0  # type: ignore[attr-defined]


@every_schedule
@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (-1, ValueError, "steps count from 1; got -1"),
        (np.array([3, -2]), ValueError, "steps count from 1; got -2"),
        (1.0, TypeError, r"a step is an integer that counts from 1.*got 1\.0.*astype\(int\)"),
        (True, TypeError, "a step is an integer .*got True"),
        ("3", TypeError, "a step is an integer .*got '3'"),
        (None, TypeError, "a step is an integer .*got None"),
        (np.array([0.5]), TypeError, ".*got an array of shape"),
    ],
)
def test_refuses_what_is_no_step(
    schedule: Schedule, step: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^{schedule.where}: {message}"):
        schedule(step)


def test_alpha_is_a_fraction_and_end_value_the_floor_itself() -> None:
    assert schedules.cosine_decay(1e-3, 100, alpha=1e-5)(100) == pytest.approx(1e-8, rel=1e-12)
    assert schedules.cosine_decay(1e-3, 100, end_value=1e-5)(100) == 1e-5
    assert schedules.cosine_decay(1e-3, 100)(10**9) == 0.0


@pytest.mark.parametrize("step", [1, 10, 25, 39])
def test_cosine_decay_is_its_closed_form(step: int) -> None:
    expected = 0.3 * (0.9 * 0.5 * (1 + math.cos(math.pi * step / 40)) + 0.1)
    assert schedules.cosine_decay(0.3, 40, alpha=0.1)(step) == pytest.approx(expected, rel=1e-14)


def test_the_first_step_of_a_warmup_is_one_part_of_the_way() -> None:
    assert schedules.warmup_linear(0.0, 1.0, 10)(1) == 0.1
    assert schedules.warmup_linear(0.2, 1.0, 1)(1) == 1.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(1, 1000), st.integers(0, 10**9))
def test_ends_are_met_exactly(start: float, end: float, length: int, beyond: int) -> None:
    for schedule in (
        schedules.linear(start, end, length),
        schedules.warmup_linear(start, end, length),
        schedules.warmup_cosine(start, end, length),
        schedules.cosine_decay(start, length, end_value=end),
        schedules.polynomial_decay(start, end, length, power=2.0),
    ):
        assert schedule(0) == start
        assert schedule(length) == end
        assert schedule(length + beyond) == end


@given(st.integers(1, 50), st.sampled_from([1.0, 1.1, 1.5, 2.0, 3.0]), st.integers(0, 8))
def test_a_restart_begins_at_the_top_of_its_own_cycle(n: int, t_mul: float, k: int) -> None:
    schedule = schedules.cosine_decay_restarts(1.0, n, t_mul=t_mul, m_mul=0.5)
    begin = n * sum(t_mul**i for i in range(k))
    if float(begin).is_integer():
        assert schedule(int(begin)) == pytest.approx(0.5**k, rel=1e-9)


def test_one_cycle_meets_its_three_corners() -> None:
    schedule = schedules.one_cycle(2.0, 100, div_factor=10, final_div_factor=1000, pct_start=0.25)
    assert schedule(0) == 0.2
    assert schedule(25) == 2.0
    assert schedule(100) == schedule(5000) == 0.002
    assert schedules.one_cycle(2.0, 100, pct_start=0.0)(0) == 2.0


def test_levels_of_a_staircase_last_exactly_their_steps() -> None:
    steps = np.arange(1, 21)
    by_rate = schedules.step_decay(1.0, 0.1, 10)(steps)
    by_list = schedules.piecewise_constant([10], [1.0, 0.1])(steps)
    assert by_rate.tolist() == by_list.tolist() == [1.0] * 10 + [0.1] * 10


def test_join_starts_each_segment_at_its_step_1_and_the_last_goes_on() -> None:
    seen: list[int] = []

    def own(step: int) -> float:
        seen.append(step)
        return float(step)

    schedule = schedules.join([(2, 0.5), (3, own), (1, own)])
    assert schedule(np.arange(1, 10)).tolist() == [0.5, 0.5, 1, 2, 3, 1, 2, 3, 4]
    assert seen == [1, 2, 3, 1, 2, 3, 4]


def test_joins_nest() -> None:
    inner = schedules.join([(2, 1.0), (2, 2.0)])
    assert schedules.join([(3, inner), (9, 5.0)])(np.arange(1, 6)).tolist() == [1, 1, 2, 5, 5]


BAD: list[tuple[str, type[Exception], str]] = [
    ("constant('fast')", TypeError, r"constant: value must be a real number; got 'fast'"),
    ("constant(True)", TypeError, r"constant: value must be a real number; got True"),
    ("constant(None)", TypeError, r"constant: value must be a real number; got None"),
    ("constant(1j)", TypeError, r"constant: value must be a real number; got 1j"),
    ("constant(np.ones(3))", TypeError, r"got an array of shape \(3,\)"),
    ("constant(float('nan'))", ValueError, r"constant: value must be a finite number; got nan"),
    ("constant(10**400)", ValueError, r"constant: value must be a finite number; got inf"),
    ("linear(1.0, 'x', 3)", TypeError, r"linear: end_value must be a real number"),
    ("warmup_linear(0.0, 1.0, 0)", ValueError, r"warmup_steps .* at least 1; got 0\. Give 1"),
    ("warmup_linear(0.0, 1.0, 2.5)", TypeError, r"warmup_steps must be an integer .*got 2\.5"),
    ("warmup_cosine(0.0, np.inf, 3)", ValueError, r"peak_value must be a finite number; got inf"),
    ("cosine_decay(1.0, -5)", ValueError, r"decay_steps must be an integer of at least 1; got -5"),
    ("cosine_decay(1.0, True)", TypeError, r"decay_steps must be an integer .*got True"),
    ("cosine_decay(1.0, 10, alpha=2)", ValueError, r"alpha .* in \[0, 1\]; got 2\.0\. alpha is"),
    (
        "cosine_decay(1.0, 10, alpha=0.1, end_value=0.2)",
        ValueError,
        r"not both; got alpha=0\.1 and end_value=0\.2\. Leave one out\.",
    ),
    ("exponential_decay(1.0, 0.0, 10)", ValueError, r"decay_rate .* in \(0, inf\)"),
    ("polynomial_decay(1.0, 0.0, 10, power=0)", ValueError, r"power .* in \(0, inf\)"),
    ("warmup_cosine_decay(0.0, 1.0, -1, 10)", ValueError, r"warmup_steps .* at least 0; got -1"),
    ("warmup_stable_decay(0.0, 1.0, 1, 1, 0)", ValueError, r"decay_steps .* at least 1; got 0"),
    ("one_cycle(1.0, 10, pct_start=1.0)", ValueError, r"pct_start .* in \[0, 1\); got 1\.0"),
    ("one_cycle(1.0, 10, div_factor=0.5)", ValueError, r"div_factor .* in \[1, inf\)"),
    ("inverse_sqrt(1.0, 0)", ValueError, r"warmup_steps .* at least 1; got 0"),
    ("triangular(0.0, 1.0, 4, decay=1.5)", ValueError, r"decay .* in \(0, 1\]; got 1\.5"),
    ("cosine_decay_restarts(1.0, 4, t_mul=0.5)", ValueError, r"t_mul .*A cycle never gets sho"),
    ("step_decay(1.0, -0.1, 4)", ValueError, r"decay_rate .* in \(0, inf\); got -0\.1"),
    ("piecewise_constant([5, 5], [1, 2, 3])", ValueError, r"boundaries must increase; got \[5, 5"),
    ("piecewise_constant([5], [1])", ValueError, r"one value more .*got 1 boundaries and 1 val"),
    ("piecewise_constant(5, [1])", TypeError, r"boundaries must be a list; got 5"),
    ("piecewise_constant([0], [1, 2])", ValueError, r"boundaries\[0\] must be an integer of at"),
    ("piecewise_constant([3], [1, 'b'])", TypeError, r"values\[1\] must be a real number"),
    ("join([])", ValueError, r"join: there must be a segment; got none"),
    ("join([0.1])", TypeError, r"segments\[0\] must be a pair \(steps, schedule\); got 0\.1"),
    ("join([(0, 0.1)])", ValueError, r"the length of segments\[0\] must be an integer of at leas"),
    ("join([(5, 'fast')])", TypeError, r"join, segments\[0\]: a number or a schedule is due"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_arguments(call: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^schedules\..*{message}"):
        eval(f"schedules.{call}", {"schedules": schedules, "np": np})


def test_warns_nobody_when_it_grows_past_the_largest_float() -> None:
    growing = schedules.exponential_decay(1.0, 10.0, 1)
    assert growing(400) == math.inf
    with pytest.raises(ValueError, match=r"exponential_decay\(.*at step 400.*got inf"):
        schedules.evaluate(growing, np.array([1, 400]))
