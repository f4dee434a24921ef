"""Run files: one file with all of an ended or running fit, for later and for elsewhere.

It holds the states at the start and now, every recorded row, the metrics, the journal, and the
courses of all branches. It is a safetensors file (`runtime.tensors`): arrays as plain bytes, the
rest as JSON in its texts; nothing of it is executed. Layers, rules and losses are Python: to go on
or to replay, give the trainer again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.runtime.tensors import read_tensors, write_tensors
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.wire import decode_value, encode_value
from interactive_train.training.records.view import GroupView, KnobView, RunView
from interactive_train.training.run.coursefile import (
    SavedBranch,
    read_branches,
    read_history,
    written_branches,
    written_history,
)
from interactive_train.training.run.saved import SavedRun
from interactive_train.training.run.statefile import (
    check_states,
    read_knob,
    written_knob,
    written_state,
)

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session
    from interactive_train.training.run.run import Run
    from interactive_train.training.trainer import Trainer

COURSE = 1000  # points of a knob's course that a file keeps
FORMAT, VERSION = "interactive-train run", 1
_VIEW = ("name", "status", "step", "first_step", "last_step", "epoch", "steps_per_epoch",
         "elapsed", "loss", "message", "batch_size")  # fmt: skip


def save_run(path: str | os.PathLike[str], run: Run, session: Session) -> None:
    """Write a run, as it stands at one step boundary, to a file."""
    with session.lock:
        view, history = run.view(), session.history
        state, journal = session.current_state(), session.journal.to_json_lines()
        courses = _courses(run, view)
        arrays, branches = written_branches(session)
    arrays |= written_history(history, state.step)  # the run may go on meanwhile
    for (place, name), values in courses.items():
        arrays[f"course/{name}/{place}"] = values
    matrices = {}
    for name, (step, array) in history.arrays.items():
        arrays[f"matrix/{name}"], matrices[name] = array, step
    states = {}
    for prefix, value in (("start", session.state), ("state", state)):
        own, states[prefix] = written_state(value, prefix)
        arrays |= own
    described = {
        "view": {name: encode_value(getattr(view, name)) for name in _VIEW},
        "labels": dict(view.labels),
        "knobs": [_knob(knob) for knob in view.knobs],
        "groups": [asdict(group) for group in view.groups],
        "higher_is_better": history.higher_is_better,
        "matrices": matrices,
        "branches": branches,
        **states,
    }
    write_tensors(
        path,
        arrays,
        {
            "format": FORMAT,
            "version": str(VERSION),
            "run": json.dumps(described),
            "journal": journal,
        },
    )


def _courses(run: Run, view: RunView) -> dict[tuple[str, str], NDArray[Any]]:
    """Return the values of every knob that was not constant, and under "" the steps of them."""
    moved = {(entry.path, entry.name) for entry in view.journal if entry.name}
    steps = np.unique(np.linspace(view.first_step + 1, max(view.step, 1), COURSE).astype(int))
    found: dict[tuple[str, str], NDArray[Any]] = {("", ""): steps}
    for knob in view.knobs:
        path, name = knob.path, knob.description.name
        if knob.scheduled or (path, name) in moved or ("", name) in moved:
            found[path, name] = run.course(name, [*steps.tolist()], path)
    return found


def load_run(path: str | os.PathLike[str], trainer: Trainer | None = None) -> SavedRun:
    """Return a saved run: to look at, to go on with, to replay.

    Parameters
    ----------
    path : path
        What `Run.save` or `autosave` wrote.
    trainer : Trainer, optional
        Of the same model, rule and loss; for `SavedRun.state`, `SavedRun.replay`.

    Returns
    -------
    SavedRun
        Shown in a cell, it is its dashboard; it can be drawn beside others.

    Raises
    ------
    ValueError
        If it is no such file, was cut off, or is of a version that this package does not know.
    OSError
        If it cannot be read.
    """
    arrays, texts = read_tensors(path)
    if texts.get("format") != FORMAT or texts.get("version") != str(VERSION):
        raise _refused(
            path, f"a run file of version {VERSION}",
            f"{texts.get('format', 'another file')!r} {texts.get('version', '')}".strip(),
        )  # fmt: skip
    try:
        rest = json.loads(texts["run"])
        journal = Journal.from_json_lines(texts["journal"])
        history = read_history(arrays, rest["higher_is_better"])
        for name, step in rest["matrices"].items():
            history.record(int(step), {name: arrays[f"matrix/{name}"]})
        journal.attach(lambda: history)
        branches = read_branches(arrays, rest.get("branches", []), history, journal)
        view = _view(rest, journal, branches)
        check_states(rest)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _refused(path, "the parts of a run", f"{type(error).__name__}: {error}") from error
    return SavedRun(view, history, journal, branches, arrays, rest, trainer)


def _view(
    rest: Mapping[str, Any], journal: Journal, branches: Mapping[str, SavedBranch]
) -> RunView:
    known = {name: decode_value(rest["view"][name]) for name in _VIEW}
    if known["status"] not in ("finished", "failed", "stopped"):
        known |= {"status": "stopped", "message": ""}  # it does not go on by itself
    return RunView(
        **known,
        steps_per_second=float("nan"),
        pace=None,
        knobs=tuple(_read_knob(row) for row in rest["knobs"]),
        groups=tuple(GroupView(**{k: _plain(v) for k, v in row.items()}) for row in rest["groups"]),
        journal=journal.entries,
        labels={str(k): str(v) for k, v in rest["labels"].items()},
        branches=tuple(branch.view for branch in branches.values()),
        standing=journal.standing() if journal.moves else None,
    )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _knob(knob: KnobView) -> dict[str, Any]:
    row = {name: encode_value(getattr(knob, name)) for name in
           ("path", "effective", "base", "scale", "override", "scheduled")}  # fmt: skip
    return row | {"description": written_knob(knob.description)}


def _read_knob(row: Mapping[str, Any]) -> KnobView:
    rest = {name: decode_value(value) for name, value in row.items() if name != "description"}
    return KnobView(description=read_knob(row["description"]), **rest)


def _refused(path: Any, rule: str, got: str) -> ValueError:
    return ValueError(refusal(f"it.load_run({os.fspath(path)!r})", rule, got))
