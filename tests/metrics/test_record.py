"""Metrics over several batches: exact by examples, whatever the sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train import metrics


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_accuracy_over_unequal_batches_is_the_accuracy_of_all(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.random((sum(sizes), 3)), rng.integers(0, 3, sum(sizes))
    accumulator = metrics.Accumulator(metrics.accuracy)
    for rows in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        accumulator.add(scores[rows], labels[rows])
    assert accumulator.value() == metrics.accuracy(scores, labels)
    assert accumulator.count == sum(sizes)


def test_a_function_of_ones_own_is_averaged_over_examples() -> None:
    def error(predictions: Any, targets: Any) -> Any:
        return np.abs(predictions - targets).mean()

    accumulator = metrics.Accumulator(error)
    p, t = np.arange(7.0), np.zeros(7)
    accumulator.add(p[:5], t[:5])
    accumulator.add(p[5:], t[5:])
    assert accumulator.value() == pytest.approx(3.0)
    assert accumulator.metric.name == "error"
    assert accumulator.metric.higher_is_better is None


def test_a_function_may_say_which_way_is_up() -> None:
    def score(predictions: Any, targets: Any) -> float:
        return 1.0

    score.higher_is_better = True  # type: ignore[attr-defined]
    assert metrics.as_metric(score, "here").higher_is_better is True
    assert metrics.as_metric(metrics.accuracy, "here") is metrics.accuracy


def test_statistics_need_not_be_sums() -> None:
    @metrics.metric(
        lambda p, t: np.array([np.abs(p - t).max()]),
        lambda s: float(s[0]),
        higher_is_better=False,
        combine=np.maximum,
    )
    def worst(predictions: Any, targets: Any) -> float:
        """Return the largest distance."""
        return 0.0

    accumulator = metrics.Accumulator(worst)
    accumulator.add(np.array([1.0, 5.0]), np.zeros(2))
    accumulator.add(np.array([2.0]), np.zeros(1))
    assert accumulator.value() == 5.0
    accumulator.reset()
    accumulator.add(np.array([2.0]), np.zeros(1))
    assert (accumulator.value(), accumulator.count) == (2.0, 1)


def test_nothing_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^evaluate: accuracy needs an example; got none\. The d"):
        metrics.Accumulator(metrics.accuracy, "evaluate").value()


def test_a_refused_batch_changes_nothing() -> None:
    accumulator = metrics.Accumulator(metrics.accuracy)
    accumulator.add([[1.0, 0.0]], [0])
    with pytest.raises(ValueError, match="labels of 2 classes"):
        accumulator.add([[1.0, 0.0]], [7])
    assert (accumulator.value(), accumulator.count) == (1.0, 1)


@pytest.mark.parametrize(
    ("f", "targets", "error", "message"),
    [
        ("accuracy", [0], TypeError, r"a metric must be a function; got 'accuracy'\. Give for"),
        (lambda p, t: "good", [0], TypeError, r"what the metric <lambda> returns must be a real"),
        (lambda p, t: np.nan, [0], ValueError, r"what the metric <lambda> returns .*got nan"),
        (lambda p, t: 1.0, 3, ValueError, r"targets have one row per example; got 3"),
    ],
)
def test_refuses_bad_metrics(f: Any, targets: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^evaluate: {message}"):
        metrics.Accumulator(f, "evaluate").add([1.0], targets)
