"""What a recording cannot hold runs eagerly, right and with one notice; what changes is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.program.fits import Seen, assert_close, course, draw, watched

X = draw(24, 4)
Y = draw(24, 2, seed=1)
THIS = "test_recorded_refusals.py"
Make = Callable[[], Callable[[Any, Any], Any]]  # each fit has a loss of its own
GLOBAL_SCALE = 1.0
GLOBAL_ARRAY = np.ones(2)
CALLS: list[int] = []


def fit(make: Make, **options: Any) -> tuple[list[Any], Seen]:
    """Return the courses of an eager and a recorded fit, and how the last one went."""
    found = []
    for recorded in (False, True):
        trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.1, momentum=0.5), loss=make())
        state = trainer.init(seed=0, dtype=np.float64)
        with watched(recorded=recorded) as seen:
            state = trainer.fit(state, (X, Y), batch_size=4, progress=False, **options)
        found.append(course(trainer, state))
    return found, seen


# What cannot be recorded --------------------------------------------------------------------


def branches() -> Any:
    def loss(p: Any, y: Any) -> Any:
        error = ((p - y) ** 2).mean()
        return error if error > 1.0 else 2.0 * error  # LINE branches

    return loss


def measures() -> Any:
    def loss(p: Any, y: Any) -> Any:
        error = ((p - y) ** 2).mean()
        return error * (1.0 + float(error))  # LINE measures

    return loss


def looks() -> Any:
    def loss(p: Any, y: Any) -> Any:
        weights = np.asarray(y) > 0  # LINE looks
        return (weights * (p - y) ** 2).mean()

    return loss


def prints() -> Any:
    def loss(p: Any, y: Any) -> Any:
        print(p[0])  # LINE prints
        return ((p - y) ** 2).mean()

    return loss


def uses_items() -> Any:
    def loss(p: Any, y: Any) -> Any:
        return ((p - y) ** 2).mean() * (1.0 + abs(y[0, 0].item()))  # LINE uses_items

    return loss


def goes_through() -> Any:
    def loss(p: Any, y: Any) -> Any:
        total = ((p - y) ** 2).mean()
        for value in p.numpy().ravel():  # LINE goes_through
            total = total * (1.0 + 0.01 * value)
        return total

    return loss


def keeps_a_list() -> Any:
    seen: list[Any] = []

    def loss(p: Any, y: Any) -> Any:
        seen.append(len(seen))
        return ((p - y) ** 2).mean() * (1.0 + 0.1 * len(seen))

    return loss


def counts() -> Any:
    calls = 0

    def loss(p: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return ((p - y) ** 2).mean() * (1.0 + 0.1 * calls)

    return loss


def keeps_a_dict() -> Any:
    memory = {"calls": 1.0}

    def loss(p: Any, y: Any) -> Any:
        memory["calls"] = memory["calls"] + 1.0
        return ((p - y) ** 2).mean() * memory["calls"]

    return loss


def keeps_a_global() -> Any:
    CALLS.clear()

    def loss(p: Any, y: Any) -> Any:
        CALLS.append(1)
        return ((p - y) ** 2).mean() * len(CALLS)

    return loss


def draws() -> Any:
    np.random.seed(5)  # noqa: NPY002

    def loss(p: Any, y: Any) -> Any:
        return ((p - y + np.random.normal(size=y.shape)) ** 2).mean()  # noqa: NPY002

    return loss


def draws_from_a_generator() -> Any:
    random = np.random.default_rng(5)

    def loss(p: Any, y: Any) -> Any:
        return ((p - y + random.normal(size=y.shape)) ** 2).mean()

    return loss


def asks_another_thread() -> Any:
    def loss(p: Any, y: Any) -> Any:
        found: list[Any] = []

        def work() -> None:
            try:
                found.append(((p - y) ** 2).mean())
            except Exception as error:  # what a pool of threads would hand on
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    return loss


NAMED: dict[str, tuple[Make, str]] = {
    "branches": (branches, "decides a branch"),
    "measures": (measures, "turned into a Python number"),
    "looks": (looks, "turned into a NumPy array"),
    "prints": (prints, "known at the step only"),
    "uses_items": (uses_items, "known at the step only"),
    "goes_through": (goes_through, "known at the step only"),
}
HIDDEN: dict[str, tuple[Make, str]] = {
    "keeps a list": (keeps_a_list, "changes a list that it captured"),
    "counts": (counts, "changes a variable of 'loss' that it captured"),
    "keeps a dict": (keeps_a_dict, "changes a dict that it captured"),
    "keeps a global": (keeps_a_global, "changes a list that it captured"),
    "draws": (draws, "recorded twice, the loss came out differently"),
    "draws from a generator": (draws_from_a_generator, "recorded twice, the loss came out"),
    "asks another thread": (asks_another_thread, "used in another thread"),
}


def line_of(name: str) -> int:
    with open(__file__, encoding="utf-8") as file:
        return next(n for n, line in enumerate(file, 1) if line.rstrip().endswith(f"# LINE {name}"))


def notices(err: str) -> list[str]:
    return [line for line in err.splitlines() if "runs eagerly" in line]


@pytest.mark.parametrize("name", NAMED)
def test_a_look_at_a_value_is_named_with_its_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, cause = NAMED[name]
    (eager, native), seen = fit(make, epochs=2)
    assert_close(native, eager, 0.0)
    assert seen.eager == 12
    (line,) = notices(capsys.readouterr().err)
    assert f"{THIS}:{line_of(name)} in loss" in line
    assert cause in line


@pytest.mark.parametrize("name", HIDDEN)
def test_a_loss_with_an_effect_runs_eagerly(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make, cause = HIDDEN[name]
    (eager, native), seen = fit(make, epochs=2)
    (line,) = notices(capsys.readouterr().err)
    assert cause in line
    assert seen.eager == 12
    if not name.startswith("draws"):  # a recording has drawn already
        assert_close(native, eager, 0.0)


def test_a_loss_that_raises_raises_what_it_raises_eagerly() -> None:
    def make() -> Any:
        def loss(p: Any, y: Any) -> Any:
            raise LookupError("nothing there")

        return loss

    with pytest.raises(LookupError, match="nothing there"):
        fit(make)


# What changes between steps -----------------------------------------------------------------


def reported(change: Callable[[], None], at: int = 3) -> Any:
    def report(step: int) -> None:
        if step == at:
            change()

    return report


def test_captured_arrays_and_numbers_are_those_of_the_step() -> None:
    def run(recorded: bool) -> Any:
        array, scale, options = np.ones(2), 1.0, {"shift": 0.5, "weights": [np.ones(2), 2.0]}

        def loss(p: Any, y: Any) -> Any:
            shift = options["shift"]
            weights: Any = options["weights"]
            return (scale * array * weights[0] * (p - y - shift) ** 2).mean() * weights[1]

        def report(step: int) -> None:
            nonlocal array, scale
            if step == 2:
                array[0] = 3.0  # in place
            elif step == 4:
                array = np.array([0.5, 0.1])  # another one
            elif step == 6:
                scale = 0.2
            elif step == 8:
                options["shift"] = -0.3
            elif step == 10:
                options["weights"][0][:] = 0.4  # type: ignore[index]

        trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.1), loss=loss)
        state = trainer.init(seed=0, dtype=np.float64)
        with watched(recorded=recorded) as seen:
            state = trainer.fit(
                state, (X, Y), batch_size=4, epochs=2, report=report, progress=False
            )
        assert seen.natively is recorded, seen.engine.refused
        return course(trainer, state)

    assert_close(run(True), run(False), 1e-9)


def global_loss(p: Any, y: Any) -> Any:
    return GLOBAL_SCALE * (GLOBAL_ARRAY * (p - y) ** 2).mean()


def test_globals_are_those_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for recorded in (False, True):
        monkeypatch.setitem(globals(), "GLOBAL_SCALE", 1.0)
        monkeypatch.setitem(globals(), "GLOBAL_ARRAY", np.ones(2))

        def report(step: int) -> None:
            if step == 2:
                monkeypatch.setitem(globals(), "GLOBAL_SCALE", 0.3)
            if step == 4:
                GLOBAL_ARRAY[1] = 5.0

        trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.1), loss=global_loss)
        with watched(recorded=recorded) as seen:
            state = trainer.fit(
                trainer.init(seed=0, dtype=np.float64), (X, Y), batch_size=4, report=report,
                progress=False,
            )  # fmt: skip
        assert seen.natively is recorded, seen.engine.refused
        found.append(course(trainer, state))
    assert_close(found[1], found[0], 1e-9)


def test_a_function_that_the_loss_calls_may_change_what_it_captured() -> None:
    def run(recorded: bool) -> Any:
        weights = np.ones(2)

        def error(p: Any, y: Any) -> Any:
            return weights * (p - y) ** 2

        def loss(p: Any, y: Any) -> Any:
            return error(p, y).mean()

        def report(step: int) -> None:
            weights[step % 2] *= 0.5

        trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.1), loss=loss)
        with watched(recorded=recorded) as seen:
            state = trainer.fit(
                trainer.init(seed=0, dtype=np.float64), (X, Y), batch_size=4, report=report,
                progress=False,
            )  # fmt: skip
        assert seen.natively is recorded, seen.engine.refused
        assert seen.engine.tables <= 1
        return course(trainer, state)

    assert_close(run(True), run(False), 1e-9)


def test_losses_of_elements_that_look_at_values_run_eagerly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def elements() -> Any:
        return [(X[:4], lambda p, i=i: (p**2).mean() * (i if float(p.sum()) > 0 else 1.0))
                for i in range(3)]  # fmt: skip

    found = []
    for recorded in (False, True):
        trainer = it.Trainer(nn.Linear(4, 2), optim.SGD(0.1))
        with watched(recorded=recorded):
            state = trainer.fit(
                trainer.init(seed=0, dtype=np.float64), elements(), epochs=2, progress=False
            )
        found.append(course(trainer, state))
    assert_close(found[1], found[0], 0.0)
    assert len(notices(capsys.readouterr().err)) == 1


def test_the_notice_comes_once_for_a_fit_and_again_for_the_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit(branches, epochs=3)
    assert len(notices(capsys.readouterr().err)) == 1
    fit(branches)
    assert len(notices(capsys.readouterr().err)) == 1


def test_mse_of_predictions_alone_is_recorded_without_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (eager, native), seen = fit(lambda: losses.mse)
    assert seen.natively
    assert_close(native, eager, 1e-9)
    assert not notices(capsys.readouterr().err)


def test_what_is_another_at_every_step_is_not_recorded_for_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = {"w": np.zeros(2)}
    factor = [1.0]

    def loss(m: Any, x: Any) -> Any:
        return ((m["w"] - x) ** 2).sum() * factor[0]

    def another(step: int) -> None:
        factor[0] = 1.0 + 0.001 * step

    opt_state = it.setup(optim.SGD(0.01), model)
    data = [np.ones(2)] * 60
    history = it.train(loss, model, data, opt_state, report=another, progress=False)
    assert len(history) == 60
    assert capsys.readouterr().err.count("another one at nearly every step") == 1
