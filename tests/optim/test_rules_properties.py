"""What holds for every rule, by the one list in rules_list.py."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import optim
from tests.optim.rules_list import RULES, Case

Arrays = dict[str, NDArray[Any]]
every_rule = pytest.mark.parametrize("case", RULES.values(), ids=RULES)
array_rules = pytest.mark.parametrize(
    "case", [c for c in RULES.values() if not c.matrices], ids=[n for n in RULES if n != "Muon"]
)


def arrays(seed: int, case: Case, dtype: Any = np.float64) -> Arrays:
    """Return random arrays; neighbours of equal and of unequal shape."""
    rng = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [(3, 2), (2, 3)] if case.matrices else [(3, 2), (4,), (4,), ()]
    return {f"p{i}": np.asarray(rng.normal(size=s), dtype) for i, s in enumerate(shapes)}


def trained(case: Case, steps: int, dtype: Any = np.float64) -> tuple[Any, Arrays]:
    """Return state and model after some steps along random gradients."""
    model = arrays(0, case, dtype)
    state = it.setup(case.rule, model)
    go_on(state, model, case, 0, steps)
    return state, model


def go_on(state: Any, model: Arrays, case: Case, first: int, last: int) -> None:
    for step in range(first, last):
        it.update(state, model, arrays(100 + step, case, next(iter(model.values())).dtype))


def dump(state: Any) -> dict[str, dict[str, Any]]:
    return {path: dict(leaf.state) for path, leaf in state}


def same(a: Any, b: Any) -> bool:
    """Whether two values agree in every bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(np.asarray(a).dtype == np.asarray(b).dtype) and np.array_equal(a, b)


def test_the_list_has_every_rule_and_modifier() -> None:
    listed = {type(rule) for case in RULES.values() for rule in (case.rule, *case.rule.members())}
    known = {
        value
        for value in vars(optim).values()
        if isinstance(value, type) and issubclass(value, optim.Rule) and value is not optim.Rule
    }
    assert known - listed == {optim.MixedPrecision}  # for float16, has tests of its own


@every_rule
def test_converges(case: Case) -> None:
    target = arrays(1, case)
    model = {
        k: np.asarray(1.5 * x) for k, x in target.items()
    }  # of the same sign: Lamb's steps are relative
    state = it.setup(case.rule, model)
    for _ in range(case.steps):
        it.update(state, model, {k: model[k] - target[k] for k in model})
    far = max(float(np.abs(model[k] - target[k]).max()) for k in model)
    assert far < case.near


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_type_of_arrays_and_state(case: Case, dtype: Any) -> None:
    state, model = trained(case, 4, dtype)
    assert {x.dtype for x in model.values()} == {np.dtype(dtype)}
    for leaf_state in dump(state).values():
        for name, value in leaf_state.items():
            if not name.endswith("norm"):
                assert isinstance(value, float) or value.dtype == dtype, name


@every_rule
def test_float32_goes_where_float64_goes(case: Case) -> None:
    single, double = trained(case, 10, np.float32)[1], trained(case, 10)[1]
    for path in single:
        np.testing.assert_allclose(single[path], double[path], rtol=1e-3, atol=1e-3)


@every_rule
def test_a_tied_array_stays_tied_and_is_updated_once_by_the_sum(case: Case) -> None:
    plain = {"a": arrays(0, case)["p0"]}
    shared = plain["a"].copy()
    tied = {"a": shared, "b": shared}
    first, second = it.setup(case.rule, plain), it.setup(case.rule, tied)
    assert second.a is second.b
    for step in range(4):
        g, h = arrays(step + 10, case)["p0"], arrays(step + 50, case)["p0"]
        it.update(first, plain, {"a": g + h})
        it.update(second, tied, {"a": g, "b": h})
    assert tied["a"] is tied["b"]
    assert same(plain["a"], tied["a"])
    assert same(dict(first.a.state), dict(second.a.state))


@every_rule
def test_adjust_keeps_the_state(case: Case) -> None:
    state, _ = trained(case, 3)
    before = dump(state)
    for knob in case.rule.hyperparameters:
        it.adjust(state, **{knob.name: knob.default})
    assert same(before, dump(state))


