"""Metrics with options, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interactive_train as it
from interactive_train import metrics

SCORES, LABELS = np.eye(3)[[0, 1, 0, 2]], np.array([0, 1, 1, 2])
P, T = np.array([0.9, 0.2, 0.6]), np.array([1, 0, 0])
ALL = [getattr(metrics, name) for name in metrics.__all__]
METRICS = [found for found in ALL if isinstance(found, metrics.Metric)]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_each_says_what_it_is(metric: metrics.Metric) -> None:
    assert getattr(metrics, metric.name) is metric
    assert repr(metric) == f"metrics.{metric.name}"
    assert (metric.__doc__ or "").startswith("Return ")
    best = {"calibration_error": False, "confusion_matrix": None}
    assert metric.higher_is_better is best.get(metric.name, True)


def test_options_make_another_metric_whose_name_says_so() -> None:
    chosen = metrics.f1.using(average="weighted")
    assert chosen.name == "f1(average=weighted)"
    assert repr(chosen) == "metrics.f1.using(average='weighted')"
    assert chosen.higher_is_better is True
    assert chosen(SCORES, LABELS) == metrics.f1(SCORES, LABELS, average="weighted")
    assert chosen.using(average="micro").name == "f1(average=micro)"
    assert chosen(SCORES, LABELS, average="micro") == 0.75
    assert metrics.f1.name == "f1"


def test_a_partial_metric_is_one_with_options_and_exact_over_batches() -> None:
    accumulator = metrics.Accumulator(partial(metrics.f1, average="macro"))
    accumulator.add(SCORES[:3], LABELS[:3])
    accumulator.add(SCORES[3:], LABELS[3:])
    assert accumulator.value() == metrics.f1(SCORES, LABELS, average="macro")
    assert accumulator.metric.name == "f1(average=macro)"


def test_many_batches_are_joined_in_their_order() -> None:
    seen = metrics.metric(
        lambda p, t: np.asarray(t),
        np.copy,
        higher_is_better=None,
        combine=lambda a, b: np.append(a, b),
    )(lambda predictions, targets: None)
    for n in (1, 2, 3, 7, 8, 31):
        accumulator = metrics.Accumulator(seen)
        for i in range(n):
            accumulator.add([0], [i])
        assert accumulator.value().tolist() == list(range(n))
        assert accumulator.value().tolist() == list(range(n))
        assert accumulator.count == n


def test_what_a_metric_returns_changes_nothing_in_it() -> None:
    accumulator = metrics.Accumulator(metrics.confusion_matrix)
    accumulator.add(SCORES, LABELS)
    accumulator.value()[:] = 99
    assert accumulator.value().sum() == 4


def test_tensors_serve() -> None:
    assert metrics.f1(it.Tensor(SCORES), it.Tensor(LABELS)) == metrics.f1(SCORES, LABELS)
    accumulator = metrics.Accumulator(metrics.recall)
    accumulator.add(it.Tensor(SCORES), it.Tensor(LABELS))
    assert accumulator.count == 4


def test_sequences_count_every_position() -> None:
    scores, labels = SCORES.reshape(2, 2, 3), LABELS.reshape(2, 2)
    for metric in (metrics.f1, metrics.roc_auc, metrics.top_k_accuracy.using(k=2)):
        assert metric(scores, labels) == metric(SCORES, LABELS)


def test_single_precision_is_compared_in_its_own_type() -> None:
    p = np.array([0.1, 0.3], np.float32)
    assert metrics.binary_accuracy(p, [0, 1], threshold=0.1) == 1.0
    assert metrics.binary_accuracy(np.array([0, 1]), [0, 1]) == 1.0
    assert metrics.binary_accuracy(np.array([False, True]), [0, 1]) == 1.0


BAD: list[tuple[str, type[Exception], str]] = [
    ("f1(SCORES, LABELS, average='mean')", ValueError, r"average is \"auto\" or .*; got 'mean'"),
    ("f1(SCORES, LABELS, average='marco')", ValueError, r"got 'marco'\. Did you mean \"macro\"\?"),
    ("f1(SCORES, LABELS, average=None)", ValueError, r"got None\. Give \"auto\"\."),
    ("f1(SCORES, LABELS, avg='macro')", TypeError, r"has the options average; got 'avg'"),
    ("accuracy(SCORES, LABELS, k=2)", TypeError, r"accuracy: has no options; got 'k'"),
    ("precision(SCORES, [0, 1, 2])", ValueError, r"precision: for predictions of shape \(4, 3\)"),
    (
        "recall(SCORES, [0, 1, 3, 0])",
        ValueError,
        r"recall: labels of 3 classes are 0 \.\. 2; got 3",
    ),
    ("f1([], [])", ValueError, r"f1: predictions must have an example; got an empty array"),
    ("f1(SCORES * np.nan, LABELS)", ValueError, r"f1: predictions must not hold NaN"),
    ("f1(P, [0, 1, 2])", ValueError, r"are 0 or 1; got 2 at index \(2,\)"),
    ("confusion_matrix(SCORES, LABELS / 2)", TypeError, r"confusion_matrix: labels must be integ"),
    (
        "binary_accuracy(SCORES, LABELS)",
        ValueError,
        r"have the targets' shape; got \(4, 3\) and \(4,",
    ),
    ("binary_accuracy(P, [0, 1, 0.5])", ValueError, r"are 0 or 1; got 0\.5 at index \(2,\)"),
    ("binary_accuracy(P, T, threshold='a')", TypeError, r"threshold must be a real number"),
    ("top_k_accuracy(SCORES, LABELS)", ValueError, r"k is at most .*; got k=5 for 3 classes"),
    (
        "top_k_accuracy(SCORES, LABELS, k=0)",
        ValueError,
        r"k must be an integer of at least 1; got 0",
    ),
    ("top_k_accuracy(P, T, k=1)", ValueError, r"scores of several classes, .*; got shape \(3,\)"),
    ("roc_auc(P, [0, 0, 0])", ValueError, r"label 1 and of label 0; got 3 examples, 0 of label 1"),
    ("roc_auc(SCORES, [1, 1, 1, 1])", ValueError, r"roc_auc: needs .*got 4 examples of one class"),
    (
        "roc_auc(P, T, average='auto')",
        ValueError,
        r"average is \"macro\" or \"micro\" or \"weighted\"",
    ),
    (
        "average_precision(P, [0, 0, 0])",
        ValueError,
        r"needs examples of label 1; got 3 examples, 0",
    ),
    ("r2([1.0, 2.0], [1.0, 2.0, 3.0])", ValueError, r"have one shape; got \(2,\) and \(3,\)"),
    ("r2([[1.0, 2.0]], [1.0, 2.0])", ValueError, r"have one shape; got \(1, 2\) and \(2,\)"),
    ("r2([np.inf, 1.0], [1.0, 2.0])", ValueError, r"are finite; got 1 infinite predictions and 0"),
    ("r2([1.0], [1.0])", ValueError, r"needs two examples, for a variance; got one"),
    (
        "calibration_error([2.0, -1.0], [1, 0])",
        ValueError,
        r"probabilities; .*got values from -1 to 2",
    ),
    (
        "calibration_error(SCORES / 2, LABELS)",
        ValueError,
        r"they add up to 1; got values from 0 to",
    ),
    (
        "calibration_error(P, T, bins=0)",
        ValueError,
        r"bins must be an integer of at least 1; got 0",
    ),
    ("f1.using(k=3)", TypeError, r"f1: has the options average; got 'k'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_input(call: str, error: type[Exception], message: str) -> None:
    names: dict[str, Any] = {"np": np, "SCORES": SCORES, "LABELS": LABELS, "P": P, "T": T}
    with pytest.raises(error, match=message):
        eval(f"metrics.{call}", {**names, "metrics": metrics})


@pytest.mark.parametrize(
    "metric", [metrics.f1, metrics.roc_auc, metrics.confusion_matrix, metrics.r2]
)
def test_batches_of_different_classes_are_refused(metric: metrics.Metric) -> None:
    accumulator = metrics.Accumulator(metric, "evaluate")
    one: Any = (SCORES, SCORES) if metric is metrics.r2 else (SCORES, LABELS)
    other: Any = (
        (SCORES[:, :2], SCORES[:, :2]) if metric is metrics.r2 else (SCORES[:2, :2], [0, 1])
    )
    accumulator.add(*one)
    with pytest.raises(ValueError, match=r"same classes or outputs in every batch; got pred"):
        accumulator.add(*other)
    assert accumulator.count == 4


def test_of_equal_scores_the_first_are_the_highest() -> None:
    even = np.zeros((3, 3))
    assert (
        metrics.top_k_accuracy(even, [0, 1, 2], k=1) == metrics.accuracy(even, [0, 1, 2]) == 1 / 3
    )
    assert metrics.top_k_accuracy(even, [0, 1, 2], k=2) == 2 / 3
    assert metrics.top_k_accuracy(even[:1], [1], k=1) == 0.0
    assert metrics.top_k_accuracy(even[:1], [0], k=1) == 1.0


def test_statistics_that_grow_are_copied_log_n_times_and_not_n_times() -> None:
    copied = 0

    def join(a: Any, b: Any) -> Any:
        nonlocal copied
        copied += len(a) + len(b)
        return np.append(a, b)

    growing = metrics.metric(
        lambda p, t: np.asarray(t), np.copy, higher_is_better=None, combine=join
    )(lambda predictions, targets: None)
    accumulator = metrics.Accumulator(growing)
    for i in range(1000):
        accumulator.add([0], [i])
    accumulator.value()
    assert copied <= 1000 * 11 + 2000  # n log2 n, and the last ones to join


SHAPES = st.sampled_from([(), (0,), (1,), (3,), (3, 1), (1, 3), (3, 2), (3, 4), (2, 3, 4), (0, 4)])
KINDS = st.sampled_from(["score", "labels", "bool", "inf", "nan", "text", "complex", "none"])


def anything(shape: tuple[int, ...], kind: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    made: dict[str, Callable[[], Any]] = {
        "score": lambda: rng.random(shape),
        "labels": lambda: rng.integers(-1, 4, shape),
        "bool": lambda: rng.integers(0, 2, shape).astype(bool),
        "inf": lambda: np.full(shape, np.inf),
        "nan": lambda: np.full(shape, np.nan),
        "text": lambda: np.full(shape, "a"),
        "complex": lambda: np.full(shape, 1j),
        "none": lambda: None,
    }
    return made[kind]()


@given(
    metric=st.sampled_from(METRICS),
    shapes=st.tuples(SHAPES, SHAPES),
    kinds=st.tuples(KINDS, KINDS),
    seed=st.integers(0, 99),
)
@settings(max_examples=400, deadline=None)
def test_whatever_comes_gives_a_number_or_an_error_of_ours(
    metric: metrics.Metric, shapes: Any, kinds: Any, seed: int
) -> None:
    given_ = [anything(s, k, seed) for s, k in zip(shapes, kinds, strict=True)]
    refused, value = "", np.float64(0)
    try:
        value = metric(*given_)
    except (TypeError, ValueError) as error:
        refused = str(error)
    assert np.isfinite(value).all()
    assert not refused or "; got " in refused  # the form of ours
