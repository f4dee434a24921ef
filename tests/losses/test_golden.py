"""Losses against PyTorch's values and gradients, at ordinary and at huge logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses

GOLDEN = Path(__file__).parents[1] / "golden" / "training.npz"
Loss = Callable[..., Any]
CASES: dict[str, tuple[Loss, str]] = {
    "cross entropy sparse 1": (losses.cross_entropy_sparse, "labels"),
    "cross entropy sparse 10000": (losses.cross_entropy_sparse, "labels"),
    "cross entropy 1": (losses.cross_entropy, "soft"),
    "cross entropy 10000": (losses.cross_entropy, "soft"),
    "mse": (losses.mse, "soft"),
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_pytorchs(case: str) -> None:
    loss, second = CASES[case]
    with np.load(GOLDEN) as golden:
        x, targets = golden[f"{case}/input 0"], golden[second]
        value, weight = golden[f"{case}/value"], float(golden[f"{case}/weights"])
        gradient = golden[f"{case}/gradient 0"]
    found, grads = it.value_and_grad(loss)(x, targets)
    np.testing.assert_allclose(float(found), value, rtol=1e-10)
    np.testing.assert_allclose(weight * grads.numpy(), gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_cross_entropy_is_finite_at_huge_logits_in_float32(scale: float) -> None:
    logits = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32) * np.float32(scale)
    labels = np.array([0, 0])
    one_hot = np.eye(2, dtype=np.float32)[labels]
    cases: list[tuple[Loss, Any]] = [
        (losses.cross_entropy_sparse, labels),
        (losses.cross_entropy, one_hot),
    ]
    for loss, targets in cases:
        value, grads = it.value_and_grad(loss)(logits, targets)
        assert np.isfinite(float(value))
        np.testing.assert_allclose(float(value), scale, rtol=1e-6)
        np.testing.assert_allclose(grads.numpy(), np.array([[0.0, 0.0], [-0.5, 0.5]]), atol=1e-7)


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a label above the classes": (
        lambda: losses.cross_entropy_sparse(np.zeros((3, 4)), np.array([0, 4, 1])),
        IndexError,
        r"cross_entropy.*: every label lies in 0 \.\.\. 3; got 4 at position 1\. There are 4",
    ),
    "a negative label": (
        lambda: losses.cross_entropy_sparse(np.zeros((2, 4)), np.array([0, -1])),
        IndexError,
        "every label lies in .*; got -1 at position 1",
    ),
    "labels that are not integers": (
        lambda: losses.cross_entropy_sparse(np.zeros((2, 4)), np.array([0.0, 1.0])),
        TypeError,
        "losses.cross_entropy_sparse: labels are integers; got float64",
    ),
    "one-hot rows as labels": (
        lambda: losses.cross_entropy_sparse(np.zeros((2, 4)), np.eye(4, dtype=int)[:2]),
        ValueError,
        r"losses.cross_entropy_sparse: .*one axis more.*\(2, 4\) and labels \(2, 4\)",
    ),
    "targets of another shape": (
        lambda: losses.mse(np.zeros((2, 1)), np.zeros(2)),
        ValueError,
        r"losses.mse: predictions and targets have one shape; got \(2, 1\) and \(2,\)",
    ),
    "no example": (
        lambda: losses.mse(np.zeros((0, 1)), np.zeros((0, 1))),
        ValueError,
        "losses.mse: needs at least one example",
    ),
    "no class": (
        lambda: losses.cross_entropy(np.zeros((2, 0)), np.zeros((2, 0))),
        ValueError,
        "losses.cross_entropy: .*classes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()


def test_plain_arrays_give_a_numpy_scalar_and_tensors_a_tensor() -> None:
    assert type(losses.mse(np.zeros(2), np.ones(2))) is np.float64
    assert isinstance(losses.mse(it.Tensor([0.0, 0.0]), np.ones(2)), it.Tensor)
