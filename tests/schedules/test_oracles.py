"""Our schedules against optax and PyTorch, from the golden file and, where PyTorch is, live."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from interactive_train import schedules
from interactive_train.schedules import Schedule
from tests.conftest import require

torch = require("torch")
GOLDEN = Path(__file__).parents[1] / "golden"

# The name of the oracle's array -> our schedule, and the step that its first value belongs to.
OURS: dict[str, tuple[Schedule, int]] = {
    "optax cosine_decay": (schedules.cosine_decay(0.3, 40, alpha=0.1), 0),
    "optax linear": (schedules.linear(0.3, 0.01, 40), 0),
    "optax warmup_linear": (schedules.warmup_linear(0.0, 0.3, 25), 0),
    "optax polynomial_decay": (schedules.polynomial_decay(0.3, 0.01, 40, power=2.5), 0),
    "optax exponential_decay": (schedules.exponential_decay(0.3, 0.8, 7), 0),
    "optax warmup_cosine_decay": (
        schedules.warmup_cosine_decay(0.02, 0.3, 10, 40, end_value=0.01),
        0,
    ),
    "optax join": (
        schedules.join(
            [(10, schedules.warmup_linear(0.0, 0.3, 10)), (40, schedules.cosine_decay(0.3, 40))]
        ),
        0,
    ),
    "torch cosine_decay": (schedules.cosine_decay(0.3, 60, end_value=0.01), 0),
    "torch warmup_linear": (schedules.warmup_linear(0.03, 0.3, 25), 0),
    "torch exponential_decay": (schedules.exponential_decay(0.3, 0.95, 1), 0),
    "torch polynomial_decay": (schedules.polynomial_decay(0.3, 0.0, 40, power=2.0), 0),
    "torch step_decay": (schedules.step_decay(0.3, 0.8, 7), 1),
    "torch piecewise_constant": (
        schedules.piecewise_constant([10, 30], [0.3, 0.03, 0.003]),
        1,
    ),
    "torch triangular": (schedules.triangular(0.05, 0.3, 12, decay=0.5), 0),
    "torch cosine_decay_restarts": (
        schedules.cosine_decay_restarts(0.3, 7, t_mul=2.0, alpha=0.1),
        0,
    ),
}


def make_schedules() -> ModuleType:
    """Import the script that makes the golden file."""
    spec = importlib.util.spec_from_file_location("make_schedules", GOLDEN / "make_schedules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", OURS)
def test_agrees_with_the_golden_file(name: str) -> None:
    schedule, first = OURS[name]
    with np.load(GOLDEN / "schedules.npz") as golden:
        expected = golden[name]
    steps = np.arange(first, first + len(expected))
    np.testing.assert_allclose(schedule(steps), expected, rtol=1e-9, atol=1e-12)


def test_every_golden_array_is_used() -> None:
    with np.load(GOLDEN / "schedules.npz") as golden:
        assert set(golden.files) == set(OURS)


@pytest.mark.oracle
def test_the_golden_file_holds_what_pytorch_says_today() -> None:
    assert torch.optim
    live = make_schedules().torch_values()
    with np.load(GOLDEN / "schedules.npz") as golden:
        for name, values in live.items():
            np.testing.assert_allclose(golden[name], values, rtol=1e-9, atol=1e-12)
