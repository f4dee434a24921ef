"""What a dashboard shows, as one message: a JSON head and two binary buffers.

A frame is a whole picture, never a difference: a reload, a second tab or a gap
needs nothing but the next frame. Curves lie one after the other in the buffers;
``head["curves"]`` says where. The first buffer (float64) holds the step of each
bucket, the second (float32) its mean and, when a bucket is more than one point,
its minimum and maximum as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training.view import KnobView, MetricView, RunView, Source
from interactive_train_widgets.describe import (
    JOURNAL_ROWS,
    Head,
    describe,
    key_of,
    number,
    plain,
)
from interactive_train_widgets.messages import Value
from interactive_train_widgets.pyramid import Columns, Pyramid

VERSION = 1
METRIC_COLUMNS = 160
PLAN_POINTS = 64  # in the near part of a planned course, and as many in the rest
PAST_POINTS = 160  # of a course that is not recorded step by step
MAX_COURSES = 8  # scheduled knobs besides the learning rate

Buffers = list[memoryview]
Points = tuple[NDArray[np.float64], NDArray[np.float64]]


class Curves:
    """The curves of one source, fetched piece by piece and kept as pyramids."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._pyramids: dict[str, Pyramid] = {}
        self._courses: dict[str, tuple[tuple[object, ...], Points]] = {}

    def series(self, name: str, view: RunView, columns: int) -> Columns:
        """Return the decimated course of ``"loss"`` or ``"lr"``."""
        pyramid = self._pyramids.setdefault(name, Pyramid())
        if view.step < pyramid.last_step:  # the run went back in time
            pyramid = self._pyramids[name] = Pyramid()
        pyramid.append(*self.source.series(name, len(pyramid)))
        return pyramid.columns(columns)

    def metric(self, metric: MetricView, columns: int) -> Columns:
        """Return the decimated course of a metric."""
        key = f"metric {metric.name}"
        pyramid = self._pyramids.setdefault(key, Pyramid())
        if len(metric.values) < len(pyramid):
            pyramid = self._pyramids[key] = Pyramid()
        pyramid.append(metric.steps[len(pyramid) :], metric.values[len(pyramid) :])
        return pyramid.columns(columns)

    def plan(self, view: RunView, knob: KnobView) -> Points | None:
        """Return (steps, values) of a knob that are planned from here on."""
        end = view.last_step if view.last_step is not None else view.step + view.step // 3 + 100
        if end <= view.step:
            return None
        stride = max(1, (view.step - view.first_step) // 16)
        near = min(end, view.step + 4 * stride + 16)
        parts = (
            np.linspace(view.step + 1, near, PLAN_POINTS),
            np.linspace(near, end, PLAN_POINTS),
        )
        return self._course("plan", view, knob, stride, parts)

    def past(self, view: RunView, knob: KnobView) -> Points | None:
        """Return (steps, values) of a knob that were used, sampled up to now."""
        first = view.first_step + 1
        if view.step < first:
            return None
        stride = max(1, (view.step - view.first_step) // PAST_POINTS)
        changes = [
            at + late
            for entry in view.journal[-JOURNAL_ROWS:]
            for at in (entry.step, *(step for step, _ in entry.values))
            for late in (0, 1)  # both sides of the edge
            if first <= at + late <= view.step
        ]
        parts = (np.linspace(first, view.step, PAST_POINTS), np.asarray(changes, dtype=np.float64))
        return self._course("past", view, knob, stride, parts)

    def _course(
        self,
        kind: str,
        view: RunView,
        knob: KnobView,
        stride: int,
        parts: tuple[NDArray[np.float64], ...],
    ) -> Points:
        """Return the course of a knob on a grid; asked again when it changed or time went on."""
        name, path = knob.description.name, knob.path
        undone = sum(entry.undone for entry in view.journal[-JOURNAL_ROWS:])
        state = (knob.override, knob.scale, len(view.journal), undone)
        key = (*state, view.last_step, view.step // stride)
        place = f"{kind} {path} {name}"
        kept = self._courses.get(place)
        if kept is None or kept[0] != key:
            grid = np.unique(np.concatenate(parts).astype(np.int64))
            values = np.asarray(self.source.course(name, grid.tolist(), path), dtype=np.float64)
            kept = self._courses[place] = (key, (grid.astype(np.float64), values))
        return kept[1]


class Packer:
    """Lays curves one after the other into the two buffers of a frame."""

    def __init__(self) -> None:
        self.curves: list[Head] = []
        self._steps: list[NDArray[np.float64]] = []
        self._values: list[NDArray[np.float64]] = []
        self._step_count = self._value_count = 0

    def add(self, run: int, kind: str, columns: Columns, name: str = "") -> None:
        """Add a decimated curve of run number `run`."""
        wide = columns.size > 1
        rows = (columns.mean, columns.low, columns.high) if wide else (columns.mean,)
        head = {"size": columns.size, "total": columns.total, "last": number(columns.last)}
        self._put(run, kind, name, columns.first, rows, head)

    def add_points(self, run: int, kind: str, points: Points | None, name: str = "") -> None:
        """Add a curve as it is, if there is one."""
        if points is not None:
            steps, values = points
            head = {"size": 1, "total": len(steps), "last": number(float(steps[-1]))}
            self._put(run, kind, name, steps, (values,), head)

    def _put(
        self,
        run: int,
        kind: str,
        name: str,
        steps: NDArray[np.float64],
        rows: tuple[NDArray[np.float64], ...],
        head: Head,
    ) -> None:
        place = {"count": len(steps), "at": self._step_count, "values": self._value_count}
        self.curves.append({"run": run, "kind": kind, "name": name} | head | place)
        self._steps.append(steps)
        self._values.extend(rows)
        self._step_count += len(steps)
        self._value_count += len(steps) * len(rows)

    def buffers(self) -> Buffers:
        """Return the two buffers: steps (float64) and values (float32), little-endian."""
        if not self._steps:
            return [memoryview(b""), memoryview(b"")]
        steps = np.concatenate(self._steps).astype("<f8", copy=False)
        values = np.concatenate(self._values).astype("<f4")
        return [steps.data.cast("B"), values.data.cast("B")] if len(steps) else _EMPTY


_EMPTY: Buffers = [memoryview(b""), memoryview(b"")]


class Composer:
    """Turns the state of one or several sources into frames; the first can be steered."""

    revision = 0  # nothing is chosen on the page but by commands

    def __init__(self, sources: Sequence[Source], watch_only: bool) -> None:
        self.curves = [Curves(source) for source in sources]
        self.watch_only = watch_only

    def head(self, view: RunView) -> Head:
        """Return the part of a frame that needs no curve."""
        return describe(view) | {"watchOnly": self.watch_only}

    def frame(self, view: RunView, columns: int) -> tuple[Head, Buffers]:
        """Return head and buffers of a whole picture at one step boundary."""
        packer = Packer()
        names = [view.name]
        main = self.curves[0]
        packer.add(0, "loss", main.series("loss", view, columns))
        for run, curves in enumerate(self.curves[1:], 1):
            other = curves.source.view()
            names.append(other.name)
            packer.add(run, "loss", curves.series("loss", other, columns))
        packer.add(0, "lr", main.series("lr", view, columns))
        rate = main_rate(view)
        if rate is not None:
            packer.add_points(0, "plan", main.plan(view, rate))
        scheduled = [k for k in view.knobs if k.scheduled and k is not rate]
        for knob in scheduled[:MAX_COURSES]:
            packer.add_points(0, "past", main.past(view, knob), key_of(knob))
            packer.add_points(0, "plan", main.plan(view, knob), key_of(knob))
        for metric in view.metrics:
            if metric.matrix is not None:
                continue
            width = columns if "loss" in metric.name else METRIC_COLUMNS
            packer.add(0, "metric", main.metric(metric, width), metric.name)
        head = self.head(view) | {"runs": names, "curves": packer.curves}
        return head, packer.buffers()

    def choose(self, name: str, value: Value) -> None:
        """Refuse: a dashboard is steered by commands."""
        raise ValueError(refusal("dashboard", "it takes commands, no choices", repr(name)))


def main_rate(view: RunView) -> KnobView | None:
    """Return the learning rate whose course a run records."""
    rates = (k for k in view.knobs if not k.path and plain(k.description.name) == "lr")
    return next(rates, None)


def freeze_frame(head: Head, buffers: Buffers) -> bytes:
    """Return a frame as one piece of bytes, for a notebook that is saved.

    The layout: ``ITW1``, the length of the head and of the first buffer (two little-endian
    uint32), the head as UTF-8 padded with spaces to a multiple of 8, the buffers.
    """
    text = json.dumps(head | {"version": VERSION}, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 12) % 8)
    sizes = np.array([len(text), len(buffers[0])], dtype="<u4").tobytes()
    return b"ITW1" + sizes + text + bytes(buffers[0]) + bytes(buffers[1])
