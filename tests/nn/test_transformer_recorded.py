"""A character model is recorded as it is, and its recorded step says what eager execution says."""

from __future__ import annotations

from typing import Any

import numpy as np

import interactive_train as it
from interactive_train import losses, nn
from interactive_train.autodiff.ops.attention import attention, together
from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.key import Key
from tests.nn.test_transformer import CharTransformer
from tests.recorded import Recorded


def test_a_recorded_step_computes_what_eager_execution_does() -> None:
    model = nn.init(CharTransformer(7, 6, 8, 2), seed=0, dtype=np.float64)
    model.blocks[1].attention.rope = True
    leaves, structure = it.tree.flatten(model)

    def step(tensors: list[Tensor], numbers: list[Any]) -> list[Any]:
        *given, x, y = tensors

        def loss(parts: list[Any]) -> Any:
            logits = structure.unflatten(parts)(x)
            return losses.cross_entropy_sparse(logits.reshape(-1, 7), y.reshape(-1))

        value, grads = it.value_and_grad(loss)(list(given))
        return [value, *grads]

    rng = np.random.default_rng(0)
    batches = [[rng.integers(0, 7, (3, 6)) for _ in range(2)] for _ in range(2)]
    recorded = Recorded(step, [*leaves, *batches[0]])
    for batch in batches:
        found = recorded([*leaves, *batch])
        wanted = step([Tensor(a) for a in (*leaves, *batch)], [])
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, np.asarray(want), rtol=1e-10, atol=1e-13)


def test_the_rate_of_dropped_weights_is_memory_of_a_recording() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 12))
    layout, key = together(4, 2, 2, 2, True), Key.from_seed(0)

    def run(tensors: list[Tensor], numbers: list[Any]) -> list[Any]:
        return [attention(tensors[0], layout, numbers[0], key)]

    recorded = Recorded(run, [x], [0.5])
    for rate in (0.5, 0.1, 0.0):
        (found,) = recorded([x], [rate])
        np.testing.assert_array_equal(found, run([Tensor(x)], [rate])[0].numpy())
