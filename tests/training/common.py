"""What the tests of training share: small problems, bits of a state, waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import losses, nn, optim

Bits = dict[str, bytes]


def problem(rows: int = 40, dtype: Any = np.float32) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return points in four dimensions and their labels."""
    random = np.random.default_rng(5)
    x = random.normal(size=(rows, 4)).astype(dtype)
    return x, (x[:, 0] > x[:, 1]).astype(np.int64) + (x[:, 2] > 0)


def network(rate: float = 0.25) -> nn.Sequential:
    """Return a network with dropout."""
    return nn.Sequential(nn.Linear(4, 8), nn.relu, nn.Dropout(rate), nn.Linear(8, 3))


def trainer_of(rule: Any = None, rate: float = 0.25) -> it.Trainer:
    """Return a classifier's trainer."""
    rule = optim.Adam(0.01) if rule is None else rule
    return it.Trainer(network(rate), rule, loss=losses.cross_entropy_sparse)


def line(rule: Any = None) -> tuple[it.Trainer, tuple[NDArray[Any], NDArray[Any]]]:
    """Return a trainer of one weight and its data, for quick steps."""
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    model = nn.Sequential(nn.Linear(1, 1))
    return it.Trainer(model, rule or optim.SGD(0.1), loss=losses.mse), (x, 3 * x)


def parameter_bits(state: it.TrainState) -> Bits:
    """Return the bytes of every array of the model."""
    return {path: leaf.tobytes() for path, leaf in it.tree.flatten_with_paths(state.model)}


def moment_bits(state: it.TrainState) -> Bits:
    """Return the bytes of everything that the optimiser keeps."""
    return {
        f"{path}/{name}": np.asarray(value).tobytes()
        for path, leaf in state.opt_state
        for name, value in leaf.state.items()
    }


def all_bits(state: it.TrainState) -> tuple[object, ...]:
    """Return all that a state says, as something that can be compared and never changes."""
    return (
        parameter_bits(state),
        moment_bits(state),
        state.step,
        state.opt_state.step,
        state.position,
        state.key,
        repr(state.loss),
        str(state.controls),
    )


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold in time"
        time.sleep(0.002)


def going(pace: float | None = 200, epochs: int | None = None, **options: Any) -> it.Run:
    """Return a run of quick steps, two a pass."""
    trainer, data = line()
    options = {"batch_size": 4, "pace": pace, "epochs": epochs} | options
    run = trainer.start(trainer.init(seed=0), data, **options)
    if epochs is None:
        until(lambda: run.step >= 2)
    return run
