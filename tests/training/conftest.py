"""No test of training waits for a compiler, and none leaves a thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import interactive_train as it
from tests.training.common import line, problem, trainer_of


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Take a step of the models that timed tests run."""
    trainer, data = line()
    trainer.fit(trainer.init(seed=0), data, batch_size=4, progress=False)
    trainer = trainer_of()
    trainer.fit(trainer.init(seed=0), problem(), batch_size=7, progress=False)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Close the runs that a test left going, and insist that their threads end."""
    before, known = set(threading.enumerate()), len(it.runs)
    yield
    for run in list(it.runs)[known:]:
        run.close()
    left = [t for t in threading.enumerate() if t not in before and t.name.startswith("train ")]
    assert not left
