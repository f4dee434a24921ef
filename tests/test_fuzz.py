"""Junk given to public functions ends in an error of a known kind, never in a crash."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import interactive_train as it
from interactive_train import callbacks, losses, metrics, nn, optim, schedules

REFUSALS = (TypeError, ValueError, LookupError, ArithmeticError, ImportError)

ARRAYS = [
    np.zeros((2, 3)),
    np.zeros((2, 3), np.float32),
    np.full((2, 3), np.nan),
    np.full((4,), np.inf),
    np.zeros((0, 3)),
    np.zeros(()),
    np.arange(6),
    np.array([0, 2, -1]),
    np.array([True, False]),
    np.array(["a", "b"]),
    np.array([1j]),
    np.zeros((2, 3, 4)),
]
JUNK = st.one_of(
    st.sampled_from([None, True, False, "", "fast", [], (), {}, [1, "a"], object(), print, int]),
    st.sampled_from(ARRAYS),
    st.integers(-(10**20), 10**20),
    st.integers(-3, 10),
    st.floats(allow_nan=True, allow_infinity=True),
)


def constructors(module: Any) -> list[Callable[..., Any]]:
    """Return the public classes and functions of a module."""
    found = [getattr(module, name) for name in module.__all__]
    return [f for f in found if callable(f) and not isinstance(f, metrics.Metric)]


def named(function: Any) -> str:
    return str(getattr(function, "__qualname__", function))


CALLS = [
    *constructors(schedules),
    *[getattr(losses, name) for name in losses.__all__],
    *[m for m in (getattr(metrics, name) for name in metrics.__all__) if callable(m)],
    *[c for c in constructors(optim) if named(c) != "Part"],
    callbacks.early_stopping,
    callbacks.patience,
    callbacks.plateau,
    callbacks.throttle,
    nn.Linear,
    nn.LayerNorm,
    nn.Dropout,
    nn.Sequential,
    nn.relu,
    nn.gelu,
    nn.softmax,
    nn.log_softmax,
    nn.sigmoid,
    it.init,
    it.split,
    it.summary,
    it.trainables,
    it.destructure,
    it.batches,
    it.Data.from_arrays,
    it.Data.from_list,
    it.Data.from_fn,
    it.Data.repeat_value,
    it.Knob,
    it.Duplicated,
    it.Key.from_seed,
    it.Tensor,
    it.Trainer,
    it.train,
    it.train_step,
    it.lr_find,
    it.scale,
    it.stop_gradient,
    it.jvp,
    it.custom_vjp,
    it.tree.map2,
    it.tree.get,
]


def arity(function: Callable[..., Any]) -> tuple[int, int]:
    """Return the least and the most positional arguments that make sense."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1, 2
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    plain = [p for p in parameters if p.kind in kinds]
    least = sum(p.default is p.empty for p in plain)
    rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return least, max(least, min(len(plain), 4)) + (1 if rest else 0)


@pytest.mark.parametrize("function", CALLS, ids=named)
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_junk_is_refused_in_a_known_way(function: Callable[..., Any], data: Any) -> None:
    least, most = arity(function)
    count = data.draw(st.integers(least, most))
    values = [data.draw(JUNK) for _ in range(count)]
    message = "nothing was refused"
    try:
        function(*values)
    except REFUSALS as error:
        message = str(error)
    assert message
