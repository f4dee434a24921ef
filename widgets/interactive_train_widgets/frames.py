"""What a dashboard shows, as one message: a JSON head and two binary buffers.

A frame is a whole picture, never a difference: a reload, a second tab or a gap
needs nothing but the next frame. Curves lie one after the other in the buffers;
``head["curves"]`` says where. The first buffer (float64) holds the step of each
bucket, the second (float32) its mean and, when a bucket is more than one point,
its minimum and maximum as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import KnobView, RunView, Source
from interactive_train_widgets.curves import Curves, Points, Rows, Window, departure
from interactive_train_widgets.describe import (
    Head,
    describe,
    key_of,
    number,
    plain,
)
from interactive_train_widgets.messages import Value
from interactive_train_widgets.pyramid import Columns

VERSION = 1
METRIC_COLUMNS = 160
MAX_COURSES = 8  # scheduled knobs besides the learning rate
MAX_BRANCHES = 6  # the newest ones are drawn
MAX_ROWS = 1_000_000  # of a curve in a file
MAX_POINTS = 6_000_000  # of all its curves: 96 MB on their way to the page
NOTHING: Mapping[str, object] = {}

Buffers = list[memoryview]


class Packer:
    """Lays curves one after the other into the two buffers of a frame."""

    def __init__(self) -> None:
        self.curves: list[Head] = []
        self._steps: list[NDArray[np.float64]] = []
        self._values: list[NDArray[np.float64]] = []
        self._step_count = self._value_count = 0

    def add(self, run: int, kind: str, columns: Columns | None, **more: object) -> None:
        """Add a decimated curve of run number `run`, if there is one; `more` tells which it is."""
        if columns is None:
            return
        wide = columns.size > 1
        rows = (columns.mean, columns.low, columns.high) if wide else (columns.mean,)
        head = {"size": columns.size, "total": columns.total, "last": number(columns.last)}
        self._put(run, kind, columns.first, rows, head | more)

    def add_points(self, run: int, kind: str, points: Points | None, **more: object) -> None:
        """Add a curve as it is, if there is one."""
        if points is not None:
            steps, values = points
            head = {"size": 1, "total": len(steps), "last": number(float(steps[-1]))}
            self._put(run, kind, steps, (values,), head | more)

    def _put(
        self,
        run: int,
        kind: str,
        steps: NDArray[np.float64],
        rows: tuple[NDArray[np.float64], ...],
        head: Head,
    ) -> None:
        place = {"count": len(steps), "at": self._step_count, "values": self._value_count}
        self.curves.append({"run": run, "kind": kind, "name": ""} | head | place)
        self._steps.append(steps)
        self._values.extend(rows)
        self._step_count += len(steps)
        self._value_count += len(steps) * len(rows)

    def buffers(self, kind: str = "<f4") -> Buffers:
        """Return the two buffers, little-endian: steps (float64) and values (float32)."""
        if not self._steps:
            return [memoryview(b""), memoryview(b"")]
        steps = np.concatenate(self._steps).astype("<f8", copy=False)
        values = np.concatenate(self._values).astype(kind)
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

    def frame(
        self, view: RunView, columns: int, windows: Sequence[Window] = ()
    ) -> tuple[Head, Buffers]:
        """Return head and buffers of a whole picture at one step boundary.

        Parameters
        ----------
        view : RunView
            Of the first source.
        columns : int
            Buckets of a curve at most. A frame holds at most ``20 * columns`` bytes of a curve,
            and 1.5 times as many for each window, however long the run is.
        windows : sequence of (float, float)
            Ranges of steps that somebody zoomed into: what they hide is sent once more, finer.
        """
        packer = Packer()
        views = [view, *(curves.source.view() for curves in self.curves[1:])]
        for run, (curves, seen) in enumerate(zip(self.curves, views, strict=True)):
            curves.follow(seen)
            self._add(packer, run, seen, columns)
            for place, window in enumerate(windows):
                self._add(packer, run, seen, columns, window, {"window": place})
        head = self.head(view) | {
            "runs": [seen.name for seen in views],
            "curves": packer.curves,
            "windows": [list(window) for window in windows],
        }
        return head, packer.buffers()

    def _add(
        self,
        packer: Packer,
        run: int,
        view: RunView,
        columns: int,
        window: Window | None = None,
        more: Mapping[str, object] = NOTHING,
    ) -> None:
        """Add the curves of one run; in a window only what is finer there."""
        curves = self.curves[run]
        packer.add(run, "loss", curves.series("loss", columns, window), **more)
        branches = view.branches
        drawn: list[str] = []
        for branch in [b for b in branches if not b.current][-MAX_BRANCHES:]:
            apart = departure(branches, branch.name, drawn)  # what it shares is drawn once
            drawn.append(branch.name)
            about = {"branch": branch.name, "apart": apart, **more}
            packer.add(run, "loss", curves.series("loss", columns, window, branch.name), **about)
            for name in branch.metrics:
                if "loss" in name:
                    own = curves.series(name, columns, window, branch.name)
                    packer.add(run, "metric", own, name=name, **about)
        for metric in view.metrics:
            loss = "loss" in metric.name
            if metric.matrix is None and (loss or (run == 0 and window is None)):
                course = curves.metric(metric, columns if loss else METRIC_COLUMNS, window)
                packer.add(run, "metric", course, name=metric.name, **more)
        if run > 0:
            return
        packer.add(0, "lr", curves.series("lr", columns, window), **more)
        rate = main_rate(view)
        if rate is not None:
            packer.add_points(0, "plan", curves.plan(view, rate, window), **more)
        scheduled = [k for k in view.knobs if k.scheduled and k is not rate]
        for knob in scheduled[:MAX_COURSES]:
            key = key_of(knob)
            packer.add_points(0, "past", curves.past(view, knob, window), name=key, **more)
            packer.add_points(0, "plan", curves.plan(view, knob, window), name=key, **more)

    def rows(self, view: RunView) -> tuple[Head, Buffers]:
        """Return what was recorded, undecimated, for a file; both buffers are float64.

        At most `MAX_ROWS` newest rows of a curve, and `MAX_POINTS` of all curves together.
        """
        packer = Packer()
        views = [view, *(curves.source.view() for curves in self.curves[1:])]
        found: list[tuple[int, str, str, str, Rows]] = []
        for run, (curves, seen) in enumerate(zip(self.curves, views, strict=True)):
            found.append((run, "loss", "", "", curves.recorded("loss")))
            for tail in seen.branches:
                if not tail.current:
                    own = curves.recorded("loss", 0, tail.name)
                    found.append((run, "loss", "", tail.name, own))
                    for name in tail.metrics:
                        own = curves.recorded(name, 0, tail.name)
                        found.append((run, "metric", name, tail.name, own))
            for m in seen.metrics:
                if m.matrix is None:
                    found.append((run, "metric", m.name, "", (m.steps, m.values)))
            found.append((run, "lr", "", "", curves.recorded("lr")))
        limit = shared_out([len(rows[0]) for *_, rows in found], MAX_POINTS, MAX_ROWS)
        for run, kind, name, branch, (steps, values) in found:
            points = (steps[-limit:].astype(np.float64), values[-limit:])
            if len(steps):
                packer.add_points(run, kind, points, name=name, branch=branch, whole=len(steps))
        head: Head = {"runs": [seen.name for seen in views], "curves": packer.curves}
        return head, packer.buffers("<f8")

    def choose(self, name: str, value: Value) -> None:
        """Refuse: a dashboard is steered by commands."""
        raise ValueError(refusal("dashboard", "it takes commands, no choices", repr(name)))


def shared_out(lengths: Sequence[int], total: int, most: int) -> int:
    """Return how many points each curve may have: what short ones leave is for the others."""
    left = total
    for place, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - place)
        if length > share:
            return min(most, share)
        left -= length
    return most


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
