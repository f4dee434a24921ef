"""Models as trees: filling, splitting, applying, ties, buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train import nn, tree
from interactive_train.nn.functional import Shadows


def weights(model: Any) -> dict[str, bytes]:
    return {path: x.tobytes() for path, x in nn.trainables(model, paths=True)}


def test_numbers_depend_on_seed_and_path_alone() -> None:
    small = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2)), seed=3)
    large = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2), nn.Linear(2, 9)), 3)
    assert weights(small).items() <= weights(large).items()
    other = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2)), seed=4)
    assert weights(small)["layers.0.weight"] != weights(other)["layers.0.weight"]


def test_init_returns_a_copy_and_leaves_the_declaration() -> None:
    declared = nn.Linear(2, 2)
    first = nn.init(declared, seed=0)
    second = nn.init(declared, seed=0)
    first.weight[...] = 0.0
    assert (second.weight != 0).any()
    assert isinstance(declared.weight, nn.Parameter)


def test_a_module_that_stands_at_two_places_is_filled_once_and_tied() -> None:
    shared = nn.Linear(3, 3)
    model = nn.init(nn.Sequential(shared, nn.tanh, shared), seed=0)
    assert model.layers[0].weight is model.layers[2].weight
    assert [path for path, _ in nn.trainables(model, paths=True)] == [
        "layers.0.weight",
        "layers.0.bias",
    ]
    again = nn.init(model, dtype=np.float64)
    assert again.layers[0].weight is again.layers[2].weight


def test_a_shadow_has_its_own_arrays_and_knobs() -> None:
    model = nn.init(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    shadows = Shadows(model)
    twin = shadows.make([np.zeros_like(a) for a in shadows.arrays], {("layers.1", "rate"): 0.1})
    assert (twin.layers[0].weight == 0).all()
    assert (model.layers[0].weight != 0).any()
    assert (twin.layers[1].rate, model.layers[1].rate) == (0.1, 0.5)


class Mean(nn.Module):
    """Keeps a running mean of what it saw in training."""

    def __init__(self) -> None:
        self.mean: Any = nn.Buffer((), nn.initializers.zeros)
        self.scale: Any = nn.Parameter((), nn.initializers.ones)

    def forward(self, x: Any) -> Any:
        self.write("mean", 0.5 * self.mean + 0.5 * x.mean())
        return x * self.scale


def test_apply_is_a_pure_function_of_parameters_and_layer_state() -> None:
    model = nn.init(nn.Sequential(Mean(), nn.Dropout(0.5)), dtype=np.float64)
    params, layer_state = nn.split(model)
    assert tree.flatten(params)[1].paths == ("layers.0.scale",)
    assert tree.flatten(layer_state)[1].paths == ("layers.0.mean",)
    y, new = model.apply(params, layer_state, np.full(8, 4.0), training=True, rng=1)
    again, _ = model.apply(params, layer_state, np.full(8, 4.0), training=True, rng=1)
    assert (y.numpy() == again.numpy()).all()
    assert float(new["layers"]["0"]["mean"]) == 2.0
    assert float(layer_state["layers"]["0"]["mean"]) == 0.0
    plain, _ = model.apply(params, layer_state, np.full(8, 4.0))
    assert (plain.numpy() == 4.0).all()


def test_a_buffer_keeps_its_shape_and_type() -> None:
    class Seen(nn.Module):
        def __init__(self) -> None:
            self.last: Any = nn.Buffer((2,), nn.initializers.zeros)

        def forward(self, x: Any) -> Any:
            self.write("last", x)
            return x

    seen = nn.init(Seen())
    _, state = seen.apply({}, {"last": seen.last}, np.arange(2.0))
    assert state["last"].tolist() == [0.0, 1.0]
    assert state["last"].dtype == np.float32
    with pytest.raises(ValueError, match=r"nn.Seen.write: the buffer 'last' has shape \(2,\); got"):
        seen.apply({}, {"last": seen.last}, np.zeros(3))


def test_plain_containers_of_arrays_are_models_too() -> None:
    model = {"w": np.ones(2), "layers": [np.zeros(1), "relu"], "count": np.array(3)}
    assert [p for p, _ in nn.trainables(model, paths=True)] == ["w", "layers.0"]
