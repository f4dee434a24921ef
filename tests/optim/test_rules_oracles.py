"""Our rules against PyTorch and optax over 60 random gradients, and against Flux's own numbers.

SGD, Adam and AdamW are in test_oracles.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import optim

GOLDEN = Path(__file__).parents[1] / "golden"

# The name of the oracle's array -> our rule.
OURS: dict[str, optim.Rule] = {
    "torch SGD decay": optim.Chain(optim.WeightDecay(0.1), optim.SGD(0.01, momentum=0.8)),
    "torch RMSprop": optim.RMSprop(0.01),
    "torch RMSprop momentum": optim.RMSprop(0.01, decay=0.8, eps=1e-7, momentum=0.7),
    "torch RMSprop centered": optim.RMSprop(0.01, momentum=0.5, centered=True),
    "torch Rprop": optim.Rprop(0.05, eta_minus=0.4, eta_plus=1.3, min_step=1e-3, max_step=0.2),
    "torch Adamax": optim.Adamax(0.01, beta1=0.8, beta2=0.99, eps=0.0),
    "torch Adagrad": optim.Adagrad(0.1, initial_accumulator=0.1),
    "torch Adadelta": optim.Adadelta(eps=1e-6),
    "torch Adafactor": optim.Adafactor(
        0.02, eps=1e-6, eps_scale=1e-2, clipping_threshold=1.5, weight_decay=0.1
    ),
    "torch Adafactor vector": optim.Adafactor(0.3, eps=1e-6),
    "torch Adafactor cube": optim.Adafactor(),
    "torch Muon": optim.Muon(0.02),
    "torch Muon plain": optim.Muon(0.02, nesterov=False, weight_decay=0.0, steps=3),
    "optax AdamW uncoupled": optim.AdamW(0.01, weight_decay=0.02, decay_scaled_by_lr=False),
    "optax RAdam": optim.RAdam(0.01, beta1=0.8, beta2=0.9, eps=1e-6),
    "optax RAdam slow": optim.RAdam(0.01),
    "optax NAdam": optim.NAdam(0.01, beta1=0.8, beta2=0.99, eps=1e-6),
    "optax AdaBelief": optim.AdaBelief(0.01, eps=1e-8),
    "optax Lion": optim.Lion(0.01, weight_decay=0.1),
    "optax Lamb": optim.Lamb(0.01, weight_decay=0.1),
    "optax OAdam": optim.OAdam(0.01),
    "optax clipped": optim.Chain(
        optim.ClipGrad(2.0), optim.ClipGlobalNorm(1.5), optim.SGD(0.1, momentum=0.9)
    ),
    "optax accumulated": optim.Chain(optim.AccumGrad(3), optim.Adam(0.01)),
}
SHAPES = {"torch Adafactor vector": (12,), "torch Adafactor cube": (2, 2, 3)}


def follow(
    rule: optim.Rule, start: NDArray[np.float64], gradients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the parameters after every gradient."""
    model = {"x": start.copy()}
    state = it.setup(rule, model)
    found = []
    for g in gradients:
        it.update(state, model, {"x": g})
        found.append(model["x"].copy())
    return np.array(found)


def make_rules() -> ModuleType:
    """Import the script that makes the golden file."""
    spec = importlib.util.spec_from_file_location("make_rules", GOLDEN / "make_rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", OURS)
def test_goes_where_the_oracle_goes(name: str) -> None:
    with np.load(GOLDEN / "rules.npz") as golden:
        start, gradients, expected = golden["start"], golden["gradients"], golden[name]
    if "Muon" in name:  # rows are outputs there, inputs here
        start, gradients = start.T, gradients.transpose(0, 2, 1)
        expected = expected.transpose(0, 2, 1)
    shape = SHAPES.get(name, start.shape)
    ours = follow(OURS[name], start.reshape(shape), gradients.reshape(-1, *shape))
    np.testing.assert_allclose(ours.reshape(expected.shape), expected, rtol=1e-10, atol=1e-10)


def test_every_golden_array_is_used() -> None:
    with np.load(GOLDEN / "rules.npz") as golden:
        assert set(golden.files) == {*OURS, "start", "gradients"}
        assert len(golden["gradients"]) >= 50


@pytest.mark.oracle
def test_the_golden_rules_are_what_pytorch_says_today() -> None:
    from tests.conftest import require

    assert require("torch").float64
    with np.load(GOLDEN / "rules.npz") as golden:
        for name, values in make_rules().torch_values().items():
            np.testing.assert_allclose(golden[name], values, rtol=1e-10, atol=1e-12)


# Where Flux differs from both ---------------------------------------------------------------------


def unrolled(gradients: NDArray[np.float64], beta: float, start: float = 0.0) -> Any:
    """Return the running mean after every gradient, as the sum that it stands for."""
    t = np.arange(1, len(gradients) + 1)
    weights = np.where(t[:, None] >= t, (1 - beta) * beta ** np.maximum(t[:, None] - t, 0.0), 0.0)
    shape = (-1,) + (1,) * (gradients.ndim - 1)
    return np.tensordot(weights, gradients, 1) + start * (beta**t).reshape(shape)


