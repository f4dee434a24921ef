"""Metrics against scikit-learn: random data, unequal batches, absent classes, one class."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as peer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from interactive_train import metrics

seeds = st.integers(0, 2**32 - 1)
AVERAGES = ("macro", "micro", "weighted")


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def multiclass(seed: int, n: int, classes: int) -> tuple[Any, Any]:
    """Scores and labels; with few examples most classes are absent."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=(n, classes)), 1) + np.arange(classes) * 1e-9
    return scores, rng.integers(0, classes, n)


def binary(seed: int, n: int) -> tuple[Any, Any]:
    """Probabilities with many ties, and zeros and ones of both kinds."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, n)
    targets[:2] = 0, 1
    return np.round(rng.random(n), 1), targets


def batched(metric: metrics.Metric, p: Any, t: Any, seed: int) -> Any:
    """Return a metric over batches of random sizes, the last one another."""
    rng = np.random.default_rng(seed)
    accumulator = metrics.Accumulator(metric)
    cuts = np.unique(rng.integers(1, max(2, len(t)), 5))
    for rows in np.split(np.arange(len(t)), cuts):
        if len(rows):
            accumulator.add(p[rows], t[rows])
    return accumulator.value()


@given(seeds, st.integers(1, 50), st.integers(2, 6), st.sampled_from(AVERAGES))
def test_precision_recall_and_f1_of_classes_agree(
    seed: int, n: int, classes: int, average: str
) -> None:
    scores, labels = multiclass(seed, n, classes)
    p, r, f, _ = peer.precision_recall_fscore_support(
        labels, scores.argmax(1), labels=range(classes), average=average, zero_division=0
    )
    for metric, expected in ((metrics.precision, p), (metrics.recall, r), (metrics.f1, f)):
        assert metric(scores, labels, average=average) == pytest.approx(expected, abs=1e-12)
        chosen = metric.using(average=average)
        assert batched(chosen, scores, labels, seed) == chosen(scores, labels)
        one_hot = np.eye(classes, dtype=int)[labels]
        assert metric(scores, one_hot, average=average) == chosen(scores, labels)


@given(seeds, st.integers(2, 50))
@settings(max_examples=30)
def test_of_probabilities_the_positive_class_counts(seed: int, n: int) -> None:
    p, t = binary(seed, n)
    for metric, name in (
        (metrics.precision, peer.precision_score),
        (metrics.recall, peer.recall_score),
        (metrics.f1, peer.f1_score),
    ):
        expected = name(t, p > 0.5, zero_division=0)
        for predictions in (p, p[:, None]):
            for targets in (t, t[:, None], t.astype(float)):
                assert metric(predictions, targets) == pytest.approx(expected, abs=1e-12)
        assert batched(metric, p, t, seed) == metric(p, t)
        for average in AVERAGES:
            wide = name(t, p > 0.5, labels=[0, 1], average=average, zero_division=0)
            assert metric(p, t, average=average) == pytest.approx(wide, abs=1e-12)


@given(seeds, st.integers(1, 50), st.integers(2, 6))
def test_the_confusion_matrix_agrees(seed: int, n: int, classes: int) -> None:
    scores, labels = multiclass(seed, n, classes)
    expected = peer.confusion_matrix(labels, scores.argmax(1), labels=range(classes))
    np.testing.assert_array_equal(metrics.confusion_matrix(scores, labels), expected)
    np.testing.assert_array_equal(batched(metrics.confusion_matrix, scores, labels, seed), expected)


@given(seeds, st.integers(1, 50), st.integers(3, 8), st.data())
def test_top_k_accuracy_agrees(seed: int, n: int, classes: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, classes - 1))
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(n, classes)), rng.integers(0, classes, n)
    expected = peer.top_k_accuracy_score(labels, scores, k=k, labels=range(classes))
    assert metrics.top_k_accuracy(scores, labels, k=k) == pytest.approx(expected, abs=1e-12)
    chosen = metrics.top_k_accuracy.using(k=k)
    assert batched(chosen, scores, labels, seed) == chosen(scores, labels)
    assert metrics.top_k_accuracy(scores, labels, k=1) == metrics.accuracy(scores, labels)
    assert metrics.top_k_accuracy(scores, labels, k=classes) == 1.0


@given(seeds, st.integers(2, 60))
def test_areas_of_yes_and_no_agree_ties_included(seed: int, n: int) -> None:
    p, t = binary(seed, n)
    for metric, name in (
        (metrics.roc_auc, peer.roc_auc_score),
        (metrics.average_precision, peer.average_precision_score),
    ):
        expected = name(t, p)
        assert metric(p, t) == pytest.approx(expected, abs=1e-12)
        assert metric(p[:, None], t[:, None]) == metric(p, t)
        assert batched(metric, p, t, seed) == pytest.approx(expected, abs=1e-12)
        for average in AVERAGES[::2]:
            assert metric(p, t, average=average) == pytest.approx(metric(p, t))


@given(seeds, st.integers(12, 60), st.integers(3, 5), st.sampled_from(AVERAGES))
def test_areas_of_classes_against_the_rest_agree(
    seed: int, n: int, classes: int, average: str
) -> None:
    scores, labels = multiclass(seed, n, classes)
    labels[:classes] = np.arange(classes)
    one_hot = np.eye(classes)[labels]
    for metric, name in (
        (metrics.roc_auc, peer.roc_auc_score),
        (metrics.average_precision, peer.average_precision_score),
    ):
        expected = name(one_hot, scores, average=average)
        assert metric(scores, labels, average=average) == pytest.approx(expected, abs=1e-12)
        assert batched(metric.using(average=average), scores, labels, seed) == pytest.approx(
            expected, abs=1e-12
        )
    # an absent class, and its column, change nothing but for the scores pooled by micro
    wider = np.concatenate([scores, np.zeros((n, 1))], axis=1)
    if average != "micro":
        for metric in (metrics.roc_auc, metrics.average_precision):
            assert metric(wider, labels, average=average) == pytest.approx(
                metric(scores, labels, average=average)
            )


@given(seeds, st.integers(2, 40), st.integers(0, 3), st.sampled_from([0.0, 1e8]))
def test_r2_agrees_also_far_from_zero(seed: int, n: int, outputs: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (n, outputs) if outputs else (n,)
    t = rng.normal(size=shape) + offset
    p = t + rng.normal(size=shape) * 0.5
    expected = peer.r2_score(t, p)
    assert metrics.r2(p, t) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    # sums of squares around 1e16 would leave no digit
    assert batched(metrics.r2, p, t, seed) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_r2_of_constant_targets_is_one_or_zero() -> None:
    t = np.full(4, 3.0)
    for p in (t, t + 1):
        assert metrics.r2(p, t) == peer.r2_score(t, p)
    mixed = np.stack([t, np.arange(4.0)], axis=1)
    assert metrics.r2(mixed + 1, mixed) == peer.r2_score(mixed, mixed + 1)


@given(seeds, st.integers(2, 80), st.integers(1, 20))
def test_the_calibration_error_agrees_with_the_calibration_curve(
    seed: int, n: int, bins: int
) -> None:
    rng = np.random.default_rng(seed)
    p, t = np.append(rng.random(n), [0.0, 1.0]), rng.integers(0, 2, n + 2)
    right, said = calibration_curve(t, p, n_bins=bins, pos_label=1)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    counts = np.bincount(place, minlength=bins)
    expected = (np.abs(right - said) * counts[counts > 0]).sum() / len(p)
    chosen = metrics.calibration_error.using(bins=bins)
    assert chosen(p, t) == pytest.approx(expected, abs=1e-12)
    assert batched(chosen, p, t, seed) == pytest.approx(expected, abs=1e-12)


@given(seeds, st.integers(1, 40), st.integers(2, 5))
def test_of_classes_the_calibration_is_that_of_the_highest(seed: int, n: int, classes: int) -> None:
    scores, labels = multiclass(seed, n, classes)
    p = softmax(scores)
    right = (p.argmax(1) == labels).astype(int)
    assert metrics.calibration_error(p, labels) == metrics.calibration_error(p.max(1), right)


@given(seeds, st.integers(1, 40), st.integers(1, 3), st.floats(0, 1))
@settings(max_examples=40)
def test_binary_accuracy_agrees_in_any_shape(
    seed: int, n: int, answers: int, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    p, t = rng.random((n, answers)), rng.integers(0, 2, (n, answers))
    expected = peer.accuracy_score(t.ravel(), p.ravel() > threshold)
    got = metrics.binary_accuracy(p, t, threshold=threshold)
    assert got == pytest.approx(expected, abs=1e-12)
    assert batched(metrics.binary_accuracy, p, t, seed) == metrics.binary_accuracy(p, t)


def test_a_single_class_and_a_single_example_are_numbers_where_there_is_one() -> None:
    scores, labels = np.eye(3)[[0, 0, 0]], np.array([0, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = peer.f1_score(labels, [0, 0, 0], labels=range(3), average="macro")
    assert metrics.f1(scores, labels) == expected == 1 / 3
    assert metrics.f1(scores, labels, average="weighted") == 1.0
    assert metrics.f1(scores[:1], labels[:1], average="micro") == 1.0
    assert metrics.average_precision(scores, labels) == 1.0
    for p, t in (([0.2, 0.4], [1, 1]), ([0.2], [1])):
        assert metrics.average_precision(p, t) == 1.0
        with pytest.raises(ValueError, match=r"roc_auc: needs examples of label 1 and of label 0"):
            metrics.roc_auc(p, t)


def test_the_numbers_of_the_guide() -> None:
    scores, labels = np.eye(3)[[0, 1, 0, 2, 1, 0]], np.array([0, 1, 1, 2, 0, 0])
    for metric in (metrics.precision, metrics.recall, metrics.f1):
        assert metric(scores, labels, average="macro") == pytest.approx(13 / 18)
        assert metric(scores, labels, average="micro") == pytest.approx(4 / 6)
        assert metric(scores, labels, average="weighted") == pytest.approx(4 / 6)
