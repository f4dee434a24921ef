"""History: rows recorded one by one and many at a time are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.training.records.history import COLUMNS, History


@given(st.lists(st.integers(0, 700), max_size=5), st.booleans(), st.booleans())
def test_extending_equals_appending(counts: list[int], one_epoch: bool, one_rate: bool) -> None:
    rng = np.random.default_rng(0)
    single, bulk = History(), History()
    step = 1
    for chunk, count in enumerate(counts):
        loss, rate, norm = rng.random((3, count))
        epoch = np.full(count, chunk + 1) if one_epoch else rng.integers(1, 9, count)
        rate = np.full(count, 0.1) if one_rate else rate
        for i in range(count):
            single.append(step + i, int(epoch[i]), loss[i], rate[i], norm[i])
        bulk.extend(step, chunk + 1 if one_epoch else epoch, loss, 0.1 if one_rate else rate, norm)
        step += count
    assert len(single) == len(bulk) == step - 1
    for name in COLUMNS:
        assert single.column(name).dtype == bulk.column(name).dtype
        np.testing.assert_array_equal(single.column(name), bulk.column(name))


def test_what_was_handed_out_stays() -> None:
    history = History()
    history.extend(1, 1, np.arange(250.0), 0.1, np.ones(250))
    seen = history.loss
    history.extend(251, 2, -np.ones(1000), 0.1, np.ones(1000))
    np.testing.assert_array_equal(seen, np.arange(250.0))
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1.0
    assert history.last("loss") == -1.0


def test_a_long_course_keeps_its_first_step_and_the_newest_ones_exactly() -> None:
    kept = 1 << 21
    history = History()
    rows = 100_000
    for first in range(1, 10_000_001, rows):
        steps = np.arange(first, first + rows, dtype=np.float64)
        history.extend(first, 1, 1.0 / steps, 0.1, steps)
    assert kept // 2 <= len(history) <= kept
    assert history.thinnings > 3
    step = history.step
    assert (step[0], step[-1]) == (1, 10_000_000)
    assert (np.diff(step[-kept // 4 :]) == 1).all()
    gaps = np.diff(step)
    assert (gaps > 0).all()
    assert (np.diff(np.maximum.accumulate(gaps[::-1])) >= 0).all()
    np.testing.assert_array_equal(history.loss, 1.0 / step)
    columns = history._columns
    assert sum(column.nbytes for column in columns._own.values()) <= 170 << 20


def test_evaluations_are_bounded_too_and_a_course_up_to_a_step_has_its_own() -> None:
    history = History()
    for step in range(1, 70_001):
        history.record(step, {"accuracy": step / 1e5})
    steps, values = history.metrics["accuracy"]
    assert len(steps) < 1 << 16
    assert (steps[0], steps[-1], values[-1]) == (1, 70_000, 0.7)
    assert history.metrics_at(60_001) == {"accuracy": 0.60001}
    history.append(1, 1, 0.5, 0.1, 1.0)
    history.append(2, 1, 0.4, 0.1, 1.0)
    early = history.until(1)
    early.append(2, 1, 0.3, 0.1, 1.0)
    early.record(2, {"accuracy": 0.9})
    assert (list(early.loss), list(history.loss)) == ([0.5, 0.3], [0.5, 0.4])
    assert list(early.metrics["accuracy"][0]) == [1, 2]
    assert early.column("loss", 1)[0] == 0.3


def test_a_column_and_a_metric_are_read_from_any_point_on() -> None:
    history = History()
    history.extend(1, 1, np.array([0.5, 0.4, 0.3]), 0.1, np.ones(3))
    history.record(2, {"validation_loss": 0.7, "confusion": np.eye(2)})
    history.record(3, {"validation_loss": 0.6})
    assert history.metric_names == ("validation_loss",)
    for name, start, expected in (
        ("loss", 1, ([2, 3], [0.4, 0.3])),
        ("validation_loss", 1, ([3], [0.6])),
        ("validation_loss", 5, ([], [])),
    ):
        steps, values = history.series(name, start)
        assert (steps.tolist(), values.tolist()) == expected
    with pytest.raises(KeyError, match="a column"):
        history.series("accuracy")
