"""What a dashboard shows, as one message: a JSON head and two binary buffers.

A frame is a whole picture, never a difference: a reload, a second tab or a gap
needs nothing but the next frame. Curves lie one after the other in the buffers;
``head["curves"]`` says where. The first buffer (float64) holds the step of each
bucket, the second (float32) its mean and, when a bucket is more than one point,
its minimum and maximum as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.training.view import JournalEntry, KnobView, MetricView, RunView, Source
from interactive_train_widgets.pyramid import Columns, Pyramid

VERSION = 1
JOURNAL_ROWS = 60  # newest entries that a frame carries
METRIC_COLUMNS = 160
PLAN_POINTS = 64  # in the near part of a planned course, and as many in the rest
FIRST_KNOBS = ("lr", "weight_decay", "rate", "momentum")  # what a person reaches for first

Head = dict[str, Any]
Buffers = list[memoryview]


def number(value: float | None) -> float | None:
    """Return a float that JSON can carry; None for a missing or non-finite one."""
    return None if value is None or not math.isfinite(value) else float(value)


def describe_knob(knob: KnobView) -> Head:
    """Return one knob as the front end reads it."""
    about = knob.description
    return {
        "key": f"{knob.path}|{about.name}",
        "path": knob.path,
        "name": about.name,
        "title": about.title,
        "unit": about.unit,
        "help": about.help,
        "low": number(about.low),
        "high": number(about.high),
        "openLow": about.open_low,
        "openHigh": about.open_high,
        "interval": about.interval,
        "log": about.scale == "log",
        "slider": [number(about.slider[0]), number(about.slider[1])] if about.slider else None,
        "default": number(about.default),
        "effective": number(knob.effective),
        "base": number(knob.base),
        "scale": number(knob.scale),
        "override": number(knob.override),
        "scheduled": knob.scheduled,
    }


def order_knobs(knobs: Sequence[KnobView]) -> list[KnobView]:
    """Return the knobs with those first that a person reaches for first."""

    def rank(knob: KnobView) -> int:
        name = knob.description.name
        return FIRST_KNOBS.index(name) if name in FIRST_KNOBS else len(FIRST_KNOBS)

    return sorted(knobs, key=rank)


def describe_entry(entry: JournalEntry) -> Head:
    """Return one journal row as the front end reads it."""
    return {
        "sequence": entry.sequence,
        "step": entry.step,
        "lastStep": entry.values[-1][0] if entry.values else entry.step,
        "kind": entry.kind,
        "path": entry.path,
        "name": entry.name,
        "old": entry.old,
        "new": entry.new,
        "text": entry.text,
        "source": entry.source,
        "time": number(entry.wall_time),
        "undone": entry.undone,
    }


def _describe_metric(metric: MetricView) -> Head:
    values, steps = metric.values, metric.steps
    head: Head = {"name": metric.name, "higher": metric.higher_is_better, "count": len(values)}
    if len(values) and bool(np.isfinite(values).any()):
        best = int(np.nanargmax(values) if metric.higher_is_better else np.nanargmin(values))
        head |= {
            "value": number(float(values[-1])),
            "step": int(steps[-1]),
            "best": number(float(values[best])),
            "bestStep": int(steps[best]),
        }
    return head


def describe(view: RunView) -> Head:
    """Return everything of a view but its curves."""
    return {
        "run": {
            "name": view.name,
            "status": view.status,
            "step": view.step,
            "firstStep": view.first_step,
            "lastStep": view.last_step,
            "epoch": view.epoch,
            "stepsPerEpoch": view.steps_per_epoch,
            "elapsed": number(view.elapsed),
            "stepsPerSecond": number(view.steps_per_second),
            "pace": number(view.pace),
            "loss": number(view.loss),
            "message": view.message,
            "labels": dict(view.labels),
        },
        "knobs": [describe_knob(knob) for knob in order_knobs(view.knobs)],
        "groups": [
            {"path": g.path, "kind": g.kind, "parameters": g.parameters, "frozen": g.frozen}
            for g in view.groups
        ],
        "metrics": [_describe_metric(metric) for metric in view.metrics],
        "journal": [describe_entry(entry) for entry in view.journal[-JOURNAL_ROWS:]],
        "entries": len(view.journal),
    }


def signature(view: RunView) -> tuple[object, ...]:
    """Return what must differ for a new frame to be worth sending."""
    return (
        view.status,
        view.step,
        view.last_step,
        view.pace,
        view.message,
        tuple((k.effective, k.scale, k.override) for k in view.knobs),
        tuple(g.frozen for g in view.groups),
        tuple(len(m.values) for m in view.metrics),
        len(view.journal),
        sum(entry.undone for entry in view.journal[-JOURNAL_ROWS:]),
    )


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
