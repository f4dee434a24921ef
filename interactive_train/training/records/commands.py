"""What a person can ask of a run: one small immutable record per intervention.

A command is only a description. It is checked when it is submitted, applied by
the loop at the next step boundary, and written to the journal with the step.
Widgets, code and replayed journals all speak these records, so there is one
way to change a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim.setting import Scaled


@dataclass(frozen=True, slots=True)
class Adjust:
    """Set one knob. `path` is "" for the optimiser's, else a layer's path or pattern.

    `value` is a number, a schedule (a callable of the step) or `Scaled`.
    """

    name: str
    value: float | Scaled | Callable[[Any], Any]
    path: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """End an override and a scale: the knob follows its base again."""

    name: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Suspend the parameters, the layer state and the optimiser state below a path."""

    path: str


@dataclass(frozen=True, slots=True)
class Thaw:
    """Let everything below a path train again."""

    path: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop at the next step boundary and wait."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Take `steps` more steps, then pause."""

    steps: int = 1


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run at the next step boundary; the state is kept."""


@dataclass(frozen=True, slots=True)
class Extend:
    """Move the planned end of the run; exactly one of the two is given."""

    epochs: int | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class SetPace:
    """Steps a second that a person can follow; None is full speed."""

    steps_per_second: float | None


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back the newest intervention on a knob or a freeze flag that still stands."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark in the journal."""

    text: str


@dataclass(frozen=True, slots=True)
class RunUntil:
    """Go on and pause exactly there; exactly one of the four is given.

    Completed steps over all fits, a finished epoch of this run, the first loss that is at most so
    large, or a function of the `RunView` that says True.
    """

    step: int | None = None
    epoch: int | None = None
    loss: float | None = None
    condition: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Keep the state of now under a name until it is deleted."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteSnapshot:
    """Forget a named snapshot."""

    name: str


@dataclass(frozen=True, slots=True)
class Rewind:
    """Go back to what a step left behind, or to a named snapshot; what came after stays a branch.

    Interventions at that boundary itself are not made again.
    """

    step: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class BranchOff:
    """Begin a branch here, and go on with it."""

    name: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Make another branch current, at its end."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """Forget a branch that is not the current one."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """Replace an array of the model by another one of its shape."""

    path: str
    value: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class SetBatchSize:
    """Take batches of another size from the next step on."""

    size: int


@dataclass(frozen=True, slots=True)
class Rescue:
    """Go back to before the loss went wrong, multiply the learning rate, and go on."""

    scale: float = 0.5


Command = (
    Adjust
    | Release
    | Freeze
    | Thaw
    | Pause
    | Resume
    | Advance
    | Stop
    | Extend
    | SetPace
    | Undo
    | Note
    | RunUntil
    | TakeSnapshot
    | DeleteSnapshot
    | Rewind
    | BranchOff
    | Switch
    | DeleteBranch
    | Assign
    | SetBatchSize
    | Rescue
)

_METHODS = {
    SetPace: "pace",
    RunUntil: "run_until",
    TakeSnapshot: "snapshot",
    DeleteSnapshot: "delete_snapshot",
    BranchOff: "branch",
    DeleteBranch: "delete_branch",
    SetBatchSize: "set_batch_size",
}


def kind_of(command: Command | type[Command]) -> str:
    """Return what journals and messages call a command: the method of a run that gives it.

    Examples
    --------
    >>> kind_of(SetBatchSize(32)), kind_of(Undo())
    ('set_batch_size', 'undo')
    """
    kind = command if isinstance(command, type) else type(command)
    return _METHODS.get(kind) or kind.__name__.lower()


def describe(command: Command) -> str:
    """Return a command in a few words.

    Examples
    --------
    >>> describe(Freeze("layers.0"))
    'freeze layers.0'
    """
    kind = kind_of(command)
    parts = (getattr(command, "path", ""), getattr(command, "name", ""))
    target = ".".join(str(part) for part in parts if part)
    return f"{kind} {target}".strip()
