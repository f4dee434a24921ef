"""accuracy against scikit-learn, in every shape it takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from interactive_train import metrics

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 40), st.integers(2, 12))
def test_several_classes_agree_with_scikit_learn(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)).astype(np.float32)
    labels = rng.integers(0, classes, n)
    expected = accuracy_score(labels, scores.argmax(1))
    assert metrics.accuracy(scores, labels) == expected
    assert metrics.accuracy(scores, np.eye(classes)[labels]) == expected
    assert metrics.accuracy(scores.tolist(), labels.astype(np.uint8)) == expected


@given(seeds, st.integers(1, 40))
def test_one_number_each_agrees_with_scikit_learn_in_any_column_shape(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p, targets = rng.random(n), rng.integers(0, 2, n)
    expected = accuracy_score(targets, p > 0.5)
    for predictions in (p, p[:, None]):
        for labels in (targets, targets[:, None], targets.astype(np.float32), targets == 1):
            assert metrics.accuracy(predictions, labels) == expected


def test_a_column_is_never_broadcast_against_a_row_nor_always_class_zero() -> None:
    assert metrics.accuracy(np.array([[0.9], [0.1], [0.8]]), np.array([1, 0, 1])) == 1.0
    assert metrics.accuracy(np.array([0.9, 0.1, 0.8]), np.array([[1], [0], [0]])) == 2 / 3


def test_sequences_count_every_position() -> None:
    scores = np.eye(3)[np.array([[0, 1, 2], [2, 2, 2]])]
    assert metrics.accuracy(scores, np.array([[0, 1, 0], [2, 2, 1]])) == 4 / 6
    assert metrics.accuracy(np.full((2, 3, 1), 0.9), np.ones((2, 3))) == 1.0


def test_a_half_is_negative_and_of_equal_scores_the_first_counts() -> None:
    assert metrics.accuracy([0.5], [0]) == 1.0
    assert metrics.accuracy([[1.0, 1.0]], [0]) == 1.0


def test_infinite_scores_are_scores() -> None:
    assert metrics.accuracy([[-np.inf, 0.0], [np.inf, 0.0]], [1, 0]) == 1.0


def test_logits_are_compared_with_zero_by_whoever_has_them() -> None:
    logits = np.array([0.2, -3.0])
    assert metrics.accuracy(logits > 0, [1, 0]) == 1.0


def test_anything_that_converts_to_an_array_serves() -> None:
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.eye(3)

    result = metrics.accuracy(Tensor(), [0, 1, 0])
    assert type(result) is float
    assert result == 2 / 3


def test_it_says_which_way_is_up_and_what_it_is() -> None:
    assert metrics.accuracy.higher_is_better is True
    assert metrics.accuracy.name == "accuracy"
    assert repr(metrics.accuracy) == "metrics.accuracy"
    assert (metrics.accuracy.__doc__ or "").startswith("Return the share")


TWO = np.array([[0.1, 0.9], [0.8, 0.2]])
BAD: list[tuple[Any, Any, type[Exception], str]] = [
    ([], [], ValueError, r"predictions must have an example; got an empty array"),
    (
        TWO[:0],
        [],
        ValueError,
        r"predictions must have an example; got an empty array, shape \(0, 2",
    ),
    (TWO, [], ValueError, r"targets must have an example; got an empty array, shape \(0,\)"),
    (0.5, 1, ValueError, r"predictions must have an example; got 0\.5, shape \(\)"),
    (TWO, [0, 1, 1], ValueError, r"labels of shape \(2,\) or one-hot rows .* got shape \(3,\)"),
    (TWO, [[0], [1]], ValueError, r"got shape \(2, 1\)\. Reshape the targets; nothing is broadcas"),
    (TWO, [0, 2], ValueError, r"labels of 2 classes are 0 \.\. 1; got 2 at index \(1,\)\. Number"),
    (TWO, [-1, 0], ValueError, r"labels of 2 classes are 0 \.\. 1; got -1 at index \(0,\)"),
    (TWO, [0.0, 1.0], TypeError, r"labels must be integers; got dtype float64.*astype\(int\)"),
    (TWO, [[1, 1], [0, 1]], ValueError, r"are one-hot: .*got \[1, 1\] at index \(0,\)"),
    (TWO, [[0.5, 0.5], [0, 1]], ValueError, r"are one-hot: .*got \[0\.5, 0\.5\] at index \(0,\)"),
    ([0.2, 0.8], [0, 2], ValueError, r"are 0 or 1; got 2 at index \(1,\)\. For labels of several"),
    ([0.2, 0.8], [0, 0.5], ValueError, r"are 0 or 1; got 0\.5 at index \(1,\)"),
    ([0.2, 0.8], [0], ValueError, r"zeros and ones of shape \(2,\) or \(2, 1\); got shape \(1,\)"),
    ([[0.2], [0.8]], [[0, 1]], ValueError, r"got shape \(1, 2\)\. Reshape the targets"),
    (
        TWO * np.nan,
        [0, 1],
        ValueError,
        r"predictions must not hold NaN; got 4 of 4, .*\(0, 0\)\. S",
    ),
    ([0.1, 0.2], [np.nan, 1], ValueError, r"targets must not hold NaN; got 1 of 2, .*index \(0,\)"),
    (["a", "b"], [0, 1], TypeError, r"predictions must be an array of numbers; got \['a', 'b'\]"),
    (TWO, ["cat", "dog"], TypeError, r"targets must be an array of numbers; got \['cat', 'dog'\]"),
    (TWO * 1j, [0, 1], TypeError, r"predictions must be an array of numbers; got an array of sha"),
    (None, [0, 1], TypeError, r"predictions must be an array of numbers; got None"),
    ([[1], [1, 2]], [0, 1], ValueError, r"predictions must be an array; got"),
]


@pytest.mark.parametrize(("predictions", "targets", "error", "message"), BAD)
def test_refuses_bad_input(
    predictions: Any, targets: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^metrics\.accuracy: .*{message}"):
        metrics.accuracy(predictions, targets)
