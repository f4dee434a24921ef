"""Our rules against PyTorch (golden, and live where it is) and against the two guides' numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train import optim
from tests.conftest import require

torch = require("torch")
GOLDEN = Path(__file__).parents[1] / "golden" / "training.npz"

OURS: dict[str, optim.Rule] = {
    "sgd": optim.SGD(0.05),
    "sgd momentum": optim.SGD(0.05, momentum=0.9),
    "sgd nesterov": optim.SGD(0.05, momentum=0.8, nesterov=True),
    "adam": optim.Adam(0.01),
    "adam options": optim.Adam(0.02, beta1=0.8, beta2=0.95, eps=1e-3),
    "adamw": optim.AdamW(0.01),
    "adamw options": optim.AdamW(0.02, beta1=0.7, beta2=0.9, eps=1e-6, weight_decay=0.3),
}


def course(rule: optim.Rule, start: Any, gradients: Any) -> NDArray[np.float64]:
    """Return the array behind every step."""
    model = {"x": np.array(start, dtype=np.float64)}
    state = optim.setup(rule, model)
    found = []
    for gradient in gradients:
        optim.update(state, model, {"x": np.asarray(gradient, dtype=np.float64)})
        found.append(model["x"].copy())
    return np.stack(found)


@pytest.mark.parametrize("case", OURS)
def test_a_rule_moves_as_in_pytorch_over_sixty_random_steps(case: str) -> None:
    with np.load(GOLDEN) as golden:
        start, gradients = golden["rules/start"], golden["rules/gradients"]
        expected = golden[f"rules/{case}"]
    assert len(gradients) >= 50
    np.testing.assert_allclose(
        course(OURS[case], start, gradients), expected, rtol=1e-10, atol=1e-10
    )


def test_every_golden_rule_is_compared() -> None:
    with np.load(GOLDEN) as golden:
        found = {n.removeprefix("rules/") for n in golden.files if n.startswith("rules/")}
    assert found - {"start", "gradients"} == set(OURS)


# The numbers that the two guides' own tests state; reference: Flux.jl and Kaun.
FLUX = {
    "Descent": (optim.SGD(0.1), (0.99, -1.98, 0.47), (0.98, -1.995, 0.44)),
    "Momentum": (
        optim.SGD(0.01, momentum=0.9, lr_in_velocity=True),
        (0.999, -1.998, 0.497),
        (0.99359, -1.99698, 0.48977),
    ),
    "Nesterov": (
        optim.SGD(0.001, momentum=0.9, nesterov=True, lr_in_velocity=True),
        (0.99981, -1.99962, 0.49943),
        (0.9992231, -1.9996782, 0.4984793),
    ),
    "Adam": (
        optim.Adam(),
        (0.999, -1.999, 0.499),
        (0.997824315, -1.998672274, 0.497906721),
    ),
    "AdamW": (
        optim.AdamW(weight_decay=0.1),
        (0.9989, -1.9988, 0.49895),
        (0.997524637, -1.998072561, 0.497756976),
    ),
    "AdamW uncoupled": (
        optim.AdamW(weight_decay=0.1, decay_scaled_by_lr=False),
        (0.899, -1.799, 0.449),
        (0.727106093, -1.456888908, 0.362636743),
    ),
}


@pytest.mark.parametrize("name", FLUX)
def test_a_rule_gives_the_numbers_of_fluxs_formulas(name: str) -> None:
    rule, after_one, after_three = FLUX[name]
    gradients = [[0.1, -0.2, 0.3], [0.3, 0.1, -0.1], [-0.2, 0.05, 0.4]]
    found = course(rule, [1.0, -2.0, 0.5], gradients)
    np.testing.assert_allclose(found[0], after_one, atol=1e-9)
    np.testing.assert_allclose(found[2], after_three, atol=1e-9)


KAUN = {
    "sgd": (optim.SGD(0.1), (0.95, 0.97, 0.94)),
    "sgd momentum": (optim.SGD(0.1, momentum=0.9), (0.95, 0.925, 0.8725)),
    "sgd nesterov": (optim.SGD(0.1, momentum=0.9, nesterov=True), (0.905, 0.9025, 0.82525)),
    "adam": (optim.Adam(0.1), (0.900000002, 0.865439418, 0.810995384)),
    "adamw": (optim.AdamW(0.1, weight_decay=0.01), (0.899000002, 0.863540418, 0.808232843)),
}


@pytest.mark.parametrize("name", KAUN)
def test_a_rule_gives_the_numbers_of_kauns_formulas(name: str) -> None:
    rule, expected = KAUN[name]
    np.testing.assert_allclose(
        course(rule, [1.0], [[0.5], [-0.2], [0.3]])[:, 0], expected, atol=1e-9
    )


def test_adam_keeps_the_moments_and_powers_that_flux_states() -> None:
    model = {"x": np.ones(2)}
    state = optim.setup(optim.Adam(0.1), model)
    optim.update(state, model, {"x": np.ones(2)})
    skipped = state.copy()
    optim.update(state, model, {"x": np.zeros(2)})
    kept = state["x"].state
    np.testing.assert_allclose(kept["m"], 0.09)
    np.testing.assert_allclose(kept["v"], 0.000999)
    # Flux stores the power for the next update, we the one that was used.
    np.testing.assert_allclose([kept["beta1_power"], kept["beta2_power"]], [0.81, 0.998001])
    optim.update(skipped, model, {"x": None})
    untouched = skipped["x"].state
    np.testing.assert_allclose([untouched["m"][0], untouched["v"][0]], [0.1, 0.001])
    np.testing.assert_allclose(untouched["beta1_power"], 0.9)


def test_nesterovs_velocity_is_that_of_fluxs_doctest() -> None:
    """Flux keeps the velocity with the opposite sign."""
    model = {"x": np.zeros(2)}
    state = optim.setup(optim.SGD(0.001, momentum=0.9, nesterov=True, lr_in_velocity=True), model)
    optim.update(state, model, {"x": np.array([16.0, 88.0])})
    np.testing.assert_allclose(state["x"].state["velocity"], [0.016, 0.088])


def test_freezing_and_thawing_gives_fluxs_numbers() -> None:
    model = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])}
    state = optim.setup(optim.SGD(0.1), model)
    grads = {"x": np.array([1.0, 10.0]), "y": np.array([100.0, 1000.0])}
    optim.freeze(state["y"])
    optim.update(state, model, grads)
    np.testing.assert_allclose(model["x"], [0.9, 1.0])
    np.testing.assert_allclose(model["y"], [3.0, 4.0])
    optim.adjust(state, 0.2)
    optim.thaw(state)
    optim.update(state, model, grads)
    np.testing.assert_allclose(model["x"], [0.7, -1.0])
    np.testing.assert_allclose(model["y"], [-17.0, -196.0])


def test_a_tied_array_with_a_gradient_at_each_place_moves_by_their_sum() -> None:
    shared = np.array([1.0])
    model = {"a": shared, "b": {"c": shared}}
    state = optim.setup(optim.SGD(0.1, momentum=0.9), model)
    grads = {"a": np.array([3.0]), "b": {"c": np.array([7.0])}}
    for _ in range(2):
        optim.update(state, model, grads)
    expected = course(optim.SGD(0.1, momentum=0.9), [1.0], [[10.0], [10.0]])[-1]
    np.testing.assert_allclose(shared, expected)
    assert model["a"] is model["b"]["c"]  # type: ignore[index]


def make_training() -> ModuleType:
    """Import the script that makes the golden file."""
    path = GOLDEN.with_name("make_training.py")
    spec = importlib.util.spec_from_file_location("make_training", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.oracle
def test_the_golden_file_holds_what_pytorch_says_today() -> None:
    assert torch.tensor([1.0]).item() == 1.0
    script = make_training()
    live = script.rules() | script.functions() | script.fit()
    with np.load(GOLDEN) as golden:
        assert set(golden.files) == set(live)
        for name, values in live.items():
            np.testing.assert_allclose(golden[name], values, rtol=1e-9, atol=1e-9, err_msg=name)
