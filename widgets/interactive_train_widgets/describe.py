"""A view of a run as plain JSON: numbers that are none become null, declarations are kept.

In: the records of `interactive_train.training.view`. Out: dictionaries that the
front end reads, and a signature that says whether anything worth showing changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.view import JournalEntry, KnobView, MetricView, RunView

JOURNAL_ROWS = 60  # newest entries that a frame carries
FIRST_KNOBS = ("lr", "weight_decay", "rate", "momentum")  # what a person reaches for first

Head = dict[str, Any]


def number(value: float | None) -> float | None:
    """Return a float that JSON can carry; None for a missing or non-finite one."""
    return None if value is None or not math.isfinite(value) else float(value)


@lru_cache(maxsize=512)
def _declaration(path: str, about: Hyperparameter) -> Head:
    """The part of a knob that never changes."""
    return {
        "key": f"{path}.{about.name}" if path else about.name,
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


def describe_metric(metric: MetricView) -> Head:
    """Return a metric's newest and best value."""
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
            {"path": g.path, "kind": g.kind, "parameters": g.parameters, "frozen": g.frozen}
            for g in view.groups
        ],
        "metrics": [describe_metric(metric) for metric in view.metrics],
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