@every_rule
def test_freeze_suspends_everything_and_thaw_goes_on(case: Case) -> None:
    state, model = trained(case, 3)
    before, kept = dump(state), {k: x.copy() for k, x in model.items()}
    it.freeze(state)
    go_on(state, model, case, 3, 6)
    assert same(before, dump(state))
    assert same(kept, model)
    assert state.step == 6
    it.thaw(state)
    go_on(state, model, case, 6, 9)
    assert not same(kept, model)


@every_rule
def test_a_gradient_of_none_skips_the_leaf_state_and_all(case: Case) -> None:
    state, model = trained(case, 3)
    before, kept = dump(state), {k: x.copy() for k, x in model.items()}
    gradients: dict[str, Any] = arrays(7, case)
    gradients["p0"] = None
    for _ in range(3):
        it.update(state, model, gradients)
    assert same(before["p0"], dump(state)["p0"])
    assert same(kept["p0"], model["p0"])
    assert not same(before["p1"], dump(state)["p1"]) or not any(before["p1"])
    assert not same(kept["p1"], model["p1"])


@every_rule
def test_the_twins_touch_nothing(case: Case) -> None:
    state, model = trained(case, 3)
    before, kept = dump(state), {k: x.copy() for k, x in model.items()}
    knobs = {path: dict(leaf.knobs) for path, leaf in state}
    new_state, new_model = it.updated(state, model, arrays(5, case))
    it.adjusted(state, **{k.name: k.default for k in case.rule.hyperparameters})
    it.frozen(state, "p0")
    assert same(before, dump(state))
    assert same(kept, model)
    assert knobs == {path: leaf.knobs for path, leaf in state}
    assert not any(leaf.frozen for _, leaf in state)
    assert state.step == 3
    it.update(state, model, arrays(5, case))
    assert same(dump(state), dump(new_state))
    assert same(model, new_model)


@every_rule
def test_going_on_from_saved_arrays_and_numbers_gives_the_same_bits(case: Case) -> None:
    state, model = trained(case, 4)
    numbers: dict[str, float] = {"step": state.step}
    saved: dict[str, Any] = {f"model/{k}": x for k, x in model.items()}
    for path, leaf in state:
        for name, value in leaf.state.items():
            (numbers if isinstance(value, float) else saved)[f"{path}/{name}"] = value
    file = io.BytesIO()
    np.savez(file, **saved)
    text = json.dumps(numbers)
    go_on(state, model, case, 4, 9)

    file.seek(0)
    loaded = {**np.load(file), **json.loads(text)}
    again = {k: loaded[f"model/{k}"] for k in model}
    twin = it.setup(case.rule, again)
    twin.step = int(loaded["step"])
    for path, leaf in twin:
        leaf.state = {name: loaded[f"{path}/{name}"] for name in leaf.state}
    go_on(twin, again, case, 4, 9)
    assert same(model, again)
    assert same(dump(state), dump(twin))


@every_rule
def test_state_is_arrays_and_floats_from_the_first_to_the_last_step(case: Case) -> None:
    model = arrays(0, case)
    fresh = it.setup(case.rule, model)
    state, _ = trained(case, 5)
    for path, leaf in state:
        assert leaf.state.keys() == fresh[path].state.keys()
        for name, value in leaf.state.items():
            assert isinstance(value, (float, np.ndarray))
            assert type(value) is type(fresh[path].state[name])
            assert np.shape(value) == np.shape(fresh[path].state[name])


@every_rule
def test_reset_is_the_state_of_setup(case: Case) -> None:
    state, model = trained(case, 3)
    it.adjust(state, **{k.name: k.default for k in case.rule.hyperparameters})
    knobs = [dict(leaf.knobs) for _, leaf in state]
    it.freeze(state, "p1")
    it.reset(state)
    fresh = it.setup(case.rule, model)
    it.adjust(fresh, **{k.name: k.default for k in case.rule.hyperparameters})
    it.reset(fresh)
    assert same(dump(fresh), dump(state))
    assert knobs == [leaf.knobs for _, leaf in state]
    assert state.p1.frozen
    assert state.step == 3


@array_rules
def test_neighbours_are_updated_as_if_each_were_alone(case: Case) -> None:
    if any(rule.wants_global_norm for rule in case.rule.members()):
        pytest.skip("depends on all arrays by design")
    state, model = trained(case, 5)
    for path in model:
        alone = {path: arrays(0, case)[path]}
        single = it.setup(case.rule, alone)
        for step in range(5):
            it.update(single, alone, {path: arrays(100 + step, case)[path]})
        assert same(alone[path], model[path]), path
        assert same(dict(single[path].state), dict(state[path].state))


