"""What can stand under a panel besides a run: the report callback of a blocking fit.

`ReportSource` is a small adapter to `interactive_train.training.records.view.Source`.
`bind` turns whatever a person hands to a panel into a source, or says what would do.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim import OptimizerState
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.commands import Command
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import MetricView, RunView, Source
from interactive_train_widgets.optimiser import OptimiserSource

Points = tuple[NDArray[np.int64], NDArray[np.float64]]
QUIET = 5.0  # seconds without a report after which a fit counts as over


class ReportSource:
    """A source that is fed by the report callback of a blocking fit; it can only be watched."""

    def __init__(self, name: str = "fit", clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._steps: list[int] = []
        self._values: dict[str, list[float]] = {"loss": [], "lr": []}
        self._metrics: dict[str, tuple[list[int], list[float]]] = {}
        self._arrays: dict[str, tuple[int, NDArray[Any]]] = {}
        self._epoch = 1
        self._started = self._heard = clock()
        self._recent: deque[tuple[float, int]] = deque(maxlen=50)

    def report(
        self, global_step: int, epoch: int, loss: float, lr: float, metrics: Mapping[str, Any]
    ) -> None:
        """Record one step; called by the fit, so it does almost nothing."""
        now = self._clock()
        if not self._steps or now - self._heard > QUIET:
            self._started += now - self._heard
        self._heard = now
        self._epoch = epoch
        self._values["loss"].append(float(loss))
        self._values["lr"].append(float(lr))
        for name, value in metrics.items():
            if np.ndim(value):
                self._arrays[name] = (global_step, np.array(value))
                continue
            steps, values = self._metrics.setdefault(name, ([], []))
            if not values or values[-1] != value:
                values.append(float(value))
                steps.append(global_step)
        self._recent.append((now, global_step))
        self._steps.append(global_step)  # last: a reader counts the steps

    def view(self) -> RunView:
        """Return what is known of the fit."""
        quiet = self._clock() - self._heard > QUIET
        count = len(self._steps)
        rate = 0.0
        if len(self._recent) > 1:
            (t0, s0), (t1, s1) = self._recent[0], self._recent[-1]
            rate = (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0
        return RunView(
            name=self._name,
            status="ready" if not count else "finished" if quiet else "running",
            step=self._steps[count - 1] if count else 0,
            first_step=self._steps[0] - 1 if count else 0,
            last_step=None,
            epoch=self._epoch,
            steps_per_epoch=None,
            elapsed=self._heard - self._started,
            steps_per_second=rate,
            pace=None,
            loss=self._values["loss"][count - 1] if count else math.nan,
            message="",
            metrics=(*map(self._metric, list(self._metrics)), *self._matrices()),
        )

    def _metric(self, name: str) -> MetricView:
        steps, values = self._metrics[name]
        count = len(steps)
        lower = any(part in name for part in ("loss", "error", "perplexity"))
        return MetricView(name, np.asarray(steps[:count]), np.asarray(values[:count]), not lower)

    def _matrices(self) -> list[MetricView]:
        return [
            MetricView(name, np.array([step]), np.empty(0), True, array)
            for name, (step, array) in list(self._arrays.items())
            if array.ndim == 2
        ]

    def series(self, name: str, start: int = 0, branch: str = "") -> Points:
        """Return what was reported from the start-th step on."""
        stop = len(self._steps)
        steps = np.asarray(self._steps[start:stop], dtype=np.int64)
        return steps, np.asarray(self._values[name][start:stop], dtype=np.float64)

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return NaN: a callback is not told what is planned."""
        return np.full(len(steps), np.nan)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Refuse: a blocking fit hears nobody."""
        what = type(command).__name__
        return Ticket(-1, what).refuse(
            RuntimeError(
                refusal(
                    "Dashboard",
                    "a blocking fit can only be watched",
                    what,
                    "Start it with trainer.start(...) to steer it.",
                )
            )
        )


def bind(thing: object, where: str) -> Source:
    """Return the source that a panel shows: a run itself, or an adapter to what else may come.

    Raises
    ------
    TypeError
        If it is neither a run, nor an optimiser's state tree, nor None (a report callback).
    """
    if thing is None:
        return ReportSource()
    if all(callable(getattr(thing, name, None)) for name in ("view", "series", "submit")):
        return cast("Source", thing)
    if isinstance(thing, OptimizerState):
        return OptimiserSource(thing)
    raise TypeError(
        refusal(
            where,
            "it shows a run, an optimiser's state tree, or nothing (as a report callback)",
            type(thing).__name__,
            "Give what trainer.start(...) or it.setup(...) returned.",
        )
    )
