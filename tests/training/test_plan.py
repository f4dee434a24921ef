"""Plans: what was written down before the fit happens exactly at its step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.training.records.commands import Adjust, Undo
from tests.program.fits import watched
from tests.training.common import all_bits, going, line, problem, trainer_of

ANY: Any = 2.5


def fitted(trainer: it.Trainer, data: Any, **options: Any) -> it.TrainState:
    return trainer.fit(trainer.init(seed=1), data, progress=False, **options)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_planned_rate_is_used_from_the_step_behind(recorded: bool) -> None:
    trainer, data = line()
    plan = [it.at(30).adjust(lr=0.05), it.at(5).adjust(lr=it.scale(0.5))]
    with watched(recorded=recorded) as seen:
        fitted(trainer, data, epochs=25, batch_size=4, plan=plan)
    assert seen.natively == recorded
    assert trainer.history.lr.tolist() == [0.1] * 5 + [0.05] * 45
    with watched(recorded=recorded):
        fitted(trainer, data, epochs=5, batch_size=4, plan=[it.at(3).adjust(lr=0.2)])
    assert trainer.history.lr.tolist() == [0.1] * 3 + [0.2] * 7


def test_a_plan_does_what_a_person_does_at_the_same_step() -> None:
    trainer, data = line(optim.SGD(schedules.linear(0.1, 0.01, 40), momentum=0.9))
    run = trainer.start(trainer.init(seed=1), data, batch_size=4, epochs=10,
                        plan=[it.at(7).pause()])  # fmt: skip
    with pytest.raises(it.RunPaused):
        run.wait(10)
    run.adjust(lr=0.2)
    run.freeze("layers.0")
    run.advance(3)
    with pytest.raises(it.RunPaused):
        run.wait(10)
    run.undo()
    run.resume()
    run.wait(10)
    plan = [it.at(7).adjust(lr=0.2).freeze("layers.0"), it.at(10).undo()]
    state = fitted(trainer, data, epochs=10, batch_size=4, plan=plan)
    assert all_bits(state) == all_bits(run.state)


def test_what_was_planned_stands_in_the_journal_with_its_source() -> None:
    run = going(pace=None, epochs=5, plan=[it.at(4).adjust(lr=0.01).note("slower")]).wait(10)
    rows = [(e.step, e.kind, e.source, e.new) for e in run.journal]
    assert rows == [(4, "adjust", "plan", "0.01"), (4, "note", "plan", "slower")]


def test_a_plan_can_end_a_run() -> None:
    assert going(pace=None, plan=[it.at(6).stop()]).wait(10).step == 6


def test_steps_count_over_all_fits() -> None:
    trainer, data = line()
    state = fitted(trainer, data, epochs=2, batch_size=4)
    trainer.fit(state, data, batch_size=4, progress=False, plan=[it.at(5).adjust(lr=0.5)])
    assert trainer.history.step.tolist() == [5, 6]
    assert trainer.history.lr.tolist() == [0.1, 0.5]
    with pytest.raises(ValueError, match=r"behind step 4; got it.at\(3\)"):
        trainer.fit(state, data, batch_size=4, progress=False, plan=[it.at(3).undo()])


def test_a_knob_of_the_loss_can_be_planned() -> None:
    factor = it.Knob("loudness", 1.0, low=0.0, high=10.0)
    model = nn.Sequential(nn.Linear(1, 1))
    trainer = it.Trainer(model, optim.SGD(0.1), loss=lambda p, y: factor * losses.mse(p, y))
    _, data = line()
    fitted(trainer, data, epochs=2, batch_size=8, plan=[it.at(1).adjust(loudness=4.0)])
    loud = trainer.history.loss
    fitted(trainer, data, epochs=2, batch_size=8)
    assert loud.tolist() == (trainer.history.loss * [1, 4]).tolist()
    with pytest.raises(ValueError, match='Did you mean "loudness"'):
        fitted(trainer, data, batch_size=8, plan=[it.at(0).adjust(loudnes=4.0)])


@pytest.mark.parametrize(
    ("plan", "error", "match"),
    [
        ([it.at(3).adjust(rl=0.1)], ValueError, r'plan=, it.at\(3\).*Did you mean "lr"'),
        ([it.at(3).freeze("layer.0")], ValueError, 'Did you mean "layers.0"'),
        ([it.at(3).adjust(lr=-1)], ValueError, "lr must be"),
        ([it.at(3).adjust("layers.9", rate=0.1)], ValueError, "a layer, an array or a pattern"),
        ([it.at(3)], TypeError, "a plan says what happens"),
        ([Adjust("lr", 0.1)], TypeError, "a plan says what happens"),
        ("it.at(3)", TypeError, "a plan is a list"),
        (it.at(3).undo(), TypeError, "a plan is a list"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_the_first_step(
    plan: Any, error: type[Exception], match: str
) -> None:
    trainer = trainer_of()
    state = trainer.init(seed=0)
    with pytest.raises(error, match=match):
        trainer.fit(state, problem(), plan=plan, progress=False)
    with pytest.raises(error, match=match):
        trainer.start(state, problem(), plan=plan)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: it.at(-1), ValueError, "it.at"),
        (lambda: it.at(ANY), TypeError, "it.at"),
        (lambda: it.at(2).adjust(), TypeError, "something to set"),
        (lambda: it.at(2).undo(0), ValueError, "times"),
        (lambda: it.at(2).note(ANY), TypeError, "a note is text"),
    ],
)
def test_a_step_of_a_plan_is_checked_where_it_is_written(
    make: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        make()


def test_what_cannot_be_applied_at_its_step_ends_the_fit_there() -> None:
    trainer, data = line()
    with pytest.raises(ValueError, match=r"run.undo: an adjust, .*; got none"):
        fitted(trainer, data, epochs=4, batch_size=4, plan=[it.at(5).undo()])
    assert trainer.last_state is not None
    assert trainer.last_state.step == 5


def test_a_fit_that_nobody_could_resume_refuses_to_pause() -> None:
    trainer, data = line()
    for planned in (it.at(1).pause(), it.at(1).snapshot("kept")):
        with pytest.raises(ValueError, match=r"it.at\(1\): a run in the background; got a fit"):
            fitted(trainer, data, plan=[planned])


def test_an_intervention_is_a_value() -> None:
    begun = it.at(3)
    assert begun.adjust(lr=0.1) == begun.adjust(lr=0.1)
    assert begun.commands == ()
    assert begun.undo(2).commands == (Undo(), Undo())
    assert np.ndim(begun.step) == 0
