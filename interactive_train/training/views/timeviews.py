"""Time views: the branches and snapshots of a run as the records that front ends read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interactive_train.training.records.view import BranchView, SnapshotView
from interactive_train.training.travel.branches import Line
from interactive_train.training.travel.snapshots import Snapshot

if TYPE_CHECKING:
    from interactive_train.training.travel.keeping import Keeper


def branch_views(keeper: Keeper) -> tuple[BranchView, ...]:
    """Return every branch, in the order in which they began."""
    session = keeper.session
    return tuple(
        BranchView(
            line.name,
            line.parent.name if line.parent else "",
            line.fork[0] if line.parent else session.first_step,
            line.end.step if line.end is not None else session.stepper.step,
            line is keeper.line,
            line.history.last("loss"),
            line.history.metric_names,
        )
        for line in keeper.lines.all.values()
    )


def snapshot_views(keeper: Keeper) -> tuple[SnapshotView, ...]:
    """Return every snapshot once, by step; the same tuple as long as nothing changed."""
    key = (keeper.ring.changes, tuple(keeper.lines.all))
    if keeper.shown is not None and keeper.shown[0] == key:
        return keeper.shown[1]
    seen: set[int] = set()
    found: dict[int, tuple[Line, Snapshot]] = {}
    for line in keeper.lines.all.values():
        for snapshot in line.snapshots:
            if line.parent is None or snapshot.place > line.fork:
                found.setdefault(id(snapshot), (line, snapshot))
    ordered = sorted(found.values(), key=lambda pair: pair[1].place)
    views = tuple(
        SnapshotView(s.step, s.name, line.name, keeper.ring.own_bytes(s, seen))
        for line, s in ordered
    )
    keeper.shown = key, views
    return views
