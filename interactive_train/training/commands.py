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
)


def describe(command: Command) -> str:
    """Return a command in a few words.

    Examples
    --------
    >>> describe(Freeze("layers.0"))
    'freeze layers.0'
    """
    kind = type(command).__name__.lower()
    parts = (getattr(command, "path", ""), getattr(command, "name", ""))
    target = ".".join(str(part) for part in parts if part)
    return f"{kind} {target}".strip()
