"""Chains, clipping, accumulation, decay and master weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim, schedules

wrong: Any = optim  # for calls that the types forbid


def moved(rule: optim.Rule, *gradients: Any, start: Any = None) -> Any:
    """Return where an array goes along some gradients."""
    model = {"x": np.zeros_like(gradients[0]) if start is None else np.array(start, np.float64)}
    state = it.setup(rule, model)
    for g in gradients:
        it.update(state, model, {"x": g})
    return model["x"]


# Numbers that Optimisers.jl states in its tests -------------------------------------------------


def test_accumulation_and_decay_give_the_numbers_of_flux() -> None:
    model = {"x": np.array(1.0), "y": np.array(2.0)}
    rule = optim.Chain(optim.AccumGrad(2), optim.WeightDecay(0.01), optim.SGD(0.1))
    state = it.setup(rule, model)
    it.update(state, model, {"x": np.array(33.0), "y": np.array(0.0)})
    assert (model["x"].item(), model["y"].item()) == (1.0, 2.0)
    it.update(state, model, {"x": np.array(0.0), "y": np.array(444.0)})
    np.testing.assert_allclose([model["x"], model["y"]], [-0.651, -20.202], rtol=1e-14)


def test_clipping_gives_the_numbers_of_flux() -> None:
    g = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(np.linalg.norm(moved(optim.ClipNorm(10.0), g)), 10.0)
    np.testing.assert_array_equal(moved(optim.ClipGrad(13.0), g), [-1.0, -10.0, -13.0])


def test_the_order_of_a_chain_matters() -> None:
    g, start = np.array([5.0]), [10.0]
    first = optim.Chain(optim.ClipGrad(2.0), optim.WeightDecay(0.1))
    second = optim.Chain(optim.WeightDecay(0.1), optim.ClipGrad(2.0))
    assert moved(first, g, start=start) == [10.0 - 3.0]
    assert moved(second, g, start=start) == [10.0 - 2.0]


@pytest.mark.parametrize(
    ("p", "norm"), [(1.0, 7.0), (2.0, 5.0), (np.inf, 4.0), (-np.inf, 3.0), (3.0, 91.0 ** (1 / 3))]
)
def test_clip_norm_takes_any_norm(p: float, norm: float) -> None:
    g = np.array([3.0, -4.0])
    np.testing.assert_allclose(moved(optim.ClipNorm(1.0, p=p), g), -g / norm, rtol=1e-12)
    np.testing.assert_array_equal(moved(optim.ClipNorm(100.0, p=p), g), -g)


def test_clip_norm_is_per_array_and_float32_squares_do_not_overflow() -> None:
    model = {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)}
    state = it.setup(optim.ClipNorm(1.0), model)
    it.update(state, model, {"a": np.array([3e30, 4e30]), "b": np.array([0.3, 0.4])})
    np.testing.assert_allclose(model["a"], [-0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(model["b"], [-0.3, -0.4], rtol=1e-6)


def test_sign_decay_pulls_at_a_constant_pace() -> None:
    found = moved(optim.SignDecay(0.25), np.zeros(3), start=[2.0, -3.0, 0.0])
    np.testing.assert_array_equal(found, [1.75, -2.75, 0.0])


# The global norm ----------------------------------------------------------------------------------


def test_the_global_norm_goes_over_all_arrays_and_is_reported() -> None:
    model: Any = {"a": np.zeros(1, np.float32), "b": {"c": np.zeros((1, 1)), "d": np.zeros(())}}
    state = it.setup(optim.Chain(optim.ClipGlobalNorm(6.5), optim.SGD(1.0)), model)
    grads: Any = {"a": np.array([3.0]), "b": {"c": np.array([[4.0]]), "d": np.array(12.0)}}
    assert np.isnan(it.setup(optim.SGD(1.0), model).global_norm)
    it.update(state, model, grads)
    assert state.global_norm == 13.0
    np.testing.assert_allclose([model["a"][0], model["b"]["c"][0, 0]], [-1.5, -2.0])
    it.adjust(state, max_norm=100.0)
    it.update(state, model, {"a": None, "b": grads["b"]})
    np.testing.assert_allclose(state.global_norm, np.hypot(4, 12))
    np.testing.assert_allclose(model["b"]["d"], -6.0 - 12.0)


def test_behind_an_accumulation_the_norm_is_that_of_the_mean() -> None:
    model = {"a": np.zeros(1), "b": np.zeros(1)}
    rule = optim.Chain(optim.AccumGrad(2), optim.ClipGlobalNorm(1.0), optim.SGD(1.0))
    state = it.setup(rule, model)
    it.update(state, model, {"a": np.array([100.0]), "b": np.array([0.0])})
    it.update(state, model, {"a": np.array([-94.0]), "b": np.array([8.0])})
    assert state.global_norm == 5.0
    np.testing.assert_allclose([model["a"][0], model["b"][0]], [-0.6, -0.8])


def test_behind_a_decay_the_norm_counts_the_decay() -> None:
    model = {"a": np.array([30.0]), "b": np.array([40.0])}
    state = it.setup(optim.Chain(optim.WeightDecay(0.1), optim.ClipGlobalNorm(1.0)), model)
    it.update(state, model, {"a": np.zeros(1), "b": np.zeros(1)})
    assert state.global_norm == 5.0
    np.testing.assert_allclose([model["a"][0], model["b"][0]], [29.4, 39.2])


def test_two_global_norms_in_one_chain_see_what_arrives() -> None:
    rule = optim.Chain(optim.ClipGlobalNorm(5.0), optim.WeightDecay(1.0), optim.ClipGlobalNorm(2.0))
    found = moved(rule, np.array([30.0, 40.0]), start=[1.0, 0.0])  # (3, 4) + (1, 0)
    np.testing.assert_allclose(found, np.array([1.0, 0.0]) - 2.0 * np.array([1, 1]) / np.sqrt(2))


def test_only_arrays_whose_rule_clips_count_for_the_norm() -> None:
    model = {"a": np.zeros(1), "b": np.zeros(1)}
    clipped = optim.Chain(optim.ClipGlobalNorm(1.0), optim.SGD(1.0))
    state = it.setup(lambda path, x: clipped if path == "a" else optim.SGD(1.0), model)
    it.update(state, model, {"a": np.array([2.0]), "b": np.array([50.0])})
    assert (state.global_norm, model["a"][0], model["b"][0]) == (2.0, -1.0, -50.0)


@pytest.mark.parametrize("rule", [optim.ClipGlobalNorm(1.0), optim.ClipNorm(1.0)])
def test_a_norm_that_is_not_finite_is_refused_with_its_path_and_nothing_moves(
    rule: optim.Rule,
) -> None:
    model = {"a": np.ones(1), "b": np.ones(1)}
    state = it.setup(optim.Chain(rule, optim.SGD(1.0)), model)
    with pytest.raises(FloatingPointError, match=r"optim\..*norm must be finite; got nan at 'b'"):
        it.update(state, model, {"a": np.ones(1), "b": np.array([np.nan])})
    assert (model["a"].item(), model["b"].item(), state.step) == (1.0, 1.0, 0)


def test_a_rule_of_ones_own_may_ask_for_the_global_norm() -> None:
    class Normalised(optim.Rule):
        hyperparameters = (optim.learning_rate(1.0),)
        wants_global_norm: ClassVar[bool] = True
        lr: float

        def init(self, x: Any) -> dict[str, Any]:
            return {}

        def apply(self, state: Any, x: Any, g: Any) -> tuple[Any, Any]:
            return state, self.lr * g / self.global_norm

    model = {"a": np.zeros(1), "b": np.zeros(1)}
    it.update(it.setup(Normalised(), model), model, {"a": np.array([3.0]), "b": np.array([4.0])})
    np.testing.assert_allclose([model["a"][0], model["b"][0]], [-0.6, -0.8])


# Over trees ---------------------------------------------------------------------------------------


def test_kauns_values_of_norm_and_clip() -> None:
    assert optim.global_norm({"a": np.array([3.0, 4.0]), "b": np.array([0.0])}) == 5.0
    clipped = optim.clip_by_global_norm(2.5, {"w": np.array([3.0, 4.0], np.float32)})
    assert clipped["w"].dtype == np.float32
    np.testing.assert_array_equal(clipped["w"], [1.5, 2.0])


def test_gradients_below_the_limit_come_back_as_they_are() -> None:
    grads = {"w": np.array([3.0, 4.0]), "none": None}
    assert optim.clip_by_global_norm(5.0, grads) is grads
    assert optim.clip_by_global_norm(1.0, {"w": np.zeros(2)})["w"].sum() == 0.0


def test_tensors_of_a_gradient_are_clipped_and_a_tie_counts_once() -> None:
    shared = np.array([3.0, 4.0])
    grads = it.grad(lambda p: 0.5 * (p["a"] ** 2).sum())({"a": shared, "b": shared})
    assert optim.global_norm(grads) == 5.0
    np.testing.assert_allclose(optim.clip_by_global_norm(1.0, grads)["a"].numpy(), [0.6, 0.8])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: optim.clip_by_global_norm(0.0, g), ValueError, r"max_norm must be .* \(0, inf"),
        (lambda g: optim.clip_by_global_norm(-1, g), ValueError, r"clip_by_global_norm: max_norm"),
        (lambda g: optim.clip_by_global_norm(g, 1.0), TypeError, r"It comes first"),
        (
            lambda g: optim.clip_by_global_norm(1.0, {"w": g, "b": {"c": np.array([np.nan])}}),
            FloatingPointError,
            r"the gradients must be finite; got a norm of nan at 'b.c'",
        ),
        (
            lambda g: optim.clip_by_global_norm(1.0, {"w": g, "b": np.array([np.inf])}),
            FloatingPointError,
            r"inf at 'b'",
        ),
        (
            lambda g: optim.global_norm({"w": np.array([1, 2])}),
            TypeError,
            r"optim.global_norm: gradients are floating; got int64 at 'w'",
        ),
    ],
)
def test_bad_calls_over_trees_are_refused(
    call: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(np.ones(2))


# Accumulation -------------------------------------------------------------------------------------


def test_while_it_gathers_nothing_behind_moves() -> None:
    model = {"x": np.ones(2)}
    state = it.setup(optim.Chain(optim.AccumGrad(3), optim.Adam(0.1)), model)
    before = {k: v for k, v in state.x.state.items() if k.startswith("Adam")}
    for count in (1.0, 2.0):
        it.update(state, model, {"x": np.ones(2)})
        assert state.x.state["AccumGrad.count"] == count
        assert all(np.array_equal(state.x.state[k], v) for k, v in before.items())
        np.testing.assert_array_equal(model["x"], 1.0)
    it.update(state, model, {"x": np.ones(2)})
    assert state.x.state["AccumGrad.count"] == 0.0
    assert state.x.state["Adam.beta1_power"] == 0.9
    np.testing.assert_allclose(model["x"], 0.9, rtol=1e-6)


def test_flush_applies_the_mean_of_the_tail_through_the_rest_of_the_chain() -> None:
    model = {"x": np.zeros(1), "quiet": np.zeros(1), "ice": np.zeros(1)}
    rule = optim.Chain(
        optim.WeightDecay(0.5), optim.AccumGrad(4), optim.ClipGlobalNorm(1.0), optim.SGD(0.5)
    )
    state = it.setup(rule, model)
    gradients = {"x": np.array([2.0]), "quiet": None, "ice": np.array([5.0])}
    it.update(state, model, gradients)
    it.freeze(state.ice)
    it.update(state, model, {**gradients, "x": np.array([6.0])})
    it.flush(state, model)
    assert state.global_norm == 4.0
    assert [x.item() for x in model.values()] == [-0.5, 0.0, 0.0]
    assert state.step == 2
    assert (state.x.state["AccumGrad.count"], state.ice.state["AccumGrad.count"]) == (0.0, 1.0)
    it.flush(state, model)  # nothing is left
    assert model["x"] == -0.5


def test_flush_of_a_state_that_gathers_nothing_is_an_error() -> None:
    model = {"x": np.zeros(1)}
    with pytest.raises(ValueError, match=r"it.flush: a state whose rule accumulates; got none"):
        it.flush(it.setup(optim.Adam(), model), model)


def test_accumulated_small_batches_are_one_large_one() -> None:
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(12, 5))
    small = moved(optim.Chain(optim.AccumGrad(4), optim.AdamW(0.1)), *gradients)
    large = moved(optim.AdamW(0.1), *gradients.reshape(3, 4, 5).mean(1))
    np.testing.assert_allclose(small, large, rtol=1e-12)


# Chains -------------------------------------------------------------------------------------------


def test_a_chain_in_a_chain_counts_as_its_members() -> None:
    nested = optim.Chain(
        optim.Chain(optim.ClipGrad(), optim.Chain(optim.WeightDecay())), optim.SGD()
    )
    flat = optim.Chain(optim.ClipGrad(), optim.WeightDecay(), optim.SGD())
    assert repr(nested) == repr(flat)


def test_a_plain_name_reaches_the_members_that_have_it() -> None:
    state = it.setup(optim.Chain(optim.ClipGrad(), optim.Adam()), {"x": np.ones(1)})
    it.adjust(state, delta=2.5)
    it.adjust(state, 0.25)
    assert [str(state.x.knobs[k]) for k in ("delta", "lr")] == ["2.5", "0.25"]
    it.adjust(state, ClipGrad__delta=3.5)
    assert str(state.x.knobs["delta"]) == "3.5"


def decays() -> Any:
    rule = optim.Chain(
        optim.WeightDecay(0.1), optim.SignDecay(0.2), optim.WeightDecay(0.3), optim.SGD(1.0)
    )
    return it.setup(rule, {"x": np.ones(1)})


def values(state: Any) -> list[float]:
    return [state.x.knobs[k].effective(1) for k in state.x.knobs if k.endswith("weight_decay")]


def test_one_of_several_members_with_one_name_can_be_addressed() -> None:
    state = decays()
    assert [k for k in state.x.knobs if "decay" in k] == [
        "WeightDecay_1__weight_decay",
        "SignDecay__weight_decay",
        "WeightDecay_2__weight_decay",
    ]
    it.adjust(state, WeightDecay_2__weight_decay=0.5)
    assert values(state) == [0.1, 0.2, 0.5]
    it.adjust(state, optim.SignDecay, weight_decay=0.6)
    assert values(state) == [0.1, 0.6, 0.5]
    it.adjust(state, weight_decay=it.scale(2.0))
    assert values(state) == [0.2, 1.2, 1.0]
    model = {"x": np.array([1.0])}
    it.update(state, model, {"x": np.zeros(1)})
    assert model["x"] == 1.0 - (0.2 + 1.2 + 1.2 * 0 + 1.0)


def test_release_reaches_the_same_members() -> None:
    rule = optim.Chain(optim.WeightDecay(schedules.constant(0.1)), optim.AdamW(weight_decay=0.2))
    state = it.setup(rule, {"x": np.ones(1)})
    it.adjust(state, weight_decay=0.5)
    it.release(state, "weight_decay")
    assert values(state) == [0.1, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weigth_decay": 0.1}, r"got 'weigth_decay'. Did you mean \"weight_decay\"\?"),
        (
            {"WeightDecay__weight_decay": 0.1},
            r"Did you mean \"WeightDecay_2__weight_decay\"\? Known: weight_decay, WeightDecay_1__",
        ),
        ({"SGD__weight_decay": 0.1}, r"Did you mean"),
    ],
)
def test_an_unknown_name_in_a_chain_is_an_error_that_lists_the_known(
    change: dict[str, float], message: str
) -> None:
    state = decays()
    with pytest.raises(ValueError, match=message):
        it.adjust(state, lr=0.5, **change)
    assert str(state.x.knobs["lr"]) == "1"


def test_a_kind_of_rule_that_lacks_the_name_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"got 'delta'\. Known: weight_decay\."):
        it.adjust(decays(), optim.SignDecay, delta=1.0)
    with pytest.raises(ValueError, match=r"the rule Adam; got only SGD, SignDecay, WeightDecay"):
        it.adjust(decays(), optim.Adam, lr=1.0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.Chain(), ValueError, r"optim.Chain: needs at least one rule; got none"),
        (lambda: wrong.Chain(optim.SGD(), 0.1), TypeError, r"takes rules; got 0.1 at position 1"),
        (lambda: wrong.Chain(optim.SGD), TypeError, r"got the class SGD at position 0"),
        (
            lambda: optim.Chain(optim.ClipGrad(), optim.MixedPrecision(optim.SGD())),
            ValueError,
            r"goes around a chain; .*optim.MixedPrecision\(optim.Chain",
        ),
        (
            lambda: optim.AccumGrad(0),
            ValueError,
            r"optim.AccumGrad: n must be .* at least 1; got 0",
        ),
        (lambda: wrong.AccumGrad(2.0), TypeError, r"n must be an integer"),
        (lambda: optim.ClipGrad(0), ValueError, r"optim.ClipGrad: delta must be .* \(0, inf"),
        (lambda: optim.ClipNorm(-1), ValueError, r"optim.ClipNorm: max_norm"),
        (lambda: optim.ClipNorm(1.0, p=0), ValueError, r"p is a number other than 0"),
        (lambda: wrong.ClipNorm(1.0, p="2"), TypeError, r"p is a number other than 0"),
        (lambda: optim.WeightDecay(-0.1), ValueError, r"optim.WeightDecay: weight_decay"),
        (lambda: wrong.MixedPrecision(0.1), TypeError, r"wraps a plain rule or a chain; got 0.1"),
        (lambda: wrong.MixedPrecision(optim.Adam), TypeError, r"got the class Adam"),
        (lambda: optim.Adagrad(initial_accumulator=-1), ValueError, r"initial_accumulator"),
        (lambda: wrong.RMSprop(centered=1), TypeError, r"centered must be True or False; got 1"),
        (lambda: optim.RMSprop(decay=1.0), ValueError, r"decay must be .* \[0, 1\); got 1.0"),
        (lambda: optim.Muon(steps=0), ValueError, r"steps must be"),
        (
            lambda: it.setup(optim.Muon(), {"b": np.ones(2)}),
            ValueError,
            r"optim.Muon: the array is a matrix; got shape \(2,\). Choose per array",
        ),
        (lambda: optim.Lion("fast"), TypeError, r"optim.Lion: lr"),
    ],
)
def test_bad_rules_are_refused(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


# Master weights -----------------------------------------------------------------------------------


def test_flush_uses_the_knobs_of_the_last_step() -> None:
    model = {"x": np.zeros(1)}
    rule = optim.Chain(optim.AccumGrad(9), optim.SGD(schedules.piecewise_constant([2], [1.0, 0.5])))
    state = it.setup(rule, model)
    for _ in range(2):
        it.update(state, model, {"x": np.ones(1)})
    it.flush(state, model)
    assert model["x"] == -1.0
