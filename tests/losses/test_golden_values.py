"""Losses and their gradients against PyTorch, from the golden file and, where it is, live."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import losses
from tests.conftest import require

torch = require("torch")
GOLDEN = Path(__file__).parents[1] / "golden"
Given = dict[str, NDArray[Any]]

with np.load(GOLDEN / "loss_values.npz") as file:
    VALUES: Given = dict(file)
GIVEN: Given = {
    name.removeprefix("input "): a for name, a in VALUES.items() if name.startswith("input ")
}


def dense(**options: Any) -> tuple[str, Callable[[Any], Any]]:
    return "logits", lambda x: losses.cross_entropy(x, GIVEN["rows"], **options)


def sparse(**options: Any) -> tuple[str, Callable[[Any], Any]]:
    labels = GIVEN["ignoring" if "ignore_index" in options else "labels"]
    return "logits", lambda x: losses.cross_entropy_sparse(x, labels, **options)


def outputs(loss: Any, target: str, **options: Any) -> tuple[str, Callable[[Any], Any]]:
    return "outputs", lambda x: loss(x, GIVEN[target], **options)


W, PER_OUTPUT, SIGNS = GIVEN["class_weights"], GIVEN["per_output"], 2 * GIVEN["answers"] - 1

# The name in the golden file -> the input to differentiate, and our loss of it.
OURS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "cross_entropy": dense(),
    "cross_entropy sum": dense(reduction="sum"),
    "cross_entropy none": dense(reduction="none"),
    "cross_entropy weight": dense(weight=W),
    "cross_entropy smoothing": dense(weight=W, label_smoothing=0.2),
    "sparse": sparse(),
    "sparse none": sparse(reduction="none"),
    "sparse weight": sparse(weight=W),
    "sparse ignoring": sparse(ignore_index=-100),
    "sparse ignoring none": sparse(ignore_index=-100, reduction="none"),
    "sparse smoothing": sparse(label_smoothing=0.2),
    "sparse smoothing sum": sparse(label_smoothing=0.2, weight=W, reduction="sum"),
    "sparse everything": sparse(weight=W, ignore_index=-100, label_smoothing=0.2),
    "binary": outputs(losses.binary_cross_entropy, "answers"),
    "binary none": outputs(losses.binary_cross_entropy, "answers", reduction="none"),
    "binary chances": outputs(losses.binary_cross_entropy, "chances"),
    "binary weights": outputs(
        losses.binary_cross_entropy, "answers", weight=PER_OUTPUT, pos_weight=PER_OUTPUT + 0.5
    ),
    "mse": outputs(losses.mse, "other"),
    "mae": outputs(losses.mae, "other"),
    "mae none": outputs(losses.mae, "other", reduction="none"),
    "huber": outputs(losses.huber, "other", delta=2.5),
    "huber sum": outputs(losses.huber, "other", reduction="sum"),
    "kl_div": ("logits", lambda x: losses.kl_div(x, GIVEN["rows"])),
    "hinge": ("outputs", lambda x: losses.hinge(x, SIGNS)),
    "squared_hinge": ("outputs", lambda x: losses.squared_hinge(x, SIGNS)),
    "focal": ("logits", lambda x: losses.focal(x, GIVEN["labels"])),
    "focal weight": ("logits", lambda x: losses.focal(x, GIVEN["labels"], gamma=0.7, weight=W)),
    "binary_focal": outputs(losses.binary_focal, "answers"),
    "binary_focal alpha": outputs(losses.binary_focal, "answers", gamma=1.5, alpha=0.25),
    "dice": outputs(losses.dice, "answers"),
    "poisson": outputs(losses.poisson, "counts"),
    "poisson sum": outputs(losses.poisson, "counts", reduction="sum"),
    "cosine_similarity": outputs(losses.cosine_similarity, "other"),
    "ctc": ("frames", lambda x: losses.ctc(x, GIVEN["speech"], reduction="none")),
    "ctc lengths": (
        "frames",
        lambda x: losses.ctc(
            x,
            np.where(GIVEN["speech"] == -1, 99, GIVEN["speech"]),
            logit_lengths=GIVEN["frame_counts"],
            label_lengths=GIVEN["speech_counts"],
            reduction="none",
        ),
    ),
    "ctc mean": ("frames", lambda x: losses.ctc(x, GIVEN["speech"])),
}


@pytest.mark.parametrize("name", OURS)
def test_value_and_gradient_are_those_of_pytorch(name: str) -> None:
    argument, loss = OURS[name]
    value, pull = it.vjp(loss, GIVEN[argument])
    np.testing.assert_allclose(value.numpy(), VALUES[f"{name} value"], rtol=1e-10, atol=1e-13)
    mixed = np.arange(1.0, value.size + 1).reshape(value.shape)
    (gradient,) = pull(it.Tensor(mixed))
    expected = VALUES[f"{name} gradient"]
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_plain_arrays_give_plain_numbers(name: str) -> None:
    argument, loss = OURS[name]
    value = loss(GIVEN[argument])
    assert not isinstance(value, it.Tensor)
    assert isinstance(value, np.floating | np.ndarray)
    np.testing.assert_allclose(value, VALUES[f"{name} value"], rtol=1e-10, atol=1e-13)


def test_every_golden_case_is_used() -> None:
    assert {n.removesuffix(" value") for n in VALUES if n.endswith(" value")} == set(OURS)


def make_loss_values() -> ModuleType:
    """Import the script that makes the golden file."""
    path = GOLDEN / "make_loss_values.py"
    spec = importlib.util.spec_from_file_location("make_loss_values", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.oracle
def test_the_golden_file_holds_what_pytorch_says_today() -> None:
    assert torch.nn.functional
    pytest.importorskip("torch")
    script = make_loss_values()
    for name, array in script.inputs().items():
        np.testing.assert_array_equal(VALUES[f"input {name}"], array)
    for name, array in script.torch_values().items():
        np.testing.assert_allclose(VALUES[name], array, rtol=1e-9, atol=1e-12)
