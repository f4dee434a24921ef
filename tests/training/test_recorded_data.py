"""Data of any kind that fits take: rows, elements, dicts, numbers, sizes that change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.program.fits import assert_close, both, draw

X = draw(24, 4)
Y = X[:, :2] * 2.0


def of_dict(p: Any, y: Any) -> Any:
    return losses.mse(p, y["a"]) * y["w"].mean()


def of_pair(p: Any, y: Any) -> Any:
    return losses.mse(p, y[0]) * y[1]


def of_pairs(p: Any, y: Any) -> Any:
    return ((p @ np.transpose(p)) ** 2).mean() + ((p - y) ** 2).sum()


CASES: dict[str, tuple[Any, Any]] = {
    "labels of 32 bits": (losses.cross_entropy_sparse, (X, (X[:, 0] > 0).astype(np.int32))),
    "float32 for a float64 model": (losses.mse, (X.astype(np.float32), Y.astype(np.float32))),
    "arrays that are not contiguous": (losses.mse, (np.repeat(X, 2, 1)[:, ::2], Y[::-1])),
    "dicts": (of_dict, [(X[:6], {"a": Y[:6], "w": np.arange(6.0) + i}) for i in range(4)]),
    "floats": (of_pair, [(X[:6], (Y[:6], 0.1 * i)) for i in range(5)]),
    "whole numbers": (of_pair, [(X[:6], (Y[:6], i)) for i in range(4)]),
    "truth values in elements": (
        losses.binary_cross_entropy,
        [(X[i : i + 6], Y[i : i + 6] > 0) for i in range(0, 24, 6)],
    ),
    "truth values in rows": (losses.binary_cross_entropy, (X, Y > 0)),
    "sizes that change": (losses.mse, [(X[:n], Y[:n]) for n in (3, 5, 3, 7, 1, 2, 4, 6, 8, 9, 3)]),
    "examples that depend on one another": (of_pairs, (X, Y)),
    "the worst example": (lambda p, y: ((p - y) ** 2).max(), (X, Y)),
    "turned around": (lambda p, y: ((p[::-1] - y) ** 2).mean(), (X, Y)),
    "a batch against its mean": (lambda p, y: ((p - p.mean(0) - y) ** 2).sum() / len(y), (X, Y)),
}


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_data_train_alike_eagerly_and_recorded(name: str, shards: int) -> None:
    loss, data = CASES[name]
    trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.01, momentum=0.9), loss=loss)
    state = trainer.init(seed=0, dtype=np.float64)
    size = None if isinstance(data, list) else 5
    eager, native, seen = both(trainer, state, data, shards=shards, batch_size=size, epochs=2)
    assert_close(native, eager, 1e-9)
    assert seen.natively, seen.engine.refused


class Slope(nn.Module):
    """Uses a gradient by its input."""

    def __init__(self) -> None:
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        slope: Any = it.grad(lambda z: (np.tanh(z) ** 2).sum())(x)
        return self.layer(x) * slope[:, :2]


@pytest.mark.parametrize("shards", [1, 2])
def test_gradients_within_a_model_are_recorded(shards: int) -> None:
    trainer = it.Trainer(Slope(), optim.SGD(0.01, momentum=0.9), loss=losses.mse)
    state = trainer.init(seed=0, dtype=np.float64)
    eager, native, seen = both(trainer, state, (X, Y), shards=shards, batch_size=5, epochs=2)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, 1e-9)