@every_rule
def test_strided_and_empty_arrays_are_updated_like_others(case: Case) -> None:
    rng = np.random.default_rng(3)
    backing = rng.normal(size=(6, 8))
    strided = backing[::2, ::4]
    assert not strided.flags.c_contiguous
    model = {"a": strided, "none": np.zeros((0, 2))}
    plain = {"a": strided.copy()}
    first, second = it.setup(case.rule, model), it.setup(case.rule, plain)
    for step in range(4):
        g = np.asfortranarray(arrays(step, case)["p0"])
        it.update(first, model, {"a": g, "none": np.zeros((0, 2))})
        it.update(second, plain, {"a": g.copy()})
    assert same(np.array(model["a"]), plain["a"])
    assert same(backing[::2, ::4], plain["a"])
    assert same(backing[1::2], np.random.default_rng(3).normal(size=(6, 8))[1::2])


@every_rule
def test_a_rule_is_pure(case: Case) -> None:
    model = arrays(0, case)
    frozen_inputs = {k: x.copy() for k, x in model.items()}
    gradients = arrays(1, case)
    for x in (*model.values(), *gradients.values()):
        x.flags.writeable = False
    state = it.setup(case.rule, model, check_writable=False)
    before = dump(state)
    it.updated(state, model, gradients)
    assert same(model, frozen_inputs)
    assert same(before, dump(state))


@every_rule
def test_every_hyperparameter_may_be_a_schedule(case: Case) -> None:
    model = arrays(0, case)
    state = it.setup(case.rule, model)
    for knob in case.rule.hyperparameters:
        value = state.p0.knobs[knob.name].effective(1)
        it.adjust(state, **{knob.name: lambda step, value=value: value + 0.0 * step})
    go_on(state, model, case, 0, 3)
    assert all(leaf.knobs[k].scheduled for _, leaf in state for k in leaf.knobs)


@every_rule
def test_a_rule_is_shown_as_it_is_written(case: Case) -> None:
    if any(knob.name for knob in case.rule.hyperparameters if callable(_base(case, knob.name))):
        pytest.skip("schedules are shown as themselves")
    assert repr(eval(repr(case.rule), vars(optim))) == repr(case.rule)


def _base(case: Case, name: str) -> Any:
    return case.rule.settings()[name].base


@array_rules
def test_neighbours_with_different_counters_are_not_joined(case: Case) -> None:
    if any(rule.wants_global_norm for rule in case.rule.members()):
        pytest.skip("depends on all arrays by design")
    model = {k: arrays(0, case)[k] for k in ("p1", "p2")}  # of one shape
    state = it.setup(case.rule, model)
    alone = {"p2": model["p2"].copy()}
    single = it.setup(case.rule, alone)
    for step in range(6):
        g: dict[str, Any] = arrays(100 + step, case)
        it.update(single, alone, {"p2": g["p2"] if step != 1 else None})
        it.update(state, model, {"p1": g["p1"], "p2": g["p2"] if step != 1 else None})
    assert same(alone["p2"], model["p2"])
    assert same(dict(single.p2.state), dict(state.p2.state))


@pytest.mark.parametrize("gradient", [0.0, 1.0])
def test_lamb_moves_an_array_of_zeros_as_adam_does(gradient: float) -> None:
    model = {"x": np.zeros(3)}
    it.update(
        it.setup(optim.Lamb(0.1, weight_decay=0.0), model), model, {"x": np.full(3, gradient)}
    )
    np.testing.assert_allclose(model["x"], -0.1 * gradient, rtol=1e-5)


def test_muon_makes_the_singular_values_of_a_step_alike() -> None:
    rng = np.random.default_rng(0)
    for shape, factor in (((4, 9), 1.5), ((9, 4), 1.0), ((5, 5), 1.0)):
        model = {"x": np.zeros(shape)}
        g = rng.normal(size=shape) @ np.diag(10.0 ** -np.linspace(0, 2, shape[1]))
        it.update(it.setup(optim.Muon(1.0), model), model, {"x": g})
        found = np.linalg.svd(model["x"], compute_uv=False) / factor
        assert found.max() < 1.3
        assert found.min() > 0.4
