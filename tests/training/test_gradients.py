"""value_and_grad and apply_gradients: a step in two halves, with layer state between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.common import all_bits, moment_bits, parameter_bits, problem, trainer_of


class Counting(nn.Module):
    """Keeps a moving mean of what it saw, beside a weight."""

    def __init__(self) -> None:
        self.mean: Any = nn.Buffer((4,), nn.initializers.zeros)
        self.gain: Any = nn.Parameter((4,), nn.initializers.ones)

    def forward(self, x: Any) -> Any:
        self.write("mean", 0.9 * self.mean + 0.1 * x.mean(axis=0))
        return x * self.gain


def counting_trainer(rule: Any = None) -> it.Trainer:
    model = nn.Sequential(Counting(), nn.Linear(4, 3), nn.Dropout(0.3))
    return it.Trainer(model, rule or optim.Adam(0.05), loss=losses.cross_entropy_sparse)


@pytest.mark.parametrize("frozen", ["", "layers.0", "layers.1"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_two_halves_are_a_step_bit_for_bit(frozen: str, dtype: Any) -> None:
    trainer, (x, y) = counting_trainer(), problem(dtype=dtype)
    state = trainer.init(seed=4, dtype=dtype)
    whole = state = it.frozen(state, frozen) if frozen else state
    for _ in range(3):
        before = all_bits(state)
        loss, whole = trainer.step(whole, x, y)
        (value, layer_state), grads = trainer.value_and_grad(state, x, y)
        assert value == loss
        assert all_bits(state) == before
        state = trainer.apply_gradients(state, grads, layer_state)
    assert all_bits(replace(state, loss=whole.loss)) == all_bits(whole)
    mean = state.model.layers[0].mean
    assert bool(np.any(mean)) == (frozen != "layers.0")


def test_without_layer_state_the_buffers_stay() -> None:
    trainer, (x, y) = counting_trainer(), problem()
    state = trainer.init()
    (_, layer_state), grads = trainer.value_and_grad(state, x, y)
    assert np.any(layer_state["layers"]["0"]["mean"])
    assert not np.any(trainer.apply_gradients(state, grads).model.layers[0].mean)
    moved = trainer.apply_gradients(state, grads, layer_state)
    np.testing.assert_array_equal(
        moved.layer_state["layers"]["0"]["mean"], layer_state["layers"]["0"]["mean"]
    )
    layer_state["layers"]["0"]["mean"] = np.zeros(4)
    assert np.any(moved.model.layers[0].mean)


def test_no_gradient_skips_an_array_moments_and_all() -> None:
    trainer, (x, y) = trainer_of(), problem()
    state = trainer.fit(trainer.init(), (x, y), batch_size=8, progress=False)
    _, grads = trainer.value_and_grad(state, x, y)
    given = {
        path: None if path == "layers.0.weight" else np.asarray(it.tree.get(grads, path))
        for path, _ in state.opt_state
    }
    nested: Any = {"layers": {}}
    for path, g in given.items():
        _, layer, name = path.split(".")
        nested["layers"].setdefault(layer, {})[name] = g
    after = trainer.apply_gradients(state, nested)
    skipped = {p for p in given if parameter_bits(after)[p] == parameter_bits(state)[p]}
    assert skipped == {"layers.0.weight"}
    same = {k for k, bits in moment_bits(after).items() if bits == moment_bits(state)[k]}
    assert {k.split("/")[0] for k in same} == {"layers.0.weight"}
    nested["layers"]["0"] = None  # a whole branch
    again = trainer.apply_gradients(state, nested)
    assert parameter_bits(again)["layers.0.bias"] == parameter_bits(state)["layers.0.bias"]
    assert again.step == state.step + 1


def test_a_gradient_for_a_frozen_array_is_not_applied() -> None:
    trainer, (x, y) = trainer_of(), problem()
    state = trainer.init()
    _, grads = trainer.value_and_grad(state, x, y)
    frozen = it.frozen(state, "layers.0")
    after = trainer.apply_gradients(frozen, grads)
    moved = {p for p, b in parameter_bits(after).items() if b != parameter_bits(state)[p]}
    assert moved == {"layers.3.weight", "layers.3.bias"}


class Tied(nn.Module):
    def __init__(self) -> None:
        self.first: Any = nn.Parameter((2, 2), nn.initializers.ones)
        self.second = self.first

    def forward(self, x: Any) -> Any:
        return x @ self.first @ self.second


def test_a_tied_array_gets_the_sum_over_its_places_once() -> None:
    trainer = it.Trainer(Tied(), optim.SGD(1.0), loss=losses.mse)
    state = trainer.init()
    x = np.eye(2, dtype=np.float32)
    _, grads = trainer.value_and_grad(state, x, np.zeros_like(x))
    _, whole = trainer.step(state, x, np.zeros_like(x))
    assert parameter_bits(trainer.apply_gradients(state, grads)) == parameter_bits(whole)
    g, h = np.full((2, 2), 0.25), np.full((2, 2), 0.5)
    for given, moved in (({"first": g, "second": g}, 0.25), ({"first": g, "second": h}, 0.75)):
        after = trainer.apply_gradients(state, given)
        np.testing.assert_allclose(after.model.first, 1.0 - moved)
        assert after.model.first.tobytes() == after.model.second.tobytes()


def test_one_array_may_be_the_gradient_of_two() -> None:
    trainer = trainer_of(optim.SGD(1.0))
    state = trainer.init()
    g = np.ones((8,))
    nested = {"layers": {"0": {"bias": g, "weight": None}, "3": None}}
    after = trainer.apply_gradients(state, nested)
    np.testing.assert_allclose(after.model.layers[0].bias, state.model.layers[0].bias - 1)
    pair = it.Trainer(_Pair(), optim.SGD(1.0), loss=losses.mse)
    start, g = pair.init(), np.ones(1)
    both = pair.apply_gradients(start, {"a": g, "b": g})
    assert float(both.model.a[0]) == float(both.model.b[0]) == 0.0


class _Pair(nn.Module):
    def __init__(self) -> None:
        self.a: Any = nn.Parameter((1,), nn.initializers.ones)
        self.b: Any = nn.Parameter((1,), nn.initializers.ones)

    def forward(self, x: Any) -> Any:
        return x * self.a * self.b


def test_an_array_without_dimensions_keeps_them() -> None:
    class Scalar(nn.Module):
        def __init__(self) -> None:
            self.a: Any = nn.Parameter((), nn.initializers.ones)

        def forward(self, x: Any) -> Any:
            return x * self.a

    trainer = it.Trainer(Scalar(), optim.SGD(0.5), loss=losses.mse)
    after = trainer.apply_gradients(trainer.init(), {"a": 1.0})
    assert after.model.a.shape == ()
    assert float(after.model.a) == 0.5


def test_what_was_given_is_copied() -> None:
    trainer = it.Trainer(_Pair(), optim.SGD(1.0, momentum=0.9), loss=losses.mse)
    g = np.ones(1, np.float32)
    state = trainer.apply_gradients(trainer.init(), {"a": g, "b": None})
    before = moment_bits(state)
    g[...] = 7.0
    assert moment_bits(state) == before


@pytest.mark.parametrize(
    ("grads", "layer_state", "error", "message"),
    [
        ({"a": np.ones(1)}, None, KeyError, "trainer.apply_gradients, grads at 'b'"),
        (None, {"a": np.ones(1)}, KeyError, "apply_gradients: a buffer of the model; got a"),
        ({"a": np.ones(2), "b": None}, None, ValueError, r"the gradient at 'a' has shape \(1,\); "),
        ({"a": 1j * np.ones(1), "b": None}, None, TypeError, "'a' holds real numbers; got dtype c"),
        ({"a": "steep", "b": None}, None, TypeError, "'a' holds real numbers; got dtype <U5"),
        (
            {"a": np.full(1, np.nan), "b": None},
            None,
            it.NonFiniteError,
            "gradient norm must be fin",
        ),
    ],
)
def test_gradients_that_do_not_fit_are_refused(
    grads: Any, layer_state: Any, error: Any, message: str
) -> None:
    trainer = it.Trainer(_Pair(), optim.SGD(1.0), loss=losses.mse)
    state = trainer.init()
    with pytest.raises(error, match=message):
        trainer.apply_gradients(state, grads, layer_state)


def test_a_buffer_of_another_shape_or_name_is_refused() -> None:
    trainer, (x, y) = counting_trainer(), problem()
    state = trainer.init()
    (_, layer_state), grads = trainer.value_and_grad(state, x, y)
    layer_state["layers"]["0"]["mean"] = np.zeros(5)
    with pytest.raises(ValueError, match=r"the buffer at 'layers.0.mean' has shape \(4,\)"):
        trainer.apply_gradients(state, grads, layer_state)
    with pytest.raises(KeyError, match=r'Did you mean "layers.0.mean"'):
        trainer.apply_gradients(state, grads, {"layers": {"0": {"means": np.zeros(4)}}})


@pytest.mark.parametrize("call", ["step", "value_and_grad", "apply_gradients", "predict"])
def test_what_is_no_state_is_refused(call: str) -> None:
    trainer = trainer_of()
    model: Any = trainer.init().model
    with pytest.raises(TypeError, match=rf"trainer.{call}: the first argument is a TrainState"):
        getattr(trainer, call)(model, problem()[0])
