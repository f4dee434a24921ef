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

from interactive_train.training.view import MetricView, RunView, Source
from interactive_train_widgets.describe import Head, describe, number
from interactive_train_widgets.pyramid import Columns, Pyramid

VERSION = 1
METRIC_COLUMNS = 160
PLAN_POINTS = 64  # in the near part of a planned course, and as many in the rest

Buffers = list[memoryview]


class Curves:
    """The curves of one source, fetched piece by piece and kept as pyramids."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._pyramids: dict[str, Pyramid] = {}
        self._plan_key: tuple[object, ...] = ()
        self._plan: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

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

    def plan(self, view: RunView) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return (steps, values) of the learning rate that is planned from here on."""
        knob = next((k for k in view.knobs if k.description.name == "lr" and not k.path), None)
        end = view.last_step if view.last_step is not None else view.step + view.step // 3 + 100
        if knob is None or end <= view.step:
            return None
        stride = max(1, (view.step - view.first_step) // 16)
        key = (knob.override, knob.scale, view.last_step, view.step // stride, len(view.journal))
        if key != self._plan_key:
            near = min(end, view.step + 4 * stride + 16)
            grid = np.unique(
                np.concatenate(
                    (
                        np.linspace(view.step + 1, near, PLAN_POINTS),
                        np.linspace(near, end, PLAN_POINTS),
                    )
                ).astype(np.int64)
            )
            values = np.asarray(self.source.course("lr", grid.tolist()), dtype=np.float64)
            self._plan, self._plan_key = (grid.astype(np.float64), values), key
        return self._plan


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

    def add_points(
        self, run: int, kind: str, steps: NDArray[np.float64], values: NDArray[np.float64]
    ) -> None:
        """Add a curve as it is."""
        head = {"size": 1, "total": len(steps), "last": number(float(steps[-1]))}
        self._put(run, kind, "", steps, (values,), head)

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
        plan = main.plan(view)
        if plan is not None:
            packer.add_points(0, "plan", *plan)
        for metric in view.metrics:
            width = columns if "loss" in metric.name else METRIC_COLUMNS
            packer.add(0, "metric", main.metric(metric, width), metric.name)
        head = self.head(view) | {"runs": names, "curves": packer.curves}
        return head, packer.buffers()


def freeze_frame(head: Head, buffers: Buffers) -> bytes:
    """Return a frame as one piece of bytes, for a notebook that is saved.

    The layout: ``ITW1``, the length of the head and of the first buffer (two little-endian
    uint32), the head as UTF-8 padded with spaces to a multiple of 8, the buffers.
    """
    text = json.dumps(head | {"version": VERSION}, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 12) % 8)
    sizes = np.array([len(text), len(buffers[0])], dtype="<u4").tobytes()
    return b"ITW1" + sizes + text + bytes(buffers[0]) + bytes(buffers[1])
