"""What holds for every rule: one list, and each property over all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim, schedules
from interactive_train.optim.apply import Update, apply_updates

RULES: dict[str, optim.Rule] = {
    "SGD": optim.SGD(0.1),
    "SGD momentum": optim.SGD(0.05, momentum=0.9),
    "SGD nesterov": optim.SGD(0.05, momentum=0.9, nesterov=True),
    "SGD lr in velocity": optim.SGD(0.05, momentum=0.9, lr_in_velocity=True),
    "SGD nesterov lr in velocity": optim.SGD(
        0.05, momentum=0.9, nesterov=True, lr_in_velocity=True
    ),
    "SGD schedule": optim.SGD(schedules.cosine_decay(0.2, 400)),
    "Adam": optim.Adam(0.05),
    "Adam quick": optim.Adam(0.05, beta1=0.0, beta2=0.9),
    "AdamW": optim.AdamW(0.05, weight_decay=1e-3),
    "AdamW unscaled": optim.AdamW(0.05, weight_decay=1e-6, decay_scaled_by_lr=False),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def model_of(dtype: Any = np.float64) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "w": random.normal(size=(3, 2)).astype(dtype),
        "b": random.normal(size=2).astype(dtype),
        "s": np.array(0.5, dtype=dtype),  # a scalar is trained as well
    }


def gradients_of(model: dict[str, Any], seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {k: np.asarray(random.normal(size=v.shape), dtype=v.dtype) for k, v in model.items()}


def step(state: optim.OptimizerState, model: dict[str, Any], seed: int) -> None:
    optim.update(state, model, gradients_of(model, seed))


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(x).tobytes() for x in tree]


def state_bits(leaf: optim.Leaf) -> list[bytes]:
    return bits(leaf.state.values())


@every_rule
def test_it_finds_the_minimum_of_a_badly_scaled_bowl(rule: optim.Rule) -> None:
    model = {"x": np.array([2.0, -3.0, 1.0])}
    target, scale = np.array([0.5, 0.25, -1.0]), np.array([1.0, 3.0, 0.5])
    state = optim.setup(rule, model)
    for _ in range(400):
        optim.update(state, model, {"x": scale * (model["x"] - target)})
    np.testing.assert_allclose(model["x"], target, atol=0.02)


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_keeps_the_type_of_parameters_and_moments(rule: optim.Rule, dtype: Any) -> None:
    model = model_of(dtype)
    state = optim.setup(rule, model)
    for seed in range(3):
        step(state, model, seed)
    assert {x.dtype for x in model.values()} == {np.dtype(dtype)}
    for _, leaf in state:
        arrays = [v for v in leaf.state.values() if isinstance(v, np.ndarray)]
        assert all(v.dtype == dtype for v in arrays)
        assert all(v.shape == leaf.shape for v in arrays)


@every_rule
def test_a_gradient_of_none_skips_the_leaf_and_its_state(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    step(state, model, 0)
    weight, moments = model["w"].copy(), state_bits(state.w)
    other = model["b"].copy()
    optim.update(state, model, gradients_of(model, 1) | {"w": None})
    assert (model["w"] == weight).all()
    assert state_bits(state.w) == moments
    assert (model["b"] != other).all()


@every_rule
def test_adjust_keeps_moments_and_counters(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    step(state, model, 0)
    before = [state_bits(leaf) for _, leaf in state]
    optim.adjust(state, 0.001)
    assert [state_bits(leaf) for _, leaf in state] == before
    assert {leaf.effective(2)["lr"] for _, leaf in state} == {0.001}


@every_rule
def test_freeze_suspends_everything_and_thaw_goes_on(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    step(state, model, 0)
    weight, moments = model["w"].copy(), state_bits(state.w)
    optim.freeze(state.w)
    other = model["b"].copy()
    for seed in range(1, 4):
        step(state, model, seed)
    assert (model["w"] == weight).all()
    assert state_bits(state.w) == moments
    assert (model["b"] != other).all()
    optim.thaw(state.w)
    direct = {"w": weight.copy()}
    continued = optim.setup(rule, direct)
    continued.w.state = dict(state.w.state)
    continued.step = state.step
    gradient = gradients_of(model, 9)
    optim.update(state, model, gradient)
    optim.update(continued, direct, {"w": gradient["w"]})
    assert (model["w"] == direct["w"]).all()


@every_rule
def test_ties_stay_tied_and_are_updated_once(rule: optim.Rule) -> None:
    shared = np.array([1.0, -2.0])
    model = {"a": shared, "b": [shared]}
    state = optim.setup(rule, model)
    assert state.a is state["b.0"]
    alone = {"a": shared.copy()}
    other = optim.setup(rule, alone)

    def loss(m: Any) -> Any:
        return (m["a"] * m["b"][0]).sum()

    for _ in range(3):
        grads = it.grad(loss)(model)  # one object at both places: counted once
        optim.update(state, model, grads)
        optim.update(other, alone, {"a": 2.0 * alone["a"]})
    assert model["a"] is model["b"][0]  # type: ignore[index]
    np.testing.assert_allclose(shared, alone["a"], rtol=1e-14)


@every_rule
def test_updated_leaves_its_arguments_as_they_were(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    step(state, model, 0)
    before = bits(model.values()), [state_bits(leaf) for _, leaf in state], state.step
    new_state, new_model = optim.updated(state, model, gradients_of(model, 1))
    assert (bits(model.values()), [state_bits(leaf) for _, leaf in state], state.step) == before
    step(state, model, 1)
    assert bits(new_model.values()) == bits(model.values())
    assert [state_bits(leaf) for _, leaf in new_state] == [state_bits(leaf) for _, leaf in state]


@every_rule
def test_neighbours_updated_as_one_give_the_same_bits(rule: optim.Rule) -> None:
    model = model_of(np.float32)
    state = optim.setup(rule, model)
    for seed in range(3):
        g = gradients_of(model, seed)
        updates = [Update(leaf, model[path], g[path], path) for path, leaf in state]
        together = apply_updates(updates, seed + 1)
        alone = [apply_updates([update], seed + 1)[0] for update in updates]
        for one, other in zip(together, alone, strict=True):
            assert one.x.tobytes() == other.x.tobytes()
            assert bits(one.state.values()) == bits(other.state.values())
        step(state, model, seed)


@every_rule
def test_moments_are_read_only_because_copies_share_them(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    for _ in range(2):
        for _, leaf in state:
            for value in leaf.state.values():
                if isinstance(value, np.ndarray):
                    with pytest.raises(ValueError, match="read-only"):
                        value[...] = 0.0
        step(state, model, 0)


@every_rule
def test_a_later_change_of_a_gradient_buffer_changes_no_moment(rule: optim.Rule) -> None:
    model = model_of()
    state = optim.setup(rule, model)
    buffers = gradients_of(model, 0)
    optim.update(state, model, buffers)
    kept = [state_bits(leaf) for _, leaf in state]
    for buffer in buffers.values():
        buffer[...] = 7.0
    assert [state_bits(leaf) for _, leaf in state] == kept


def test_a_beta_changed_in_mid_run_counts_from_then_on() -> None:
    model = {"x": np.array([1.0])}
    state = optim.setup(optim.Adam(0.1), model)
    optim.update(state, model, {"x": np.ones(1)})
    optim.adjust(state, beta1=0.5)
    optim.update(state, model, {"x": np.ones(1)})
    assert state["x"].state["beta1_power"] == pytest.approx(0.9 * 0.5)


def test_a_new_rate_rescales_gathered_momentum_unless_it_lies_in_the_velocity() -> None:
    moved = {}
    for inside in (False, True):
        model = {"x": np.zeros(1)}
        state = optim.setup(optim.SGD(0.1, momentum=0.5, lr_in_velocity=inside), model)
        optim.update(state, model, {"x": np.ones(1)})
        optim.adjust(state, 0.0)
        before = model["x"].copy()
        optim.update(state, model, {"x": np.ones(1)})
        moved[inside] = float(before[0] - model["x"][0])
    assert moved == {False: 0.0, True: pytest.approx(0.05)}


def test_a_rule_of_ones_own_takes_ten_lines() -> None:
    class SignDescent(optim.Rule):
        hyperparameters = (optim.learning_rate(0.01),)
        lr: float

        def init(self, x: Any) -> dict[str, Any]:
            return {}

        def apply(self, state: dict[str, Any], x: Any, g: Any) -> tuple[dict[str, Any], Any]:
            return state, self.lr * np.sign(g)

    model = {"x": np.array([1.0, -1.0])}
    state = optim.setup(SignDescent(0.5), model)
    optim.adjust(state, lr=0.25)
    optim.update(state, model, {"x": np.array([3.0, -0.1])})
    np.testing.assert_allclose(model["x"], [0.75, -0.75])
