"""The next step, computed beside a run: what it tells is what then happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.data import Data

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype(np.float32)


def paused(rule: Any, data: Any = (X, Y), **options: Any) -> it.Run:
    model = nn.Sequential(nn.Linear(3, 8), nn.tanh, nn.Dropout(0.3), nn.Linear(8, 1))
    trainer = it.Trainer(model, rule, loss=losses.mse)
    run = trainer.start(trainer.init(seed=1), data, epochs=None, pace=200, **options)
    run.pause().wait()
    return run


def advance(run: it.Run, steps: int) -> None:
    """Take steps and wait until they are taken."""
    run.advance(steps).wait()
    with pytest.raises(it.RunPaused):
        run.wait()


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (optim.SGD(0.05, momentum=0.9), {"batch_size": 8}),
        (optim.Adam(0.01), {"batch_size": 7}),
        (optim.AdamW(0.01), {"batch_size": 8, "clip_norm": 0.1}),
        (optim.SGD(0.05), {"batch_size": 5, "accumulate": 2}),
    ],
)
def test_what_was_foreseen_is_what_the_run_then_does(
    rule: optim.Rule, options: dict[str, Any]
) -> None:
    run = paused(rule, **options)
    for _ in range(7):  # beyond the end of a pass
        seen = run.next_step()
        advance(run, 1)
        assert seen.step == run.step
        for path, x in it.tree.flatten_with_paths(run.state.model):
            assert np.allclose(seen.after[path], x, rtol=1e-5, atol=1e-7)
        assert seen.loss == pytest.approx(run.history.loss[-1], rel=1e-5)
    run.close()


def test_looking_ahead_changes_nothing() -> None:
    first, second = (paused(optim.Adam(0.01), batch_size=8) for _ in range(2))
    for run in (first, second):
        advance(run, 20 - run.step)
    first.next_step()
    first.next_step()
    for run in (first, second):
        advance(run, 3)
    assert first.history.loss.tolist() == second.history.loss.tolist()
    for run in (first, second):
        run.close()


def test_data_that_pass_only_once_are_not_asked_again() -> None:
    asked: list[int] = []

    def batches() -> Any:
        while True:
            asked.append(len(asked))
            yield X[:8], Y[:8]

    run = paused(optim.SGD(0.05), Data.from_iterable(batches()))
    advance(run, 1)
    before = len(asked)
    assert set(run.next_step().gradients) == set(run.next_step().after)
    assert len(asked) == before
    run.close()
