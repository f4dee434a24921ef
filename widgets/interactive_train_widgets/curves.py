"""The curves of one source, fetched piece by piece and kept as pyramids.

In: a source and its view. Out: decimated curves, of the whole run or of the
steps that somebody zoomed into, and courses of knobs on a grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interactive_train.training.records.view import (
    BranchView,
    KnobView,
    MetricView,
    RunView,
    Source,
)
from interactive_train_widgets.describe import JOURNAL_ROWS
from interactive_train_widgets.pyramid import Array, Columns, Pyramid, Recorded, finite_rows

PLAN_POINTS = 64  # in the near part of a planned course, and as many in the rest
PAST_POINTS = 160  # of a course that is not recorded step by step

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
Rows = tuple[NDArray[np.int64], NDArray[np.float64]]
Window = tuple[float, float]


class Curves:
    """The curves of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._pyramids: dict[str, Pyramid] = {}
        self._courses: dict[str, tuple[tuple[object, ...], Points]] = {}
        self._generation = 0
        self._step = 0

    def follow(self, view: RunView) -> None:
        """Forget what was read when the run went back in time or to another branch."""
        if view.generation != self._generation or view.step < self._step:
            self._pyramids.clear()
            self._courses.clear()
        self._generation, self._step = view.generation, view.step

    def recorded(self, name: str, start: int = 0, branch: str = "") -> Rows:
        """Return the recorded (steps, values) of ``"loss"``, ``"lr"`` or a metric from a row on."""
        if branch:
            return self.source.series(name, start, branch)
        return self.source.series(name, start)

    def series(
        self, name: str, columns: int, window: Window | None = None, branch: str = ""
    ) -> Columns | None:
        """Return the decimated course of ``"loss"``, ``"lr"`` or a branch's metric, or None.

        None stands for a window into a curve that is sent point by point anyway.
        """
        pyramid = self._pyramids.setdefault(f"{name} {branch}", Pyramid())
        pyramid.append(*self.recorded(name, len(pyramid), branch))

        def rows(start: int, stop: int) -> Array:
            steps, values = self.recorded(name, start, branch)
            return finite_rows(steps[: stop - start], values[: stop - start])

        return _reduced(pyramid, columns, window, rows)

    def metric(
        self, metric: MetricView, columns: int, window: Window | None = None
    ) -> Columns | None:
        """Return the decimated course of a metric, or None as `series` does."""
        steps, values = metric.steps, metric.values
        pyramid = self._pyramids.setdefault(f"metric {metric.name}", Pyramid())
        if len(values) < len(pyramid):
            pyramid = self._pyramids[f"metric {metric.name}"] = Pyramid()
        pyramid.append(steps[len(pyramid) :], values[len(pyramid) :])

        def rows(start: int, stop: int) -> Array:
            return finite_rows(steps[start:stop], values[start:stop])

        return _reduced(pyramid, columns, window, rows)

    def plan(self, view: RunView, knob: KnobView, window: Window | None = None) -> Points | None:
        """Return (steps, values) of a knob that are planned from here on."""
        end = view.last_step if view.last_step is not None else view.step + view.step // 3 + 100
        first = view.step + 1
        stride = max(1, (view.step - view.first_step) // 16)
        near = min(end, view.step + 4 * stride + 16)
        if window is not None:
            first, end = max(first, int(window[0])), min(end, int(window[1]) + 1)
            near = (first + end) // 2
        if end < first:
            return None
        parts = (np.linspace(first, near, PLAN_POINTS), np.linspace(near, end, PLAN_POINTS))
        return self._course("plan", view, knob, stride, parts, window)

    def past(self, view: RunView, knob: KnobView, window: Window | None = None) -> Points | None:
        """Return (steps, values) of a knob that were used, sampled up to now."""
        first, last = view.first_step + 1, view.step
        if window is not None:
            first, last = max(first, int(window[0])), min(last, int(window[1]) + 1)
        if last < first:
            return None
        stride = max(1, (view.step - view.first_step) // PAST_POINTS)
        changes = [
            at + late
            for entry in view.journal[-JOURNAL_ROWS:]
            for at in (entry.step, *(step for step, _ in entry.values))
            for late in (0, 1)  # both sides of the edge
            if first <= at + late <= last
        ]
        parts = (np.linspace(first, last, PAST_POINTS), np.asarray(changes, dtype=np.float64))
        return self._course("past", view, knob, stride, parts, window)

    def _course(
        self,
        kind: str,
        view: RunView,
        knob: KnobView,
        stride: int,
        parts: tuple[NDArray[np.float64], ...],
        window: Window | None,
    ) -> Points:
        """Return the course of a knob on a grid; asked again when it changed or time went on."""
        name, path = knob.description.name, knob.path
        undone = sum(entry.undone for entry in view.journal[-JOURNAL_ROWS:])
        state = (knob.override, knob.scale, len(view.journal), undone, window)
        key = (*state, view.last_step, view.step // stride)
        place = f"{kind} {path} {name} {window is None}"
        kept = self._courses.get(place)
        if kept is None or kept[0] != key:
            grid = np.unique(np.concatenate(parts).astype(np.int64))
            values = np.asarray(self.source.course(name, grid.tolist(), path), dtype=np.float64)
            kept = self._courses[place] = (key, (grid.astype(np.float64), values))
        return kept[1]


def _reduced(
    pyramid: Pyramid, columns: int, window: Window | None, recorded: Recorded
) -> Columns | None:
    if window is None:
        return pyramid.columns(columns)
    if len(pyramid) <= columns:
        return None
    # A page asks for half a picture more than it shows, to be moved about in.
    return pyramid.window(*window, columns + columns // 2, recorded)


def departure(branches: Sequence[BranchView], name: str, drawn: Sequence[str] = ()) -> int:
    """Return the last step that a branch shares with the current one, or with another drawn one."""
    parents = {branch.name: branch for branch in branches}

    def line(at: str) -> dict[str, int]:
        """Up to which step a branch follows each of its ancestors, itself without an end."""
        shared: dict[str, int] = {}
        limit = 1 << 62
        while at in parents and at not in shared:
            shared[at] = limit
            limit, at = min(limit, parents[at].fork_step), parents[at].parent
        return shared

    current = next((branch.name for branch in branches if branch.current), "")
    mine = line(name)
    shared = 0
    for theirs in map(line, (current, *drawn)):
        shared = max(shared, *(min(mine[at], theirs[at]) for at in mine if at in theirs), 0)
    return shared
