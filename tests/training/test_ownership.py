"""What was handed out never changes, and nobody can write into a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim
from tests.training.common import all_bits, line, problem, trainer_of, until


def test_states_given_to_reports_and_by_run_state_stay_as_they_were() -> None:
    trainer = trainer_of(optim.Adam(0.01))
    kept: list[tuple[it.TrainState, Any]] = []

    def keep(state: it.TrainState) -> None:
        kept.append((state, all_bits(state)))

    run = trainer.start(trainer.init(), problem(), batch_size=8, shuffle=0, epochs=20, report=keep)
    while run.status == "running":
        keep(run.state)
    run.wait()
    assert {state.step for state, _ in kept} >= set(range(1, 101))
    for state, bits in kept:
        assert all_bits(state) == bits


def test_the_state_that_a_fit_starts_from_stays_as_it_was() -> None:
    trainer = trainer_of(optim.SGD(0.1, momentum=0.9))
    start = trainer.init()
    bits = all_bits(start)
    trainer.fit(start, problem(), batch_size=8, progress=False)
    trainer.step(start, *problem())
    assert all_bits(start) == bits


def test_histories_and_predictions_stay_as_they_were() -> None:
    trainer, data = line()
    run = trainer.start(trainer.init(), data, batch_size=4, pace=200)
    until(lambda: run.step >= 3)
    loss, guess = run.history.loss, run.predict(data[0])
    series = run.series("loss", 1)
    was = loss.tobytes(), guess.tobytes(), [part.tobytes() for part in series]
    until(lambda: run.step >= 20)
    run.stop().wait(10)
    run.wait(10)
    assert (loss.tobytes(), guess.tobytes(), [part.tobytes() for part in series]) == was
    assert run.history.loss[: len(loss)].tobytes() == was[0]


def arrays_of(run: it.Run) -> dict[str, np.ndarray[Any, Any]]:
    state = run.state
    leaf = state.opt_state["layers.0.weight"]
    return {
        "a parameter": state.model.layers[0].weight,
        "a parameter by path": state.params["layers"]["0"]["weight"],
        "a moment": leaf.state["velocity"],
        "a loss": run.history.loss,
        "a series": run.series("loss")[1],
        "a prediction": run.predict(np.zeros((1, 1), np.float32)),
    }


def test_writing_into_what_was_handed_out_is_refused() -> None:
    trainer, data = line(optim.SGD(0.1, momentum=0.5))
    run = trainer.start(trainer.init(), data, batch_size=4, epochs=2).wait(10)
    for what, array in arrays_of(run).items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
        assert array.flags.writeable is False, what


def test_changing_a_handed_out_optimiser_state_changes_no_run() -> None:
    trainer, data = line()
    run = trainer.start(trainer.init(), data, batch_size=4, pace=200)
    it.freeze(run.state.opt_state)
    it.adjust(run.state.opt_state, 0.5)
    assert run.setting("lr").effective(1) == 0.1
    assert run.state.controls["frozen"] == []


def test_a_copy_may_be_written_to() -> None:
    trainer, _ = line()
    state = trainer.init()
    twin = state.copy()
    twin.model.layers[0].weight[...] = 7.0
    assert (state.model.layers[0].weight != 7.0).all()


def test_reports_cannot_change_what_metrics_say() -> None:
    trainer, data = line()

    def spoil(metrics: dict[str, float]) -> None:
        metrics.clear()

    seen: list[dict[str, float]] = []
    trainer.fit(
        trainer.init(),
        data,
        batch_size=4,
        epochs=2,
        progress=False,
        validation=data,
        report=[spoil, lambda metrics: seen.append(metrics)],
    )
    assert [list(m) for m in seen] == [[], *[["validation_loss"]] * 3]


def test_predict_and_evaluate_work_while_running_and_while_paused() -> None:
    trainer, data = line()
    run = trainer.start(trainer.init(), data, batch_size=4, pace=300, validation=data)
    until(lambda: run.step > 2)
    for _ in range(20):
        assert run.predict(data[0]).shape == (8, 1)
        assert run.evaluate()["validation_loss"] >= 0
    run.pause().wait(10)
    paused = run.predict(data[0])
    np.testing.assert_array_equal(paused, trainer.predict(run.state, data[0]))
    assert run.evaluate()["validation_loss"] == trainer.evaluate(run.state, data)["loss"]
    run.stop()


def test_a_fit_copies_in_at_entry() -> None:
    trainer, data = line()
    own = trainer.init(seed=0).copy()  # writable arrays, of whoever made the copy
    whole = trainer.fit(own, data, batch_size=4, epochs=3, progress=False)

    def spoil() -> None:
        own.model.layers[0].weight[...] = 1e6
        it.freeze(own.opt_state)

    frozen = own.model.layers[0].bias  # is not replaced, for nothing trains it
    run = trainer.fit(own, data, batch_size=4, epochs=3, progress=False, report=spoil)
    assert all_bits(run) == all_bits(whole)
    cold = it.frozen(trainer.init(seed=0).copy(), "layers.0.bias")
    kept = trainer.fit(cold, data, batch_size=4, progress=False)
    cold.model.layers[0].bias[...] = 5.0
    assert (kept.model.layers[0].bias == 0.0).all()
    assert (frozen == 0.0).all()
