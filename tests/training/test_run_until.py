"""`run_until`: a run pauses exactly where it was told to, and a wrong condition never ends it."""

from __future__ import annotations

from typing import Any

import pytest

import interactive_train as it
from interactive_train import optim
from interactive_train.training.records.view import RunView
from tests.training.common import going, line, until


def halted(run: it.Run) -> it.Run:
    until(lambda: run.status == "paused")
    return run


@pytest.mark.parametrize("pace", [None, 300])
def test_a_step_is_met_exactly_out_of_a_native_chunk(pace: float | None) -> None:
    run = going(pace=pace)
    run.pause().wait(10)
    for more in (1, 37, 200 if pace is None else 20):
        goal = run.step + more
        assert run.run_until(step=goal).wait(10).new == f"step {goal}"
        assert halted(run).step == goal
        assert run.view().message == f"reached step {goal}"
    run.resume().wait(10)
    assert run.view().message == ""


def test_an_epoch_is_met_at_its_last_step() -> None:
    run = going(pace=200, epochs=500)
    epoch = run.epoch + 3
    run.run_until(epoch=epoch).wait(10)
    assert halted(run).step == 2 * epoch
    assert run.state.position == (epoch, 0)


def test_a_loss_is_met_at_the_first_step_that_has_it() -> None:
    trainer, data = line(optim.SGD(0.05))
    run = trainer.start(trainer.init(seed=0), data, batch_size=8)
    run.pause().wait(10)
    run.rewind(0).wait(10)
    run.run_until(loss=1e-4).wait(10)
    assert halted(run).history.loss[-1] <= 1e-4
    assert (run.history.loss[:-1] > 1e-4).all()


def test_a_condition_is_asked_behind_every_step() -> None:
    run = going(pace=None)
    run.pause().wait(10)
    asked: list[int] = []

    def ten_later(view: RunView) -> bool:
        asked.append(view.step)
        return view.step >= first + 10

    first = run.step
    run.run_until(condition=ten_later).wait(10)
    assert halted(run).step == first + 10
    assert asked == list(range(first + 1, first + 11))


def test_a_condition_that_raises_pauses_with_its_message() -> None:
    run = going(pace=500)
    run.run_until(condition=lambda view: view.labels["no"]).wait(10)
    halted(run)
    assert "condition of run_until raised KeyError" in run.view().message
    step = run.step
    run.resume()
    until(lambda: run.step > step)


def test_the_next_command_takes_the_place_of_a_goal() -> None:
    run = going(pace=300)
    run.run_until(step=run.step + 10_000).wait(10)
    run.advance(2).wait(10)
    step = halted(run).step
    run.run_until(step=step + 3).wait(10)
    assert halted(run).step == step + 3


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({}, "one of step, epoch, loss or condition; got none"),
        ({"step": 5, "loss": 0.1}, "got step and loss"),
        ({"step": 1}, "a step behind the present one"),
        ({"epoch": 1}, "an epoch that is not over"),
        ({"step": 10_000_000}, "up to the planned end, 1000000"),
        ({"loss": "low"}, "the loss"),
        ({"condition": True}, "a condition is a function"),
    ],
)
def test_goals_that_are_none_are_refused(goal: dict[str, Any], message: str) -> None:
    run = going(pace=300, epochs=500_000)
    until(lambda: run.step > 4)
    with pytest.raises((TypeError, ValueError), match=f"run.run_until: .*{message}"):
        run.run_until(**goal).wait(10)
    assert run.status == "running"


def test_a_run_that_has_ended_says_how_it_goes_on() -> None:
    run = going(pace=None, epochs=3)
    run.wait(10)
    with pytest.raises(ValueError, match=r"run.run_until: the run must be going on"):
        run.run_until(loss=0.0)
