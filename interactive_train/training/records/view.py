"""What a front end may know about a run: plain immutable records, copied at a step boundary.

`Run.view()` returns a `RunView`; a widget, a terminal or a test reads it and
never touches the run's own memory. Anything that offers ``view()`` and
``submit(command, source=, gesture=)`` can stand under a dashboard (`Source`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records.commands import Command
from interactive_train.training.records.history import History
from interactive_train.training.records.ticket import Ticket

Status = Literal["ready", "running", "paused", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class KnobView:
    """One knob as it stands: effective = override if set, else scale * base(step)."""

    path: str  # "" for the optimiser's, "layers.2" for a layer's own
    description: Hyperparameter
    effective: float
    base: float  # the base's value at this step
    scale: float
    override: float | None
    scheduled: bool  # the base is a schedule, not a constant


@dataclass(frozen=True, slots=True)
class GroupView:
    """One layer that can be frozen."""

    path: str  # "layers.0"
    kind: str  # "Linear"
    parameters: int
    frozen: bool
    resting: tuple[str, ...] = ()  # the frozen arrays, if only some are
    knobs: tuple[str, ...] = ()  # names of the optimiser's knobs that its arrays have


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric's course: one value per evaluation; of a matrix only the newest."""

    name: str  # "validation_accuracy"
    steps: NDArray[np.int64]  # of a matrix: its step alone
    values: NDArray[np.float64]  # of a matrix: none
    higher_is_better: bool
    matrix: NDArray[Any] | None = None  # true class by predicted class


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One intervention: what changed at which step boundary, by whom."""

    sequence: int
    step: int  # completed steps when it was applied; step + 1 is the first to feel it
    kind: str  # "adjust", "freeze", "pause", "note", ...
    path: str
    name: str
    old: str  # printable: "0.001", "schedule", "frozen"
    new: str
    source: str  # "code", "dashboard", ...
    wall_time: float  # seconds since the epoch
    values: tuple[tuple[int, float], ...] = ()  # (step, value) of every value of a drag
    undone: bool = False
    command: Mapping[str, Any] | None = None  # the wire form of what was applied, the newest one
    branch: str = "main"

    @property
    def text(self) -> str:
        """The entry as a person reads it: ``lr: 0.001 -> 0.0003``."""
        target = ".".join(part for part in (self.path, self.name) if part) or self.kind
        if self.kind == "note":
            return self.new
        if not self.old and not self.new:
            return self.kind if target == self.kind else f"{self.kind} {target}"
        if not self.old and target == self.kind:
            return f"{self.kind.replace('_', ' ')} {self.new}"
        return f"{target}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class BranchView:
    """One line of the run's course; the first one is called "main"."""

    name: str
    parent: str  # the branch that it left, "" for the first
    fork_step: int  # the last step that it shares with its parent
    last_step: int  # where it ends; completed steps
    current: bool
    loss: float  # of its last step
    metrics: tuple[str, ...] = ()  # what was evaluated on it; `Source.series` has the values


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """One state that is kept, to which a run can go back at once."""

    step: int
    name: str  # "" for one that was taken by itself
    branch: str
    nbytes: int  # of its arrays; those that it shares with others are counted with the oldest


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything a dashboard shows, at one step boundary."""

    name: str
    status: Status
    step: int  # completed steps, over all fits of this state
    first_step: int  # completed steps when this run started
    last_step: int | None  # planned end, None = until stopped
    epoch: int  # 1-based epoch in progress (of this run)
    steps_per_epoch: int | None
    elapsed: float  # seconds of running, pauses excluded
    steps_per_second: float  # over the last second or so
    pace: float | None
    loss: float  # of the last completed step, NaN when there is none
    message: str  # error text when failed, why when stopped, else ""
    knobs: tuple[KnobView, ...] = ()
    groups: tuple[GroupView, ...] = ()
    metrics: tuple[MetricView, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # {"loss": "nats per example"}
    branches: tuple[BranchView, ...] = ()
    snapshots: tuple[SnapshotView, ...] = ()  # oldest step first
    snapshot_bytes: int = 0
    snapshot_limit: int = 0  # bytes that snapshots taken by themselves may fill
    standing: Collection[int] | None = None  # journal rows that led here; None: all of them
    generation: int = 0  # another number: rows that were read before do not go on, read anew
    batch_size: int | None = None  # None where the data do not batch


def metric_views(history: History) -> tuple[MetricView, ...]:
    """Return the courses of all metrics of a history, and the newest of its matrices."""
    higher, none = history.higher_is_better, np.empty(0)
    courses = tuple(
        MetricView(name, steps, values, higher.get(name, not name.endswith("loss")))
        for name, (steps, values) in history.metrics.items()
    )
    return courses + tuple(
        MetricView(name, np.array([step]), none, True, matrix)
        for name, (step, matrix) in history.arrays.items()
        if matrix.ndim == 2
    )


class Source(Protocol):
    """What a panel needs of the thing that it shows."""

    def view(self) -> RunView:
        """Return the state of things at the last step boundary."""
        ...

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return (steps, values) of ``"loss"`` or ``"lr"``, from the start-th recorded point on.

        Of a run with branches, of a metric that was evaluated on the branch as well. Of a branch
        from its first step on, shared ones included; "" is the current one. While
        `RunView.generation` stays, rows are only added. The arrays are read-only, of memory that
        never changes afterwards.
        """
        ...

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return a knob's effective values at these steps: as used, and behind that as planned."""
        ...

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Queue a command for the next step boundary.

        Commands of one `gesture` (a drag of one slider) are one journal row and one undo.
        """
        ...
