"""float16 parameters that follow float32 masters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim

wrong: Any = optim  # for calls that the types forbid


def test_float16_parameters_follow_their_float32_masters() -> None:
    rng = np.random.default_rng(0)
    half = {"w": rng.normal(size=(3, 2)).astype(np.float16), "b": np.zeros(2, np.float16)}
    full = {k: x.astype(np.float32) for k, x in half.items()}
    rule = optim.Chain(optim.ClipGlobalNorm(1.0), optim.AdamW(1e-4))
    first, second = it.setup(optim.MixedPrecision(rule), half), it.setup(rule, full)
    for _ in range(30):
        grads = {k: rng.normal(size=x.shape).astype(np.float16) for k, x in half.items()}
        it.update(first, half, grads)
        it.update(second, full, grads)
    for path in full:
        np.testing.assert_array_equal(first[path].state["master"], full[path])
        np.testing.assert_array_equal(half[path], full[path].astype(np.float16))
        assert first[path].state["AdamW.m"].dtype == np.float32


def test_small_gradients_in_float16_give_steps_of_adams_size() -> None:
    # Flux computes moments in float16: squares vanish, and the first step is 12 000 times lr.
    model = {"x": np.array([0.579, -0.729, 0.5493], np.float16)}
    before = model["x"].astype(np.float64)
    state = it.setup(optim.MixedPrecision(optim.Adam(1e-2)), model)
    it.update(state, model, {"x": np.array([-0.001497, 0.0001875, -0.013176], np.float16)})
    np.testing.assert_allclose(model["x"] - before, [0.01, -0.01, 0.01], atol=5e-4)


def test_a_float16_model_is_trained_by_it_train() -> None:
    model = {"w": np.ones(3, np.float16)}
    rule = optim.MixedPrecision(optim.Chain(optim.AccumGrad(2), optim.SGD(0.05)))
    state = it.setup(rule, model)
    it.train(lambda m, x: ((m["w"] - x) ** 2).sum(), model, [np.zeros(3, np.float32)] * 31, state)
    assert model["w"].dtype == np.float16
    assert abs(model["w"]).max() < 0.3
    before = state.w.state["master"]
    it.flush(state, model)
    assert (abs(state.w.state["master"]) < abs(before)).all()
    assert set(optim.MixedPrecision(optim.SGD(0.1)).members()) != set()


def test_adjust_freeze_and_reset_reach_through_the_masters() -> None:
    model = {"x": np.ones(2, np.float16)}
    state = it.setup(optim.MixedPrecision(optim.Adam(0.1)), model)
    it.update(state, model, {"x": np.ones(2)})
    it.adjust(state, optim.Adam, lr=0.2)
    it.adjust(state, optim.MixedPrecision, beta1=0.5)
    assert [str(state.x.knobs[k]) for k in ("lr", "beta1")] == ["0.2", "0.5"]
    it.reset(state)
    np.testing.assert_allclose(state.x.state["master"], 0.9, rtol=1e-6)
    assert state.x.state["beta1_power"] == 1.0


@pytest.mark.parametrize(
    ("rule", "dtype", "message"),
    [
        (optim.Adam(), np.float16, r"float32 or float64; got float16 at 'x'.*MixedPrecision"),
        (optim.MixedPrecision(optim.Adam()), np.float64, r"float16 or float32; got float64"),
    ],
)
def test_other_types_are_refused(rule: optim.Rule, dtype: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        it.setup(rule, {"x": np.ones(2, dtype)})
