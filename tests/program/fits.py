"""Fits for the tests of recorded steps: the same one eagerly and recorded, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train.training.loop import leaping, session
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.records.commands import SetPace
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.step.stepper import Stepper
from tests.training.common import until

Array = NDArray[Any]
TOLERANCE = {"d": 1e-9, "f": 1e-4}


@dataclass
class Seen:
    """What is seen of the fits within `watched`.

    Attributes
    ----------
    engines : list of Engine
        In the order in which fits began.
    eager : int
        Steps that were computed eagerly.
    """

    engines: list[Engine]
    eager: int = 0

    @property
    def engine(self) -> Engine:
        """The engine of the last fit."""
        return self.engines[-1]

    @property
    def natively(self) -> bool:
        """Whether every step of the fits was a recorded one."""
        recorded = all(e.recordings and not e.refused for e in self.engines)
        return bool(self.engines) and recorded and not self.eager


@contextmanager
def watched(
    threads: int | None = None, shards: int | None = None, recorded: bool = True
) -> Iterator[Seen]:
    """Note the engines of all fits, and how many steps were eager; force threads and shards.

    With `recorded` False all steps are eager, those of background runs, too.
    """
    seen = Seen([])
    compute = Stepper.compute

    def engine(stepper: Stepper) -> Engine:
        seen.engines.append(Engine(stepper, threads, shards))
        return seen.engine

    def counted(self: Stepper, *arguments: Any) -> Any:
        seen.eager += 1
        return compute(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "Engine", engine)
        patch.setattr(Stepper, "compute", counted)
        if not recorded:
            patch.setattr(leaping, "is_native", lambda: False)
        yield seen


def course(trainer: it.Trainer, state: it.TrainState) -> dict[str, Array]:
    """Return all numbers of a fit that ended: arrays, what the optimiser keeps, history."""
    return _numbers(trainer.history, state)


def _numbers(history: it.History, state: it.TrainState) -> dict[str, Array]:
    found = {"loss": history.loss, "lr": history.lr, "norm": history.gradient_norm}
    for path, array in it.tree.flatten_with_paths(state.model):
        found[path] = np.asarray(array)
    for path, leaf in state.opt_state:
        for name, value in leaf.state.items():
            found[f"{path}/{name}"] = np.asarray(value)
    return found


Action = int | Callable[[it.Run], Any]


def steered(
    trainer: it.Trainer, state: it.TrainState, data: Any, script: Sequence[Action], **options: Any
) -> it.Run:
    """Return a run that went by a script, behind two steps: numbers of steps and commands."""
    run = trainer.start(state, data, pace=0.05, **options)  # two steps, and 20 s for the script
    until(lambda: run.step == state.step + 2)
    run.pause().wait(10)
    run.submit(SetPace(None)).wait(10)
    for action in script:
        if isinstance(action, int):
            run.advance(action).wait(10)
            until(lambda: run.status in ("paused", "finished"))
        else:
            ticket = action(run)
            if isinstance(ticket, Ticket):
                ticket.wait(10)
    return run


def course_of(run: it.Run) -> dict[str, Array]:
    """Return all numbers of a run, as `course`."""
    return _numbers(run.history, run.state)


def bits(found: dict[str, Array]) -> dict[str, bytes]:
    """Return the bytes of what `course` found."""
    return {name: array.tobytes() for name, array in found.items()}


def both(
    trainer: it.Trainer,
    state: it.TrainState,
    data: Any,
    threads: int | None = None,
    shards: int | None = None,
    **options: Any,
) -> tuple[dict[str, Array], dict[str, Array], Seen]:
    """Return the course of a fit taken eagerly, that of the recorded one, and how this went."""
    options = {"progress": False} | options
    with it.execution("eager"):
        eager = course(trainer, trainer.fit(state, data, **options))
    with watched(threads, shards) as seen:
        native = course(trainer, trainer.fit(state, data, **options))
    return eager, native, seen


def assert_close(found: dict[str, Array], expected: dict[str, Array], tolerance: float) -> None:
    """Insist on the same names, types, shapes and, about, numbers."""
    assert found.keys() == expected.keys()
    for name, right in expected.items():
        ours = found[name]
        assert (ours.dtype, ours.shape) == (right.dtype, right.shape), name
        scale = max(1.0, float(np.abs(right).max(initial=0.0))) if right.size else 1.0
        np.testing.assert_allclose(
            ours, right, rtol=tolerance, atol=tolerance * scale, err_msg=name
        )


def draw(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Array:
    """Return normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def regression(
    model: Callable[[], Any], rule: it.optim.Rule, x: Array, dtype: Any
) -> tuple[it.Trainer, it.TrainState, tuple[Array, Array]]:
    """Return a trainer of any model on random targets of the right shape."""
    trainer = it.Trainer(model(), rule, loss=it.losses.mse)
    state = trainer.init(seed=1, dtype=dtype)
    shape = trainer.predict(state, x).shape
    return trainer, state, (x, draw(*shape, seed=9, dtype=dtype))
