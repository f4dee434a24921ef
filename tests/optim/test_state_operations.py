"""Parts, patterns and kinds: adjust, freeze, thaw, reset and their twins on a branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn, optim, schedules

wrong: Any = it  # for calls that the types forbid


def state_of(rule: Any = None) -> optim.OptimizerState:
    model = it.init(nn.Sequential(nn.Linear(2, 3), nn.relu, nn.Linear(3, 1)), seed=0)
    return it.setup(rule or optim.Adam(0.1), model)


def rates(state: optim.OptimizerState) -> dict[str, float]:
    return {path: leaf.knobs["lr"].effective(1) for path, leaf in state}


def flags(state: optim.OptimizerState) -> list[bool]:
    return [leaf.frozen for _, leaf in state]


def by_pattern(state: optim.OptimizerState) -> None:
    it.adjust(state, "layers.*.bias", lr=0.5)


def by_part(state: optim.OptimizerState) -> None:
    it.adjust(state["layers.*.bias"], 0.5)


def by_path_and_value(state: optim.OptimizerState) -> None:
    it.adjust(state, "layers.*.bias", 0.5)


def by_kind(state: optim.OptimizerState) -> None:
    it.adjust(state, "layers.*.bias", optim.Adam, 0.5)


@pytest.mark.parametrize("adjust", [by_pattern, by_part, by_path_and_value, by_kind])
def test_all_spellings_of_a_part_reach_the_same_leaves(
    adjust: Callable[[optim.OptimizerState], None],
) -> None:
    state = state_of()
    adjust(state)
    assert rates(state) == {
        "layers.0.weight": 0.1,
        "layers.0.bias": 0.5,
        "layers.2.weight": 0.1,
        "layers.2.bias": 0.5,
    }


def test_adjusted_frozen_and_thawed_take_patterns_and_touch_nothing() -> None:
    state = state_of()
    assert list(rates(it.adjusted(state, "layers.2", 0.5)).values()) == [0.1, 0.1, 0.5, 0.5]
    assert flags(it.frozen(state, "layers.*.weight")) == [True, False, True, False]
    it.freeze(state)
    assert flags(it.thawed(state, "layers.0")) == [False, False, True, True]
    assert flags(state) == [True] * 4
    assert set(rates(state).values()) == {0.1}


def test_freeze_and_thaw_take_a_pattern() -> None:
    state = state_of()
    it.freeze(state, "layers.*.bias")
    assert flags(state) == [False, True, False, True]
    it.thaw(state, "layers.2")
    assert flags(state) == [False, True, False, False]


def test_a_train_state_takes_patterns_as_well() -> None:
    trainer = it.Trainer(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), optim.SGD(0.1))
    state = trainer.init(seed=0)
    other = it.adjusted(state, "layers.*.bias", lr=0.25)
    assert rates(other.opt_state)["layers.1.bias"] == 0.25
    assert rates(state.opt_state)["layers.1.bias"] == 0.1


def test_a_chooser_gives_every_array_its_own_rule_and_adjust_goes_by_kind() -> None:
    state = state_of(lambda path, x: optim.Muon(0.1) if x.ndim == 2 else optim.Lion(0.01))
    it.adjust(state, optim.Lion, 0.5)
    assert list(rates(state).values()) == [0.1, 0.5, 0.1, 0.5]
    with pytest.raises(ValueError, match=r"got 'steps'.* Known: lr, momentum, weight_decay"):
        it.adjust(state, optim.Muon, steps=3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: it.adjust(s, "layers.1", lr=0.1), KeyError, r"Did you mean"),
        (
            lambda s: it.adjust(s, "layer.0", 0.1),
            KeyError,
            r'Did you mean \\"layers.0\\"\?|layers.0',
        ),
        (lambda s: it.adjust(s, "layers.0", lrr=0.1), ValueError, r'Did you mean "lr"\?'),
        (lambda s: it.adjust(s, "layers.0", 0.1, 0.2), TypeError, r"takes one learning rate"),
        (lambda s: it.freeze(s, "layers.*.bais"), KeyError, r"layers.0.bias"),
        (lambda s: wrong.thaw(s, 3), TypeError, r"it.thaw: a path is a text .*; got 3"),
        (lambda s: it.reset(s, "nowhere"), KeyError, r"got 'nowhere'"),
        (
            lambda s: wrong.reset(optim.Adam()),
            TypeError,
            r"it.reset: works on .* the rule Adam",
        ),
        (lambda s: it.frozen(s, "w"), KeyError, r"got 'w'"),
        (lambda s: it.freeze(s.layers[0].bias, "x"), TypeError, r"a leaf has no parts; got 'x'"),
        (
            lambda s: it.adjusted({"w": 1}, 0.1),
            TypeError,
            r"it.adjusted: works on",
        ),
    ],
)
def test_what_does_not_exist_is_an_error(
    call: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    state = state_of()
    before = [dict(leaf.knobs) for _, leaf in state]
    with pytest.raises(error, match=message):
        call(state)
    assert before == [leaf.knobs for _, leaf in state]
    assert not any(flags(state))


def test_reset_of_a_part_leaves_the_rest_and_the_step() -> None:
    model = {"a": np.ones(2), "b": np.ones(2)}
    state = it.setup(optim.RAdam(0.1), model)
    for _ in range(3):
        it.update(state, model, {"a": np.ones(2), "b": np.ones(2)})
    it.reset(state, "a")
    assert (state.a.state["count"], state.b.state["count"], state.step) == (0.0, 3.0, 3)
    it.reset(state.b)
    assert state.b.state["count"] == 0.0


def test_reset_begins_by_the_knobs_as_they_stand() -> None:
    state = it.setup(optim.AMSGrad(eps=1e-8), {"a": np.ones(1)})
    it.adjust(state, eps=0.25)
    it.reset(state)
    assert state.a.state["v"] == 0.25


def test_a_state_begins_by_the_schedule_of_its_first_step() -> None:
    state = it.setup(optim.AMSGrad(eps=schedules.linear(0.5, 0.0, 10)), {"a": np.ones(1)})
    np.testing.assert_allclose(state.a.state["v"], 0.45)


def test_rprops_rate_rescales_all_step_sizes() -> None:
    model = {"a": np.zeros(1)}
    state = it.setup(optim.Rprop(0.1), model)
    it.update(state, model, {"a": np.ones(1)})
    it.adjust(state, 0.01)
    before = model["a"].copy()
    it.update(state, model, {"a": np.ones(1)})
    np.testing.assert_allclose(before - model["a"], 0.01 * 1.2)
    it.adjust(state, 0.0)
    before = model["a"].copy()
    it.update(state, model, {"a": np.ones(1)})
    assert model["a"] == before


def test_rprop_keeps_its_sizes_within_bounds() -> None:
    model = {"a": np.zeros(2)}
    state = it.setup(optim.Rprop(0.1, min_step=0.02, max_step=0.3), model)
    for step in range(20):
        before = model["a"].copy()
        it.update(state, model, {"a": np.array([1.0, (-1.0) ** step])})
    np.testing.assert_allclose(before - model["a"], [0.3, 0.0], atol=1e-12)
    np.testing.assert_allclose(0.1 * state.a.state["size"], [0.3, 0.02])


def test_the_learning_rate_of_a_chain_with_two_is_that_of_the_first() -> None:
    model = {"w": np.ones(1)}
    rule = optim.Chain(optim.SGD(0.5), optim.SGD(0.25))
    state = it.setup(rule, model)
    history = it.train(lambda m, x: (m["w"] * x).sum(), model, [1.0, 1.0], state, report=None)
    assert list(history.lr) == [0.5, 0.5]
    it.adjust(state, 0.1)
    assert [str(s) for k, s in state.w.knobs.items() if k.endswith("lr")] == ["0.1", "0.1"]


def test_a_run_reaches_the_members_of_a_chain_and_reports_the_norm() -> None:
    rule = optim.Chain(optim.ClipGlobalNorm(0.5), optim.WeightDecay(0.1), optim.AdamW(0.01))
    trainer = it.Trainer(nn.Linear(2, 1), rule, loss=lambda p, y: ((p - y) ** 2).mean())
    x, y = np.ones((8, 2), np.float32), np.full((8, 1), 5.0, np.float32)
    run = trainer.start(trainer.init(seed=0), (x, y), batch_size=4, epochs=1)
    run.wait(30)
    assert run.history.lr[0] == 0.01
    assert run.state.opt_state.global_norm == pytest.approx(run.history.gradient_norm[-1])
    run.adjust(weight_decay=0.25)
    run.adjust(WeightDecay__weight_decay=0.5)
    run.adjust("weight", max_norm=2.0)
    shown = {k: str(s) for k, s in run.state.opt_state.weight.knobs.items()}
    assert [shown[k] for k in ("WeightDecay__weight_decay", "AdamW__weight_decay", "max_norm")] == [
        "0.5",
        "0.25",
        "2",
    ]
