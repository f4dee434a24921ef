"""Look-ups behind products, losses with their gradients: what the rewritten program computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.kernels.gemm import GEMM
from interactive_train.kernels.softmax import CROSS_ENTROPY_ROWS, CROSS_ENTROPY_ROWS_BOTH
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.step.objective import of_predictions
from interactive_train.training.step.stepper import Stepper

HEIGHT, WIDTH = 5, 4


def trainer_of(dtype: Any = np.float64) -> tuple[it.Trainer, it.TrainState]:
    model = nn.Sequential(nn.Embedding(HEIGHT, WIDTH), nn.Linear(WIDTH, 6), nn.Linear(6, 3))
    trainer = it.Trainer(model, optim.SGD(0.1), loss=losses.cross_entropy_sparse)
    return trainer, trainer.init(seed=0, dtype=dtype)


def ops_of(words: Any, labels: Any) -> list[Any]:
    """Return the calls of a step on these words."""
    _, state = trainer_of()
    engine = Engine(Stepper(state), threads=1, shards=1)
    objective = of_predictions(losses.cross_entropy_sparse, "fit")
    prepared, _ = engine.prepare(objective, [(words, labels)], None, 1)
    return list(prepared.program.ops)


def data(rows: int, time: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.integers(0, HEIGHT, (rows, time)), random.integers(0, 3, (rows, time))


def test_a_small_table_is_multiplied_before_its_rows_are_taken() -> None:
    products = [op.sizes for op in ops_of(*data(6, 7)) if op.kernel is GEMM]
    first = [s for s in products if HEIGHT in (s["m"], s["k"])]
    assert len(first) == 3  # forward, weights, table: all of the table's height
    assert not any(s["m"] == 42 and s["k"] == WIDTH for s in products)


def test_a_large_table_stays_in_front_of_the_product() -> None:
    products = [op.sizes for op in ops_of(*data(2, 3)) if op.kernel is GEMM]
    assert any(s["m"] == 6 and s["k"] == WIDTH for s in products)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(6, 7), (2, 3), (1, 1)])
def test_it_trains_as_eagerly(shape: tuple[int, int], dtype: Any) -> None:
    words, labels = data(*shape)
    trainer, state = trainer_of(dtype)
    ends = []
    for mode in ("native", "eager"):
        with it.execution(mode):
            end = trainer.fit(state, [(words, labels)] * 3, progress=False)
        ends.append(it.trainables(end.model))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9 if dtype == np.float64 else 1e-4, atol=1e-7)


def test_a_loss_and_its_gradient_are_one_call() -> None:
    kernels = [op.kernel for op in ops_of(*data(6, 7))]
    assert CROSS_ENTROPY_ROWS_BOTH in kernels
    assert CROSS_ENTROPY_ROWS not in kernels


def test_a_gradient_that_is_weighted_by_the_loss_comes_behind_it() -> None:
    """log of the loss: the gradient's weight is 1 / loss, so the two cannot be one call."""
    trainer, state = trainer_of()
    words, labels = data(6, 7)

    def loss(p: Any, y: Any) -> Any:
        return np.log(losses.cross_entropy_sparse(p, y))

    other = it.Trainer(trainer.model, optim.SGD(0.1), loss=loss)
    engine = Engine(Stepper(state), threads=1, shards=1)
    prepared, _ = engine.prepare(of_predictions(loss, "fit"), [(words, labels)], None, 1)
    assert CROSS_ENTROPY_ROWS in [op.kernel for op in prepared.program.ops]
    native = other.fit(state, [(words, labels)], progress=False)
    with it.execution("eager"):
        eager = other.fit(state, [(words, labels)], progress=False)
    for a, b in zip(it.trainables(native.model), it.trainables(eager.model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
