"""early_stopping as a report: what it watches, when it ends a fit, and the state that remains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import callbacks, metrics, optim
from tests.training.common import all_bits, line, problem, trainer_of

ROUGH = optim.SGD(2.0, momentum=0.9)  # its loss goes up and down


class Keeper:
    """A report that keeps the bits of every state behind a pass, and the metric there."""

    every = "pass"

    def __init__(self, name: str = "validation_loss") -> None:
        self.name = name
        self.seen: list[tuple[float, tuple[object, ...]]] = []

    def __call__(self, *, metrics: Any, state: Any, loss: float) -> None:
        self.seen.append((metrics.get(self.name, loss), all_bits(state)))


def fitted(stop: Any, keeper: Keeper, epochs: int, **options: Any) -> Any:
    trainer = trainer_of(ROUGH)
    state = trainer.fit(
        trainer.init(seed=1),
        problem(),
        batch_size=8,
        shuffle=0,
        epochs=epochs,
        validation=problem(24),
        metrics={"accuracy": metrics.accuracy},
        report=[keeper, stop],
        progress=False,
        **options,
    )
    return trainer, state


@pytest.mark.parametrize("epochs", [60, 5], ids=["stopped", "planned end"])
@pytest.mark.parametrize("monitor", ["validation_loss", "validation_accuracy"])
def test_the_fit_ends_with_the_best_state_bit_for_bit(monitor: str, epochs: int) -> None:
    stop, keeper = callbacks.early_stopping(monitor, patience=5), Keeper(monitor)
    trainer, state = fitted(stop, keeper, epochs)
    assert stop.stopped == (epochs == 60)
    scores = [score for score, _ in keeper.seen]
    best = min(scores) if monitor == "validation_loss" else max(scores)
    assert best != scores[-1]
    assert stop.best == best
    assert all_bits(state) == keeper.seen[scores.index(best)][1]
    assert stop.best_step == state.step < trainer.history.step[-1]
    assert all_bits(trainer.last_state) == all_bits(state)


def test_without_restore_best_the_last_state_remains() -> None:
    stop = callbacks.early_stopping("validation_loss", 3, restore_best=False)
    keeper = Keeper()
    trainer, state = fitted(stop, keeper, 60)
    assert stop.stopped
    assert stop.best_state is None
    assert all_bits(state) == keeper.seen[-1][1]
    assert state.step == trainer.history.step[-1]


def test_a_fit_goes_on_from_the_best_state_as_from_any() -> None:
    stop, keeper = callbacks.early_stopping("validation_loss", 4), Keeper()
    trainer, best = fitted(stop, keeper, 60)
    again = [
        trainer.fit(s, problem(), batch_size=8, shuffle=0, progress=False)
        for s in (best, stop.best_state)
    ]
    assert all_bits(again[0]) == all_bits(again[1])
    assert again[0].position == (best.position[0] + 1, 0)


def test_one_report_serves_two_fits() -> None:
    stop = callbacks.early_stopping("validation_loss", 4)
    ends = []
    for _ in range(2):
        _, state = fitted(stop, Keeper(), 60)
        ends.append((all_bits(state), stop.best, stop.best_step, stop.stopped))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("epochs", [60, 5], ids=["stopped", "planned end"])
def test_a_run_ends_with_the_best_state(epochs: int) -> None:
    stop, keeper = callbacks.early_stopping("validation_loss", 5), Keeper()
    trainer = trainer_of(ROUGH)
    run = trainer.start(
        trainer.init(seed=1),
        problem(),
        batch_size=8,
        shuffle=0,
        epochs=epochs,
        validation=problem(24),
        report=[keeper, stop],
    )
    run.wait(20)
    best = min(keeper.seen, key=lambda pair: pair[0])
    assert all_bits(run.state) == best[1]
    assert run.status == ("stopped" if epochs == 60 else "finished")
    assert run.evaluate()["validation_loss"] == best[0] == stop.best
    at = run.step
    run.extend(epochs=2).wait(10)
    run.wait(20)
    assert stop.best <= best[0]
    assert run.step in (at, stop.best_step)


def test_it_watches_the_loss_of_every_step() -> None:
    trainer, (x, _) = line(optim.SGD(0.1))
    losses = [5.0, 4.0, 4.5, 3.0, 3.0, np.float64(3.0), 1.0]
    data = [(x, lambda p, target=target: p.sum() * 0.0 + target) for target in losses]
    stop = callbacks.early_stopping("loss", 2)
    state = trainer.fit(trainer.init(), data, report=stop, progress=False)
    assert (stop.stopped, stop.best, stop.best_step) == (True, 3.0, 4)
    assert state.step == 4
    assert len(trainer.history) == 6


def test_scores_that_are_all_nan_stop_the_fit_and_leave_the_last_state() -> None:
    trainer, data = line()
    stop = callbacks.early_stopping("validation_loss", 3)
    state = trainer.fit(
        trainer.init(),
        data,
        batch_size=4,
        epochs=20,
        validation=(data[0], data[1] * np.nan),
        report=stop,
        progress=False,
    )
    assert (stop.stopped, stop.best_step, state.step) == (True, None, 6)
    assert np.isnan(stop.best)


def test_an_error_leaves_the_last_state_not_the_best() -> None:
    trainer, data = line()

    def fail(step: int) -> None:
        if step == 6:
            raise RuntimeError("stopped here")

    stop = callbacks.early_stopping("loss", 10, mode="max")
    with pytest.raises(RuntimeError, match="stopped here"):
        trainer.fit(
            trainer.init(), data, batch_size=4, epochs=9, report=[stop, fail], progress=False
        )
    assert trainer.last_state is not None
    assert trainer.last_state.step == 6
    assert stop.best_step != 6


def test_it_looks_behind_passes_of_unknown_length() -> None:
    trainer, (x, y) = line()

    class Stream:
        def __iter__(self) -> Iterator[Any]:
            return iter([(x, y)] * 3)

    looked: list[int] = []

    def look(global_step: int, metrics: Any) -> None:
        looked.append(global_step)
        assert metrics["validation_loss"] > 0

    look.every = "pass"  # type: ignore[attr-defined]
    stop = callbacks.early_stopping("validation_loss", 2, min_delta=1e9)
    state = trainer.fit(
        trainer.init(),
        Stream(),
        epochs=9,
        validation=(x, y),
        report=[look, stop],
        progress=False,
    )
    assert looked == [3, 6, 9]
    assert (stop.stopped, state.step) == (True, 3)


def test_the_flux_form_writes_the_best_weights_into_the_model() -> None:
    model = {"w": np.zeros(1)}
    opt_state = it.setup(optim.SGD(0.9, momentum=0.9), model)
    seen: dict[int, tuple[float, float]] = {}

    def keep(global_step: int, loss: float, state: Any) -> None:
        seen[global_step] = (loss, float(state.model["w"][0]))

    stop = callbacks.early_stopping("loss", 4)
    it.train(
        lambda m, x: ((m["w"] - x) ** 2).sum(),
        model,
        [3.0] * 50,
        opt_state,
        report=[keep, stop],
        progress=False,
    )
    best = min(seen, key=lambda step: seen[step][0])
    assert stop.best_step == best == opt_state.step < max(seen)
    assert model["w"][0] == seen[best][1]


@pytest.mark.parametrize(
    ("monitor", "options", "message"),
    [
        (
            "validation_los",
            {},
            r"monitor is a metric of the fit; got 'validation_los'.*validation_",
        ),
        ("accuracy", {}, "got 'accuracy'.*\"?validation_accuracy"),
        ("validation_loss", {"validation": None, "metrics": None}, "Pass validation= to the fit"),
    ],
)
def test_a_wrong_monitor_is_refused(monitor: str, options: Any, message: str) -> None:
    trainer = trainer_of()
    given = {"validation": problem(24), "metrics": {"accuracy": metrics.accuracy}} | options
    with pytest.raises(ValueError, match=f"callbacks.early_stopping: .*{message}"):
        trainer.fit(
            trainer.init(),
            problem(),
            batch_size=20,
            report=callbacks.early_stopping(monitor),
            progress=False,
            **given,
        )


def test_a_metric_that_is_no_number_cannot_be_watched() -> None:
    trainer = trainer_of()
    with pytest.raises(TypeError, match=r"early_stopping: a score is one number; got an array"):
        trainer.fit(
            trainer.init(),
            problem(),
            batch_size=20,
            validation=problem(24),
            metrics={"confusion": metrics.confusion_matrix},
            report=callbacks.early_stopping("validation_confusion"),
            progress=False,
        )
