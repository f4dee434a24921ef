"""Options of losses: what they mean, and how bad ones are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses

X = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
Y = np.array([0, 2])
ONES = np.ones((2, 3))


def test_one_hot_rows_and_labels_are_one_loss() -> None:
    rows = np.eye(3)[Y]
    for smoothing in (0.0, 0.3):
        np.testing.assert_allclose(
            losses.cross_entropy(X, rows, label_smoothing=smoothing),
            losses.cross_entropy_sparse(X, Y, label_smoothing=smoothing),
        )
    np.testing.assert_allclose(losses.focal(X, rows), losses.focal(X, Y))
    np.testing.assert_allclose(
        losses.focal(X, Y, gamma=0), losses.cross_entropy_sparse(X, Y), rtol=1e-12
    )


def test_of_two_classes_softmax_and_sigmoid_agree() -> None:
    z, y = np.array([0.3, -2.0, 1.0]), np.array([1, 0, 0])
    two = np.stack([np.zeros(3), z], axis=1)
    np.testing.assert_allclose(
        losses.binary_cross_entropy(z, y), losses.cross_entropy_sparse(two, y), rtol=1e-12
    )
    np.testing.assert_allclose(losses.binary_focal(z, y), losses.focal(two, y), rtol=1e-12)


def test_an_ignored_example_counts_nowhere_whatever_it_holds() -> None:
    x = np.concatenate([X, [[np.nan, np.inf, 0.0]]])
    y = np.append(Y, -100)
    loss, gradient = it.value_and_grad(
        lambda p: losses.cross_entropy_sparse(p, y, ignore_index=-100, label_smoothing=0.1)
    )(x)
    expected, inner = it.value_and_grad(
        lambda p: losses.cross_entropy_sparse(p, Y, label_smoothing=0.1)
    )(X)
    assert float(loss) == float(expected)
    np.testing.assert_array_equal(gradient.numpy()[:2], inner.numpy())
    np.testing.assert_array_equal(gradient.numpy()[2], 0)


def test_an_ignored_label_may_be_a_class() -> None:
    np.testing.assert_allclose(
        losses.cross_entropy_sparse(X, Y, ignore_index=2), losses.cross_entropy_sparse(X[:1], Y[:1])
    )


def test_a_weight_of_zero_leaves_a_class_out() -> None:
    np.testing.assert_allclose(
        losses.cross_entropy_sparse(X, Y, weight=[1, 1, 0]),
        losses.cross_entropy_sparse(X[:1], Y[:1]),
    )


def test_all_ignored_is_no_mean_but_a_sum_of_zero() -> None:
    for options in ({"ignore_index": 2}, {"weight": [1.0, 1.0, 0.0]}):
        with pytest.raises(ValueError, match=r"a mean needs an example that counts; got 2 exam"):
            losses.cross_entropy_sparse(X, [2, 2], **options)
        assert losses.cross_entropy_sparse(X, [2, 2], reduction="sum", **options) == 0.0


def test_small_losses_keep_their_digits() -> None:
    z = np.array([20.0, 50.0], np.float32)
    expected = np.log1p(np.exp(-z.astype(float)))
    for loss in (
        losses.binary_cross_entropy(z, [1, 1], reduction="none"),
        losses.binary_focal(z, [1, 1], gamma=0, reduction="none"),
    ):
        np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_large_logits_give_exact_values() -> None:
    far = np.array([[1e4, -1e4]], np.float32)
    assert losses.cross_entropy_sparse(far, [1]) == 2e4
    assert losses.cross_entropy_sparse(far, [0]) == 0
    assert losses.binary_cross_entropy(far, [[0, 1]]) == 1e4
    assert losses.focal(far, [1]) == 2e4
    assert losses.binary_focal(far, [[0, 1]]) == 1e4
    assert losses.kl_div(far, [[0, 1]]) == 2e4


def test_the_huber_loss_is_smooth_where_its_line_begins() -> None:
    gradient = it.grad(lambda p: losses.huber(p, np.zeros(1), delta=0.7))
    for x in (0.7, 0.7 - 1e-12, 0.7 + 1e-12):
        np.testing.assert_allclose(gradient(np.array([x])).numpy(), 0.7, rtol=1e-9)


def test_poisson_goes_on_along_its_tangent() -> None:
    z = np.array([40.0, 41.0, 42.0])
    np.testing.assert_allclose(
        losses.poisson(z, [0, 0, 0], reduction="none"), np.exp(40.0) * np.array([1, 2, 3])
    )
    gradient = it.grad(lambda p: losses.poisson(p, np.zeros(3), reduction="sum"))(z)
    np.testing.assert_allclose(gradient.numpy(), np.exp(40.0))


def test_the_cosine_does_not_see_lengths() -> None:
    p, t = X.astype(np.float32), np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]], np.float32)
    expected = losses.cosine_similarity(p, t)
    for factor in (1e-30, 1e30):
        np.testing.assert_allclose(
            losses.cosine_similarity(p * np.float32(factor), t / np.float32(factor)),
            expected,
            rtol=1e-5,
        )
    assert losses.cosine_similarity(np.zeros((1, 3)), ONES[:1]) == 1.0
    along = losses.cosine_similarity(p.T, t.T, axis=0, reduction="none")
    np.testing.assert_allclose(
        along, losses.cosine_similarity(p, t, reduction="none"), rtol=1e-6, atol=1e-6
    )


BAD: list[tuple[str, type[Exception], str]] = [
    ("cross_entropy_sparse(X, [0.0, 1.0])", TypeError, r"labels are integers; got float64"),
    ("cross_entropy_sparse(X, np.eye(3, dtype=int)[Y])", ValueError, r"Labels are class numbers"),
    ("cross_entropy_sparse(X, [0, 1], weight=[1, 2])", ValueError, r"one number per class, 3; got"),
    ("cross_entropy_sparse(X, [0, 1], weight='on')", TypeError, r"weight is a number per class; g"),
    ("cross_entropy_sparse(X, Y, weight=[1, 2, -1])", ValueError, r"finite and at least 0; got"),
    ("cross_entropy_sparse(X, Y, weight=[1, 2, np.nan])", ValueError, r"finite and at least 0;"),
    (
        "cross_entropy_sparse(X, Y, label_smoothing=1.1)",
        ValueError,
        r"label_smoothing must be .*\[",
    ),
    ("cross_entropy_sparse(X, Y, label_smoothing=True)", TypeError, r"label_smoothing must be a r"),
    ("cross_entropy_sparse(X, Y, ignore_index=1.0)", TypeError, r"ignore_index must be an integer"),
    ("cross_entropy_sparse(X[:, :0], Y)", ValueError, r"the last axis of the logits is the class"),
    ("cross_entropy(X, ONES[:, :2])", ValueError, r"predictions and targets have one shape; got"),
    ("cross_entropy(X, ONES, weight=[1, 2])", ValueError, r"weight has one number per class, 3"),
    ("cross_entropy(X, ONES, label_smoothing=-0.1)", ValueError, r"label_smoothing must be"),
    (
        "binary_cross_entropy(X, 2 * ONES)",
        ValueError,
        r"targets are in \[0, 1\]; got 2\.0 at index",
    ),
    ("binary_cross_entropy(X, np.nan * ONES)", ValueError, r"got nan at index \(0, 0\)\. They are"),
    (
        "binary_cross_entropy(X[:, 0], ONES[:, :1])",
        ValueError,
        r"got \(2,\) and \(2, 1\)\. Reshape",
    ),
    ("binary_cross_entropy(X, ONES, weight=[1, 2])", ValueError, r"weight has one number, or 3 of"),
    (
        "binary_cross_entropy(X, ONES, pos_weight=-1)",
        ValueError,
        r"each number of pos_weight is fi",
    ),
    ("binary_cross_entropy(X, ONES, pos_weight='x')", TypeError, r"pos_weight is a number for eac"),
    ("hinge(X, 0 * ONES)", ValueError, r"targets are -1 or 1; got 0\.0 at .*give 2 \* y - 1"),
    ("squared_hinge(X, 2 * ONES)", ValueError, r"squared_hinge: targets are -1 or 1; got 2\.0"),
    ("huber(X, X, delta=0)", ValueError, r"delta must be a finite number in \(0, inf\); got 0\.0"),
    ("huber(X, X, delta='a')", TypeError, r"delta must be a real number"),
    ("kl_div(X, -ONES)", ValueError, r"targets are in \[0, 1\]; got -1\.0 .*are probabilities"),
    ("kl_div(X, Y)", ValueError, r"predictions and targets have one shape"),
    ("focal(X, [0, 3])", ValueError, r"labels of 3 classes are 0 \.\.\. 2; got 3 at index \(1,\)"),
    ("focal(X, [0, -1])", ValueError, r"got -1 at index \(1,\)\. Number the classes from 0"),
    ("focal(X, [0.0, 1.0])", TypeError, r"labels are integers; got float64"),
    ("focal(X, ONES * 1j)", TypeError, r"labels are integers; got complex128"),
    ("focal(X, ONES)", ValueError, r"one-hot: a single 1 in each row; got 1\.0 at index \(0, 0\)"),
    (
        "focal(X, [0, 1, 2])",
        ValueError,
        r"logits \(2, 3\) and labels \(3,\)\. Give labels of shape",
    ),
    ("focal(X[:, :1], [0, 0])", ValueError, r"classes, 2 or more; got shape \(2, 1\)"),
    ("focal(X, Y, gamma=-1)", ValueError, r"gamma must be a finite number in \[0, inf"),
    ("binary_focal(X, 0.5 * ONES)", ValueError, r"are 0 or 1; got 0\.5 .*binary_cross_entropy"),
    ("binary_focal(X, ONES, alpha=2)", ValueError, r"alpha must be a finite number in \[0, 1\]"),
    ("dice(X[0], ONES[0])", ValueError, r"axis of examples and .*got shape \(3,\)\. For a single"),
    ("dice(X, 2 * ONES)", ValueError, r"targets are in \[0, 1\]; got 2\.0"),
    ("dice(X, ONES, smooth=0)", ValueError, r"smooth must be a finite number in \(0, inf"),
    ("poisson(X, -ONES)", ValueError, r"targets are at least 0; got -1\.0 .*Counts are not neg"),
    ("cosine_similarity(1.0, 1.0)", ValueError, r"needs vectors of numbers; got shape \(\)"),
    (
        "cosine_similarity(X, X, axis=2)",
        ValueError,
        r"axes are distinct and lie in -2 \.\.\. 1; got",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_input(call: str, error: type[Exception], message: str) -> None:
    names: dict[str, Any] = {"np": np, "X": X, "Y": Y, "ONES": ONES}
    with pytest.raises(error, match=message):
        eval(f"losses.{call}", {**names, "losses": losses})
