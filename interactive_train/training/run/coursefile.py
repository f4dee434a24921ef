"""The course of a run in a file: its recorded rows, its metrics, and those of its branches.

Of a branch, the rows that it has in common with the current one are not written again.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.lines import numbers_of, spans_of
from interactive_train.training.records.history import COLUMNS, History
from interactive_train.training.records.view import BranchView
from interactive_train.training.run.statefile import Arrays
from interactive_train.training.views.timeviews import branch_views

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session


@dataclass(frozen=True, slots=True)
class SavedBranch:
    """A branch of a run that was read from a file.

    Attributes
    ----------
    view : BranchView
    history : History
    journal : Journal
        As it reads from the end of this branch.
    """

    view: BranchView
    history: History
    journal: Journal


def written_history(history: History, step: int, prefix: str = "", start: int = 0) -> Arrays:
    """Return the arrays of a history up to a step, without the first rows."""
    rows = int(np.searchsorted(history.step, step, "right"))
    arrays: Arrays = {
        f"{prefix}history/{name}": history.column(name)[start:rows] for name in COLUMNS
    }
    for name, (steps, values) in history.metrics.items():
        until = np.searchsorted(steps, step, "right")
        arrays[f"{prefix}metric/steps/{name}"] = steps[:until]
        arrays[f"{prefix}metric/values/{name}"] = values[:until]
    return arrays


def read_history(
    arrays: Arrays,
    higher_is_better: Mapping[str, Any],
    prefix: str = "",
    first: History | None = None,
    start: int = 0,
) -> History:
    """Return the history behind a prefix, which goes on behind `start` rows of another one.

    Raises
    ------
    KeyError, ValueError
        If a column is missing or too short.
    """
    columns = {name: arrays[f"{prefix}history/{name}"] for name in COLUMNS}
    if first is not None:
        columns = {n: np.concatenate([first.column(n)[:start], c]) for n, c in columns.items()}
    steps = columns["step"]
    if any(column.shape != (len(steps),) for column in columns.values()):
        raise ValueError("columns of different lengths")
    history = History()
    gaps = [0, *(np.flatnonzero(np.diff(steps) != 1) + 1), len(steps)]  # steps that were skipped
    for begin, end in itertools.pairwise(gaps):
        if end > begin:
            epoch, loss, lr, norm = (columns[name][begin:end] for name in COLUMNS[1:])
            history.extend(int(steps[begin]), epoch, loss, lr, norm)
    begins = f"{prefix}metric/steps/"
    for name in [n.removeprefix(begins) for n in arrays if n.startswith(begins)]:
        values = arrays[f"{prefix}metric/values/{name}"]
        for step, value in zip(arrays[begins + name], values, strict=True):
            history.record(int(step), {name: value})
    history.higher_is_better = {str(k): bool(v) for k, v in higher_is_better.items()}
    return history


# Branches ---------------------------------------------------------------------------------------


def written_branches(session: Session) -> tuple[Arrays, list[dict[str, Any]]]:
    """Return the arrays of all branches but the current one, and what is to be known of each."""
    arrays: Arrays = {}
    rows: list[dict[str, Any]] = []
    for number, view in enumerate(branch_views(session.time) if session.time else ()):
        row: dict[str, Any] = {
            "name": view.name,
            "parent": view.parent,
            "fork_step": view.fork_step,
            "last_step": view.last_step,
        }
        if not view.current:
            assert session.time is not None
            line = session.time.lines.all[view.name]
            assert line.end is not None
            shared = _shared(line.history, session.history)
            arrays |= written_history(line.history, view.last_step, f"branch/{number}/", shared)
            undone = sorted(line.end.undone)
            row |= {"shared": shared, "line": spans_of(line.numbers), "undone": undone}
        rows.append(row)
    return arrays, rows


def read_branches(
    arrays: Arrays, rows: Sequence[Mapping[str, Any]], history: History, journal: Journal
) -> dict[str, SavedBranch]:
    """Return the branches of a file by name; `history` and `journal` are of the current one.

    Raises
    ------
    KeyError, TypeError, ValueError
        For what is no branch.
    """
    found: dict[str, SavedBranch] = {}
    for number, row in enumerate(rows):
        name, parent, fork, last = (row[k] for k in ("name", "parent", "fork_step", "last_step"))
        if not type(name) is type(parent) is str or not type(fork) is type(last) is int:
            raise TypeError(f"branch {number}: names are texts and steps whole numbers")
        own, said = history, journal
        if "shared" in row:
            shared = row["shared"]
            if type(shared) is not int or not 0 <= shared <= len(history):
                raise ValueError(f"branch {name!r}: shares {shared!r} of {len(history)} rows")
            prefix = f"branch/{number}/"
            own = read_history(arrays, history.higher_is_better, prefix, history, shared)
            line, undone = numbers_of(row["line"], journal.newest), row["undone"]
            if not isinstance(undone, list) or not all(type(n) is int for n in undone):
                raise TypeError(f"branch {name!r}: undone is a list of rows")
            said = journal.elsewhere(line, set(undone), own)
        current, loss = "shared" not in row, own.last("loss")
        view = BranchView(name, parent, fork, last, current, loss, own.metric_names)
        found[name] = SavedBranch(view, own, said)
    return found


def _shared(history: History, other: History) -> int:
    """Return how many rows two histories begin with alike, bit for bit."""
    rows = min(len(history), len(other))
    for name in COLUMNS:
        pair = (h.column(name)[:rows].view(np.int64) for h in (history, other))
        apart = np.flatnonzero(np.not_equal(*pair))
        rows = int(apart[0]) if len(apart) else rows
    return rows
