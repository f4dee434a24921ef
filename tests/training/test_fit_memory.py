"""A fit that is over leaves nothing: its session and its engine are gone without a collection."""

from __future__ import annotations

import gc

import numpy as np

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.loop.session import Session
from interactive_train.training.recorded.engine import Engine


def held() -> list[object]:
    # type(), not isinstance(): that asks a weak proxy of another test for its dead target's class
    return [thing for thing in gc.get_objects() if issubclass(type(thing), (Session, Engine))]


def test_a_fit_is_forgotten_at_once_with_its_arrays() -> None:
    trainer = it.Trainer(nn.Linear(3, 1), optim.Adam(), loss=losses.mse)
    x = np.ones((8, 3), np.float32)
    state = trainer.init(seed=0)
    gc.collect()
    before = len(held())
    gc.disable()
    try:
        for _ in range(3):
            state = trainer.fit(state, (x, x[:, :1]), batch_size=4, epochs=2, progress=False)
        assert len(held()) == before
    finally:
        gc.enable()


def test_a_journal_outlives_its_run() -> None:
    trainer = it.Trainer(nn.Linear(3, 1), optim.Adam(), loss=losses.mse)
    x = np.ones((8, 3), np.float32)
    run = trainer.start(trainer.init(seed=0), (x, x[:, :1]), batch_size=4, epochs=2).wait()
    journal = run.journal
    del run
    gc.collect()
    assert it.verify(journal, trainer, trainer.init(seed=0), (x, x[:, :1])).reproduces