def test_amsgrad_is_the_closed_form_of_fluxs_formula() -> None:
    with np.load(GOLDEN / "rules.npz") as golden:
        start, g = golden["start"], golden["gradients"]
    eps = 1e-3  # large, so that where it stands can be seen
    m, v = unrolled(g, 0.8, eps), unrolled(g * g, 0.99, eps)
    largest = np.maximum.accumulate(np.maximum(v, eps))
    expected = start - np.cumsum(0.01 * m / (np.sqrt(largest) + eps), axis=0)
    ours = follow(optim.AMSGrad(0.01, beta1=0.8, beta2=0.99, eps=eps), start, g)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


def test_adamax_has_eps_in_the_denominator_as_flux() -> None:
    with np.load(GOLDEN / "rules.npz") as golden:
        start, g = golden["start"], golden["gradients"]
    t = np.arange(1, len(g) + 1)[:, None, None]
    u = np.array(
        [
            (0.9 ** np.arange(i, -1, -1.0)[:, None, None] * abs(g[: i + 1])).max(0)
            for i in range(len(g))
        ]
    )
    step = 0.01 / (1 - 0.8**t) * unrolled(g, 0.8) / (u + 1e-2)
    ours = follow(optim.Adamax(0.01, beta1=0.8, beta2=0.9, eps=1e-2), start, g)
    np.testing.assert_allclose(ours, start - np.cumsum(step, axis=0), rtol=1e-10, atol=1e-10)


# The reference's table: x after 1 and after 3 of three gradients.
FLUX: dict[str, tuple[optim.Rule, list[float], list[float]]] = {
    "Descent": (optim.SGD(0.1), [0.99, -1.98, 0.47], [0.98, -1.995, 0.44]),
    "Momentum": (
        optim.SGD(0.01, momentum=0.9, lr_in_velocity=True),
        [0.999, -1.998, 0.497],
        [0.99359, -1.99698, 0.48977],
    ),
    "Nesterov": (
        optim.SGD(0.001, momentum=0.9, nesterov=True, lr_in_velocity=True),
        [0.99981, -1.99962, 0.49943],
        [0.9992231, -1.9996782, 0.4984793],
    ),
    "RMSProp": (
        optim.RMSprop(),
        [0.996837723, -1.996837723, 0.496837723],
        [0.995582830, -1.999066778, 0.495314179],
    ),
    "RMSProp centred": (
        optim.RMSprop(centered=True),
        [0.996666668, -1.996666667, 0.496666667],
        [0.995165273, -1.998906504, 0.494980371],
    ),
    "Rprop": (optim.Rprop(), [0.999, -1.999, 0.499], [0.9978, -1.9995, 0.4985]),
    "Adam": (
        optim.Adam(),
        [0.999, -1.999, 0.499],
        [0.997824315, -1.998672274, 0.497906721],
    ),
    "AdamW": (
        optim.AdamW(weight_decay=0.1),
        [0.9989, -1.9988, 0.49895],
        [0.997524637, -1.998072561, 0.497756976],
    ),
    "AdamW uncoupled": (
        optim.AdamW(weight_decay=0.1, decay_scaled_by_lr=False),
        [0.899, -1.799, 0.449],
        [0.727106093, -1.456888908, 0.362636743],
    ),
    "RAdam": (
        optim.RAdam(),
        [0.9999, -1.9998, 0.4997],
        [0.999639017, -1.999749777, 0.499406467],
    ),
    "AdaMax": (
        optim.Adamax(),
        [0.999, -1.999, 0.499],
        [0.998129872, -1.998748591, 0.498191308],
    ),
    "OAdam": (
        optim.OAdam(),
        [0.998, -1.998, 0.498],
        [0.998108704, -1.999448967, 0.497221961],
    ),
    "AdaGrad": (
        optim.Adagrad(0.1, initial_accumulator=1e-8),
        [0.900000060, -1.900000017, 0.400000009],
        [0.858583983, -1.966543157, 0.353176332],
    ),
    "AdaDelta": (
        optim.Adadelta(),
        [0.999683774, -1.999683773, 0.499683772],
        [0.999596789, -2.000007595, 0.499457578],
    ),
    "AMSGrad": (
        optim.AMSGrad(),
        [0.996839308, -1.996838124, 0.496837900],
        [0.991662672, -1.995402557, 0.491706474],
    ),
    "NAdam": (
        optim.NAdam(),
        [0.998525579, -1.998525578, 0.498525578],
        [0.997398597, -1.998786555, 0.497515119],
    ),
    "AdaBelief": (
        optim.AdaBelief(),
        [0.998888889, -1.998888889, 0.498888889],
        [0.997561936, -1.998540163, 0.497679046],
    ),
    "Lion as in the paper": (
        optim.Lion(1e-3, beta2=0.999),
        [0.999, -1.999, 0.499],
        [0.999, -2.001, 0.499],
    ),
}


@pytest.mark.parametrize("name", FLUX)
def test_gives_the_numbers_of_the_worked_example(name: str) -> None:
    rule, first, third = FLUX[name]
    gradients = np.array([[0.1, -0.2, 0.3], [0.3, 0.1, -0.1], [-0.2, 0.05, 0.4]])
    found = follow(rule, np.array([1.0, -2.0, 0.5]), gradients)
    np.testing.assert_allclose(found[[0, 2]], [first, third], rtol=0, atol=6e-10)


def test_lion_is_not_sign_descent() -> None:
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(50, 1000))
    steps = -np.diff(follow(optim.Lion(1.0), np.zeros(1000), gradients), axis=0)
    agreement = np.mean(np.sign(steps) == np.sign(gradients[1:]))
    assert 0.5 < agreement < 0.99
