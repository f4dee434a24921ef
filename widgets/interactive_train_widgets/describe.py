"""A view of a run as plain JSON: numbers that are none become null, declarations are kept.

In: the records of `interactive_train.training.records.view`. Out: dictionaries that the
front end reads, and a signature that says whether anything worth showing changed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records.view import JournalEntry, KnobView, MetricView, RunView

JOURNAL_ROWS = 60  # newest entries that a frame carries
MAX_KEPT = 100  # kept states that a frame tells of, named ones and others
MATRIX_CLASSES = 40  # rows of a matrix that a frame carries; a larger one is summed in blocks
LATE_KNOBS = ("beta1", "beta2", "beta2_decay", "eps", "eps_scale", "decay", "eta_minus", "eta_plus",
              "min_step", "max_step", "clipping_threshold")  # fmt: skip

Head = dict[str, Any]


def number(value: float | None) -> float | None:
    """Return a float that JSON can carry; None for a missing or non-finite one."""
    return None if value is None or not math.isfinite(value) else float(value)


def _key(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def key_of(knob: KnobView) -> str:
    """Return the name by which a page tells a knob from every other one."""
    return _key(knob.path, knob.description.name)


@lru_cache(maxsize=512)
def _declaration(path: str, about: Hyperparameter) -> Head:
    """The part of a knob that never changes."""
    return {
        "key": _key(path, about.name),
        "path": path,
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
        "slider": [number(end) for end in about.slider] if about.slider else None,
        "default": number(about.default),
    }


def describe_knob(knob: KnobView) -> Head:
    """Return one knob as the front end reads it."""
    return _declaration(knob.path, knob.description) | {
        "effective": number(knob.effective),
        "base": number(knob.base),
        "scale": number(knob.scale),
        "override": number(knob.override),
        "scheduled": knob.scheduled,
    }


def plain(name: str) -> str:
    """Return a knob's name without the member of a chain that owns it."""
    return name.rpartition("__")[2]


def order_knobs(knobs: Sequence[KnobView]) -> list[KnobView]:
    """Return the knobs with those first that a person reaches for first.

    The learning rate, then what is neither a rule's everyday knob nor its fine print (one's own,
    and what clips), weight decay, what is a layer's or differs by layer, momentum, the fine print.
    """

    def rank(knob: KnobView) -> tuple[int, bool]:
        name, part = plain(knob.description.name), bool(knob.path)
        if name in LATE_KNOBS:
            return 5, part
        if name in ("lr", "momentum", "weight_decay"):
            return {"lr": 3 if part else 0, "weight_decay": 2, "momentum": 4}[name], part
        return 3 if part else 1, part

    return sorted(knobs, key=rank)


def describe_entry(entry: JournalEntry, standing: Collection[int] | None = None) -> Head:
    """Return one journal row as the front end reads it; `standing` as in a `RunView`."""
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
        "branch": entry.branch,
        "stands": standing is None or entry.sequence in standing,
    }


def describe_matrix(metric: MetricView, matrix: NDArray[Any]) -> Head:
    """Return counts, true class by predicted class, of at most `MATRIX_CLASSES` rows."""
    classes = max(matrix.shape)
    block = -(-classes // MATRIX_CLASSES)
    for axis in (0, 1):
        cuts = np.arange(0, matrix.shape[axis], block)
        matrix = matrix if block == 1 else np.add.reduceat(matrix, cuts, axis=axis)
    return {
        "name": metric.name,
        "count": 0,
        "step": int(metric.steps[-1]),
        "matrix": [[number(float(value)) for value in row] for row in matrix],
        "block": block,
        "classes": classes,
    }


def describe_metric(metric: MetricView) -> Head:
    """Return a metric's newest and best value, or its matrix."""
    if metric.matrix is not None:
        return describe_matrix(metric, metric.matrix)
    values, steps = metric.values, metric.steps
    head: Head = {"name": metric.name, "higher": metric.higher_is_better, "count": len(values)}
    if len(values) and bool(np.isfinite(values).any()):
        worst = -np.inf if metric.higher_is_better else np.inf
        finite = np.where(np.isfinite(values), values, worst)
        best = int(finite.argmax() if metric.higher_is_better else finite.argmin())
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
            {
                "path": g.path,
                "kind": g.kind,
                "parameters": g.parameters,
                "frozen": g.frozen,
                "resting": list(g.resting),
                "knobs": list(g.knobs),
            }
            for g in view.groups
        ],
        "metrics": [describe_metric(metric) for metric in view.metrics],
        "journal": [describe_entry(entry, view.standing) for entry in view.journal[-JOURNAL_ROWS:]],
        "entries": len(view.journal),
    } | describe_time(view)


def describe_time(view: RunView) -> Head:
    """Return branches and kept states; of the unnamed ones as many as a page can tell apart."""
    named = [s for s in view.snapshots if s.name]
    others = [s for s in view.snapshots if not s.name]
    stride = max(1, -(-len(others) // MAX_KEPT))
    shown = sorted([*named[-MAX_KEPT:], *others[::stride]], key=lambda s: s.step)
    return {
        "branches": [
            {
                "name": branch.name,
                "parent": branch.parent,
                "forkStep": branch.fork_step,
                "lastStep": branch.last_step,
                "current": branch.current,
                "loss": number(branch.loss),
            }
            for branch in view.branches
        ],
        "snapshots": [{"step": s.step, "name": s.name, "branch": s.branch} for s in shown],
        "snapshotCount": len(view.snapshots),
        "snapshotBytes": view.snapshot_bytes,
        "snapshotLimit": view.snapshot_limit,
        "generation": view.generation,
        "batchSize": view.batch_size,
    }


def signature(view: RunView) -> tuple[object, ...]:
    """Return what must differ for a new frame to be worth sending."""
    return (
        view.status,
        view.step,
        view.last_step,
        view.pace,
        view.message,
        tuple((k.path, k.effective, k.scale, k.override) for k in view.knobs),
        tuple((g.frozen, g.resting) for g in view.groups),
        tuple(int(m.steps[-1]) if len(m.steps) else 0 for m in view.metrics),
        len(view.journal),
        view.generation,
        tuple((b.name, b.current) for b in view.branches),
        sum(s.name != "" for s in view.snapshots),
        sum(entry.undone for entry in view.journal[-JOURNAL_ROWS:]),
    )
