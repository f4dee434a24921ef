"""Captured layers: what they took and gave is what the model computes, and nothing is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from interactive_train.nn.capture import CapturingCall, capture
from interactive_train.nn.context import calling

RNG = np.random.default_rng(0)


def test_the_output_of_the_model_is_the_last_passage_and_what_the_model_gives() -> None:
    model = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2)), seed=0)
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    passed = capture(model, x)
    assert list(passed) == ["layers.0", "layers.1", "layers.2", ""]
    np.testing.assert_array_equal(passed[""].output, model(x).numpy())
    rectified = np.maximum(passed["layers.0"].output, 0)
    np.testing.assert_array_equal(passed["layers.1"].output, rectified)
    np.testing.assert_array_equal(passed["layers.2"].inputs[0], passed["layers.1"].output)


def test_dropout_passes_everything_and_statistics_stay() -> None:
    model = nn.init(nn.Sequential(nn.BatchNorm(4), nn.Dropout(0.9)), seed=0).train()
    before = [array.copy() for _, array in nn.trainables(model, paths=True)]
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    passed = capture(model, x)
    np.testing.assert_array_equal(passed["layers.1"].output, passed["layers.0"].output)
    for old, (_, new) in zip(before, nn.trainables(model, paths=True), strict=True):
        np.testing.assert_array_equal(old, new)


def test_layers_within_layers_have_their_paths() -> None:
    block = nn.init(nn.TransformerBlock(8, 2, causal=True), seed=0)
    passed = capture(block, np.zeros((1, 3, 8), np.float32))
    assert passed["attention"].kind == "MultiHeadAttention"
    assert passed["attention.qkv"].output.shape == (1, 3, 24)


def test_several_outputs_are_arrays_too() -> None:
    model = nn.init(nn.LSTM(2, 3), seed=0)
    output = capture(model, np.zeros((1, 4, 2), np.float32))[""].output
    arrays = output if isinstance(output, tuple) else (output,)
    assert isinstance(arrays[0], np.ndarray)


def test_a_call_within_a_gradient_is_captured_too() -> None:
    model = nn.init(nn.Linear(2, 1), seed=0)
    x = np.ones((3, 2), np.float32)
    with calling(CapturingCall(True, dtype=np.dtype(np.float32))) as call:
        it.grad(lambda model: (model(x) ** 2).mean())(model)
    passed = call.passed  # type: ignore[attr-defined]
    np.testing.assert_array_equal(passed[""].output, model(x).numpy())


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"nn.capture: the model is an nn.Module; got dict"):
        capture({"w": np.ones(2)}, np.ones(2))  # type: ignore[arg-type]


class Twice(nn.Module):
    """One layer on both sides of another."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(2, 2), nn.LayerNorm(2)

    def forward(self, x: Any) -> Any:
        return self.first(self.second(self.first(x)))


def test_of_a_layer_that_runs_twice_the_last_run_is_kept_where_it_returned() -> None:
    model = nn.init(Twice(), seed=0)
    x = RNG.normal(size=(1, 2)).astype(np.float32)
    passed = capture(model, x)
    assert list(passed) == ["second", "first", ""]
    np.testing.assert_array_equal(passed["first"].output, model(x).numpy())
