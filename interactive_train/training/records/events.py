"""What the loop says: small immutable records, in the order in which things happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interactive_train.training.records.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was committed, the last of `steps` that were taken in one go."""

    step: int  # completed steps over all fits
    fit_step: int  # of this fit, from 1
    epoch: int  # of this fit, from 1
    loss: float
    lr: float
    gradient_norm: float
    metrics: Mapping[str, float] = field(default_factory=dict)  # newest evaluation
    aux: Any = None  # what the loss returned beside the loss
    pass_ended: bool = False  # the last step of a pass; the metrics are new
    steps: int = 1  # for how many steps this stands


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step was not finite and was consumed without an update."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Halted:
    """A step was not finite and the fit paused in front of it; nothing was consumed."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Applied:
    """A command took effect, or was refused, at a step boundary."""

    step: int
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The validation data were evaluated at the end of a pass."""

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ended:
    """The fit ended; `reason` is "finished", "stopped" or what a report said."""

    step: int
    reason: str


Event = Stepped | Skipped | Halted | Applied | Evaluated | Ended
