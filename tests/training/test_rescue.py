"""A loss that goes wrong: the run pauses, goes back, and trains on with a lower rate."""

from __future__ import annotations

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.control.rescue import before_trouble
from tests.training.common import problem, until


def wrong(rate: float = 1e30, at: int = 40) -> it.Run:
    """Return a run that halted in front of a step that is not finite."""
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(4, 8), nn.tanh, nn.Linear(8, 1)), optim.SGD(0.05), loss=losses.mse
    )
    x, y = problem(64)
    run = trainer.start(
        trainer.init(seed=1), (x, y[:, None].astype(np.float32)), batch_size=8, pace=200
    )
    run.run_until(step=at).wait(10)
    run.pace(None)
    until(lambda: run.status == "paused")
    run.adjust(lr=rate).wait(10)
    run.resume().wait(10)
    until(lambda: run.status == "paused")
    assert "must be finite" in run.view().message
    return run


@pytest.mark.parametrize("rate", [50.0, 1e30])
def test_one_command_goes_back_lowers_the_rate_and_goes_on(rate: float) -> None:
    run = wrong(rate)
    halted, rows = run.step, len(run.journal)
    ticket = run.rescue().wait(20)
    assert ticket.step is not None
    assert ticket.step < 40 <= halted
    assert (ticket.old, ticket.new) == ("0.05", "0.025")
    until(lambda: run.step > halted + 50)
    assert run.status == "running"
    assert run.view().message == ""
    assert np.isfinite(run.history.loss).all()
    assert run.history.loss[-1] < run.history.loss[0]
    added = run.journal.entries[rows:]
    assert [(e.kind, e.branch) for e in added][:2] == [("rewind", "main"), ("adjust", "branch 1")]
    assert [b.name for b in run.branches] == ["main", "branch 1"]


def test_the_rate_that_was_too_high_is_lowered_until_it_is_not() -> None:
    trainer = it.Trainer(nn.Linear(4, 1), optim.SGD(30.0), loss=losses.mse)
    x, y = problem(64)
    run = trainer.start(
        trainer.init(seed=1), (x, y[:, None].astype(np.float32)), batch_size=8, epochs=400
    )
    for _ in range(40):
        until(lambda: run.status != "running" or run.view().last_step == run.step)
        if run.status == "finished":
            break
        run.rescue(0.25).wait(20)
    assert run.wait(20).status == "finished"
    assert run.history.loss[-1] < 1.0
    assert 0 < run.setting("lr").effective(1) < 30.0


def test_a_scale_that_is_none_is_refused() -> None:
    run = wrong()
    for scale in (0.0, 2.0, "half"):
        with pytest.raises((TypeError, ValueError), match=r"run.rescue: scale"):
            run.rescue(scale)  # type: ignore[arg-type]
    assert run.status == "paused"


@pytest.mark.parametrize(
    ("curve", "low", "high"),
    [
        (np.geomspace(1, 1e30, 30), 0, 0),  # wrong from the first step on
        (np.r_[np.linspace(2, 0.1, 400), np.geomspace(0.2, 1e20, 20)], 330, 398),
        (np.r_[np.full(100, 1.0), 1e9], 80, 99),
        (np.r_[np.linspace(2, 1, 100), 1.5, 4.0, 90.0, 1e9], 80, 99),
        (np.array([1.0]), 0, 0),
        (np.empty(0), 0, 0),
    ],
)
def test_the_step_lies_in_front_of_where_the_loss_left_its_range(
    curve: np.ndarray, low: int, high: int
) -> None:
    assert low <= before_trouble(np.arange(1, len(curve) + 1), curve, 0) <= high
