"""clip_norm: the whole gradient, scaled down to a norm; the norm is recorded as it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.common import line, moment_bits, parameter_bits, problem, trainer_of


@pytest.mark.parametrize("rule", [optim.SGD(0.5, momentum=0.9), optim.Adam(0.1)], ids=repr)
@pytest.mark.parametrize("limit", [1e-3, 0.3, 1e3])
def test_it_equals_clipping_by_hand(rule: Any, limit: float) -> None:
    trainer, (x, y) = trainer_of(rule), problem()
    start = trainer.init(seed=3)
    fitted = trainer.fit(start, [(x, y)] * 4, clip_norm=limit, progress=False)
    state, norms = start, []
    for _ in range(4):
        (_, layer_state), grads = trainer.value_and_grad(state, x, y)
        norms.append(float(optim.global_norm(grads)))
        clipped = optim.clip_by_global_norm(limit, grads)
        state = trainer.apply_gradients(state, clipped, layer_state)
    for path, array in it.tree.flatten_with_paths(state.model):
        np.testing.assert_allclose(it.tree.get(fitted.model, path), array, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(trainer.history.gradient_norm, norms, rtol=1e-5)


def test_a_gradient_below_the_norm_is_left_bit_for_bit() -> None:
    trainer = trainer_of()
    ends = [
        trainer.fit(trainer.init(), problem(), batch_size=8, clip_norm=limit, progress=False)
        for limit in (None, 1e6)
    ]
    assert parameter_bits(ends[0]) == parameter_bits(ends[1])
    assert moment_bits(ends[0]) == moment_bits(ends[1])


def test_a_step_is_as_long_as_the_norm_allows() -> None:
    trainer, data = line(optim.SGD(1.0))
    start = trainer.init(seed=0)
    state = trainer.fit(start, [data], clip_norm=0.01, progress=False)
    pairs = zip(it.trainables(state.model), it.trainables(start.model), strict=True)
    moved = math.sqrt(sum(float(((a - b) ** 2).sum()) for a, b in pairs))
    assert moved == pytest.approx(0.01, rel=1e-3)
    assert trainer.history.gradient_norm[0] > 0.1


def test_frozen_arrays_do_not_count() -> None:
    trainer, (x, y) = trainer_of(optim.SGD(0.1), rate=0.0), problem()
    state = it.frozen(trainer.init(), "layers.0")
    _, grads = trainer.value_and_grad(state, x, y)
    assert grads.layers[0].weight is None
    own = [it.tree.get(grads, f"layers.3.{name}") for name in ("weight", "bias")]
    trainer.fit(state, [(x, y)], clip_norm=0.1, progress=False)
    norm = math.sqrt(sum(float(np.sum(np.asarray(g, np.float64) ** 2)) for g in own))
    assert trainer.history.gradient_norm[0] == pytest.approx(norm, rel=1e-6)


class Tied(nn.Module):
    """One matrix in two places."""

    def __init__(self) -> None:
        self.first: Any = nn.Parameter((2, 2), nn.initializers.ones)
        self.second = self.first

    def forward(self, x: Any) -> Any:
        return x @ self.first @ self.second


def test_a_tied_array_counts_once() -> None:
    trainer = it.Trainer(Tied(), optim.SGD(1.0), loss=losses.mse)
    x = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)
    start = trainer.init()
    both = it.grad(lambda w: ((x @ w @ w) ** 2).mean())(np.array(start.model.first))
    state = trainer.fit(start, [(x, np.zeros_like(x))], clip_norm=0.5, progress=False)
    norm = float(np.sqrt(np.sum(np.asarray(both) ** 2)))
    assert trainer.history.gradient_norm[0] == pytest.approx(norm, rel=1e-5)
    moved = state.model.first - start.model.first
    np.testing.assert_allclose(moved, -np.asarray(both) * 0.5 / norm, rtol=1e-4)
    assert state.model.first.tobytes() == state.model.second.tobytes()


def test_a_run_clips_too() -> None:
    trainer, data = line()
    state = trainer.fit(trainer.init(), data, batch_size=4, clip_norm=0.1, progress=False)
    run = trainer.start(trainer.init(), data, batch_size=4, clip_norm=0.1, epochs=1).wait(10)
    assert parameter_bits(run.state) == parameter_bits(state)


@pytest.mark.parametrize(
    ("limit", "error", "got"),
    [
        (0, ValueError, "0"),
        (-1.0, ValueError, "-1"),
        (np.nan, ValueError, "nan"),
        (np.inf, ValueError, "inf"),
        ("1", TypeError, "'1'"),
        (True, TypeError, "True"),
        (np.ones(2), TypeError, "an array"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "start"])
def test_a_norm_that_is_none_is_refused(call: str, limit: Any, error: Any, got: str) -> None:
    trainer, data = line()
    with pytest.raises(error, match=rf"trainer.{call}: clip_norm must be .*; got {got}"):
        getattr(trainer, call)(trainer.init(), data, batch_size=4, epochs=1, clip_norm=limit)
