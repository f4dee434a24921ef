"""Kernels are compiled before any test looks at the clock."""

from __future__ import annotations

import pytest

from tests.training.common import line, problem, trainer_of


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Take a step of the models that timed tests run."""
    trainer, data = line()
    trainer.fit(trainer.init(seed=0), data, batch_size=4, progress=False)
    trainer = trainer_of()
    trainer.fit(trainer.init(seed=0), problem(), batch_size=7, progress=False)
