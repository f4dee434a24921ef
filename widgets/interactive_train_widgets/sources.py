"""What can stand under a panel besides a run: a report callback, an optimiser's state tree.

Both are small adapters to `interactive_train.training.view.Source`. `bind`
turns whatever a person hands to a panel into a source, or says what would do.
"""

from __future__ import annotations

import importlib
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training import commands
from interactive_train.training.commands import Command
from interactive_train.training.ticket import Ticket
from interactive_train.training.view import (
    GroupView,
    JournalEntry,
    KnobView,
    MetricView,
    RunView,
    Source,
)

Points = tuple[NDArray[np.int64], NDArray[np.float64]]
QUIET = 5.0  # seconds without a report after which a fit counts as over


def _no_points() -> Points:
    return np.empty(0, dtype=np.int64), np.empty(0)


class ReportSource:
    """A source that is fed by the report callback of a blocking fit; it can only be watched."""

    def __init__(self, name: str = "fit", clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._steps: list[int] = []
        self._values: dict[str, list[float]] = {"loss": [], "lr": []}
        self._metrics: dict[str, tuple[list[int], list[float]]] = {}
        self._epoch = 1
        self._started = self._heard = clock()
        self._recent: deque[tuple[float, int]] = deque(maxlen=50)

    def report(
        self, global_step: int, epoch: int, loss: float, lr: float, metrics: Mapping[str, float]
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
            metrics=tuple(self._metric(name) for name in list(self._metrics)),
        )

    def _metric(self, name: str) -> MetricView:
        steps, values = self._metrics[name]
        count = len(steps)
        lower = any(part in name for part in ("loss", "error", "perplexity"))
        return MetricView(name, np.asarray(steps[:count]), np.asarray(values[:count]), not lower)

    def series(self, name: str, start: int = 0) -> Points:
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


@runtime_checkable
class StateTree(Protocol):
    """What an optimiser's state tree (``it.setup(rule, model)``) must offer to be shown."""

    def knobs(self) -> Sequence[KnobView]:
        """Return every knob below this branch as it stands."""
        ...

    def groups(self) -> Sequence[GroupView]:
        """Return every layer that can be frozen."""
        ...

    def __getitem__(self, path: str) -> Any:
        """Return the branch at a dotted path."""
        ...


class OptimiserSource:
    """A source over a bare optimiser state tree: knobs and freeze boxes, applied at once.

    `functions` offers ``adjust(branch, **knobs)``, ``freeze(branch)`` and ``thaw(branch)``;
    `interactive_train.optim` when omitted.
    """

    def __init__(self, tree: StateTree, functions: Any = None) -> None:
        self._tree = tree
        self._functions = functions or importlib.import_module("interactive_train.optim")
        self._journal: list[JournalEntry] = []
        self._undo: list[tuple[int, Callable[[], None]]] = []
        self._gesture = ""

    def view(self) -> RunView:
        """Return the knobs and layers as they stand."""
        return RunView(
            name="optimiser",
            status="ready",
            step=self._step,
            first_step=0,
            last_step=None,
            epoch=1,
            steps_per_epoch=None,
            elapsed=0.0,
            steps_per_second=0.0,
            pace=None,
            loss=math.nan,
            message="",
            knobs=tuple(self._tree.knobs()),
            groups=tuple(self._tree.groups()),
            journal=tuple(self._journal),
        )

    @property
    def _step(self) -> int:
        return int(getattr(self._tree, "step", 0))

    def series(self, name: str, start: int = 0) -> Points:
        """Return no points: a state tree has no history."""
        return _no_points()

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return NaN: a state tree alone has no plan."""
        return np.full(len(steps), np.nan)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Apply at once."""
        ticket = Ticket(len(self._journal), type(command).__name__)
        try:
            old, new = self._apply(command, source, gesture)
        except Exception as error:  # the page shows it beside the control
            return ticket.refuse(error)
        return ticket.apply(self._step, old, new)

    def _branch(self, path: str) -> Any:
        return self._tree[path] if path else self._tree

    def _apply(self, command: Command, source: str, gesture: str) -> tuple[str, str]:
        match command:
            case commands.Adjust(name=name, value=value, path=path):
                return self._adjust(name, value, path, source, gesture)
            case commands.Freeze(path=path):
                self._functions.freeze(self._branch(path))
                undo = lambda: self._functions.thaw(self._branch(path))  # noqa: E731
                return self._write("freeze", path, "", "free", "frozen", source, undo)
            case commands.Thaw(path=path):
                self._functions.thaw(self._branch(path))
                undo = lambda: self._functions.freeze(self._branch(path))  # noqa: E731
                return self._write("thaw", path, "", "frozen", "free", source, undo)
            case commands.Undo():
                return self._take_back()
        raise ValueError(
            refusal(
                "optimiser panel",
                "a bare state tree has knobs and freeze flags only",
                type(command).__name__,
                "Start a run with trainer.start(...) for the rest.",
            )
        )

    def _adjust(
        self, name: str, value: Any, path: str, source: str, gesture: str
    ) -> tuple[str, str]:
        knob = next(
            k for k in self._tree.knobs() if k.description.name == name and k.path == path
        )
        old = knob.effective
        if isinstance(value, commands.Scaled):
            value = knob.base * value.factor
        checked = knob.description.check(value, "optimiser panel")
        self._functions.adjust(self._branch(path), **{name: checked})
        if gesture and gesture == self._gesture:  # a drag is one row and one undo
            last = self._journal[-1]
            self._journal[-1] = replace(last, new=f"{checked:g}")
            return last.old, f"{checked:g}"
        self._gesture = gesture
        undo = lambda: self._functions.adjust(self._branch(path), **{name: old})  # noqa: E731
        return self._write("adjust", path, name, f"{old:g}", f"{checked:g}", source, undo)

    def _write(
        self,
        kind: str,
        path: str,
        name: str,
        old: str,
        new: str,
        source: str,
        undo: Callable[[], None],
    ) -> tuple[str, str]:
        if kind != "adjust":
            self._gesture = ""
        row = len(self._journal)
        self._journal.append(
            JournalEntry(row, self._step, kind, path, name, old, new, source, time.time())
        )
        self._undo.append((row, undo))
        return old, new

    def _take_back(self) -> tuple[str, str]:
        if not self._undo:
            raise ValueError(
                refusal("optimiser panel", "there must be something to undo", "an empty journal")
            )
        row, undo = self._undo.pop()
        undo()
        self._gesture = ""
        entry = self._journal[row]
        self._journal[row] = replace(entry, undone=True)
        return entry.new, entry.old


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
    if isinstance(thing, StateTree):
        return OptimiserSource(thing)
    raise TypeError(
        refusal(
            where,
            "it shows a run, an optimiser's state tree, or nothing (as a report callback)",
            type(thing).__name__,
            "Give what trainer.start(...) or it.setup(...) returned.",
        )
    )
