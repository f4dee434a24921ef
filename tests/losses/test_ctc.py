"""CTC against the sum over all paths, and against what must not matter to it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interactive_train as it
from interactive_train import losses


def by_all_paths(logits: Any, labels: list[int], blank: int) -> float:
    """Return the loss of one example by its definition: every path, collapsed."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        merged = [c for c, _ in itertools.groupby(path)]
        if [c for c in merged if c != blank] == labels:
            total += float(np.prod(p[np.arange(len(p)), path]))
    return -math.log(total)


@given(
    labels=st.lists(st.integers(0, 1), max_size=3),
    frames=st.integers(1, 5),
    blank=st.integers(0, 2),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_sum_over_all_paths(
    labels: list[int], frames: int, blank: int, seed: int
) -> None:
    labels = [c if c < blank else c + 1 for c in labels]
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    if frames < len(labels) + repeats:
        return
    logits = np.random.default_rng(seed).normal(size=(frames, 3))
    got = losses.ctc(logits[None], np.array([labels], int).reshape(1, -1), blank=blank)
    np.testing.assert_allclose(got, by_all_paths(logits, labels, blank), rtol=1e-10)


def test_what_lies_behind_the_lengths_changes_nothing_and_gets_no_gradient() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(2, 6, 4)), np.array([[1, 2, 3], [2, -1, -1]])

    def loss(x: Any, padding: int) -> Any:
        padded = np.where(labels == -1, padding, labels)
        return losses.ctc(
            x, padded, logit_lengths=[6, 4], label_lengths=[3, 1], reduction="none"
        ).sum()

    alone = losses.ctc(logits[:1], labels[:1]) + losses.ctc(logits[1:, :4], labels[1:, :1])
    for padding in (-1, 0, 99):
        value, gradient = it.value_and_grad(loss)(logits, padding)
        np.testing.assert_allclose(float(value), alone)
        np.testing.assert_array_equal(gradient.numpy()[1, 4:], 0)


def test_an_example_with_no_label_is_blank_throughout() -> None:
    logits = np.random.default_rng(2).normal(size=(1, 3, 2))
    expected = losses.cross_entropy_sparse(logits, np.zeros((1, 3), int), reduction="sum")
    for labels in (np.empty((1, 0), int), np.array([[-1, -1]])):
        np.testing.assert_allclose(losses.ctc(logits, labels), expected)


def test_long_sequences_of_float32_stay_near_float64() -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(2, 150, 8)) * 5, rng.integers(1, 8, (2, 40))
    exact, slope = it.value_and_grad(lambda x: losses.ctc(x, labels))(logits)
    near, tilt = it.value_and_grad(lambda x: losses.ctc(x, labels))(logits.astype(np.float32))
    np.testing.assert_allclose(float(near), float(exact), rtol=1e-5)
    np.testing.assert_allclose(tilt.numpy(), slope.numpy(), atol=2e-4)


X = np.zeros((2, 3, 4))
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"logits": X[0]}, ValueError, r"logits are \(examples, frames, classes\) .*got logits \(3, 4"),
    ({"labels": np.array([1, 2])}, ValueError, r"labels \(2,\)\. Examples come first; pad"),
    ({"labels": np.ones((3, 1), int)}, ValueError, r"logits \(2, 3, 4\) and labels \(3, 1\)"),
    ({"labels": np.ones((2, 1))}, TypeError, r"labels are integers; got float64"),
    ({"logits": X[:, :0]}, ValueError, r"needs an example with a frame; got shape \(2, 0, 4\)"),
    ({"logits": X[..., :1]}, ValueError, r"is the classes, 2 or more; got shape \(2, 3, 1\)"),
    ({"blank": 4}, ValueError, r"blank is a class, 0 \.\.\. 3; got 4"),
    ({"blank": -1}, ValueError, r"blank must be an integer of at least 0; got -1"),
    (
        {"labels": np.array([[1], [4]])},
        ValueError,
        r"are 0 \.\.\. 3 but the blank, 0; got 4 at .*1,",
    ),
    ({"labels": np.array([[1], [0]])}, ValueError, r"but the blank, 0; got 0 at index \(1, 0\)"),
    ({"labels": np.array([[1], [-2]])}, ValueError, r"got -2 at index \(1, 0\)\. Pad behind"),
    (
        {"labels": np.array([[1, 2], [3, 3]]), "logit_lengths": [3, 2]},
        ValueError,
        r"got 2 frames for 2 labels with 1 repeats in example 1\. Leave it out",
    ),
    (
        {"logit_lengths": [3, 4]},
        ValueError,
        r"logit_lengths has .* 2 examples, 0 \.\.\. 3; got \[3, 4",
    ),
    ({"logit_lengths": [3]}, ValueError, r"logit_lengths has one number for each of 2 examples"),
    ({"logit_lengths": [3, 0]}, ValueError, r"got 0 frames for 1 labels"),
    ({"label_lengths": [2, 1]}, ValueError, r"label_lengths has .* 0 \.\.\. 1; got \[2, 1\]"),
    ({"label_lengths": [1.0, 1.0]}, TypeError, r"label_lengths are integers; got dtype float64"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_refuses_bad_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given_: dict[str, Any] = {"logits": X, "labels": np.array([[1], [2]])} | change
    with pytest.raises(error, match=rf"^losses\.ctc: .*{message}"):
        losses.ctc(given_.pop("logits"), given_.pop("labels"), **given_)
