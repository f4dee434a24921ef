"""Common fits: what people record first, so that `warm` has their loops ready.

A recorded step needs loops that no catalogue lists, since they are made for it: bias and
activation, an update rule over all arrays. They depend on operations, not on sizes, so a few small
fits of each kind cover many models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from interactive_train import losses, nn, optim
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.step.objective import of_predictions
from interactive_train.training.step.stepper import Stepper
from interactive_train.training.trainer import Trainer


def common_fits() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield (name, function that records one step of it)."""
    x = np.zeros((8, 6), np.float32)
    y = np.zeros(8, np.int64)
    images = np.zeros((8, 1, 8, 8), np.float32)
    words = np.zeros((8, 5), np.int64)
    sparse = losses.cross_entropy_sparse
    dense = nn.Sequential(nn.Linear(6, 8), nn.relu, nn.Dropout(0.1), nn.Linear(8, 3))
    rules = (optim.SGD(0.1), optim.SGD(0.1, momentum=0.9), optim.Adam(), optim.AdamW())
    for rule in rules:
        yield f"relu, {rule!r}", _recorder(dense, rule, sparse, x, y)
    for activation in (nn.tanh, nn.gelu, nn.sigmoid, nn.silu):
        model = nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 3))
        yield activation.__name__, _recorder(model, optim.Adam(), losses.mse, x, x[:, :3])
    convolution = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same"),
        nn.BatchNorm(4),
        nn.relu,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    yield "convolution", _recorder(convolution, optim.Adam(), sparse, images, y)
    for layer in (nn.LSTM(8, 8), nn.GRU(8, 8), nn.TransformerBlock(8, 2)):
        model = nn.Sequential(nn.Embedding(7, 8), layer, nn.Linear(8, 7))
        name = type(layer).__name__
        yield name, _recorder(model, optim.AdamW(), sparse, words, words, clip_norm=1.0)


def _recorder(
    model: Any, rule: Any, loss: Any, x: Any, y: Any, clip_norm: float | None = None
) -> Callable[[], None]:
    def record() -> None:
        trainer = Trainer(model, rule, loss=loss)
        stepper = Stepper(trainer.init(seed=0), "warm", clip_norm=clip_norm)
        engine = Engine(stepper, threads=1, shards=2)
        engine.prepare(of_predictions(loss, "warm"), [(x, y)], None, 1)

    return record
