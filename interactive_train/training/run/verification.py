"""Verify: run a journal again and say whether its losses come out the same, and where not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.training.journal.curve import Block, blocks_of
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.wire import Functions
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState
from interactive_train.training.run.replay import replayed
from interactive_train.training.run.run import Run

if TYPE_CHECKING:
    from interactive_train.training.trainer import Trainer


@dataclass(frozen=True)
class Verification:
    """Whether a journal reproduces; true in a condition if it does.

    Attributes
    ----------
    steps : int
        How many were run again.
    first, last : int or None
        The first step whose loss differs: exactly, or within these 256 steps where only the
        journal's digest is at hand. None if none does.
    recorded, replayed : float
        The losses of step `last`, then and now.
    reasons : tuple of str
        What differs between then and now that decides bits.
    run : Run
        The replayed run.
    """

    steps: int
    first: int | None
    last: int | None
    recorded: float
    replayed: float
    reasons: tuple[str, ...]
    run: Run

    @property
    def reproduces(self) -> bool:
        """Whether every loss is equal, bit for bit."""
        return self.first is None

    def __bool__(self) -> bool:
        return self.reproduces

    def __repr__(self) -> str:
        why = "".join(f"\n  because {reason}" for reason in self.reasons)
        if self.reproduces:
            return f"reproduces: {self.steps} steps, bit for bit" + why.replace(
                "because", "although"
            )
        where = f"step {self.first}"
        if self.first != self.last:
            where = f"the steps {self.first} to {self.last}"
        return (
            f"differs first at {where}: the loss of step {self.last} was {self.recorded!r}, "
            f"now it is {self.replayed!r}{why}"
        )


def verify(
    journal: Journal,
    trainer: Trainer,
    state: TrainState,
    data: Any,
    *,
    functions: Functions | None = None,
) -> Verification:
    """Run a journal again and say whether its losses come out the same, bit for bit.

    Parameters
    ----------
    journal, trainer, state, data, functions
        As in `replay`.

    Returns
    -------
    Verification

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=20).wait()
    >>> it.verify(run.journal, trainer, trainer.init(seed=0), (x, 3 * x))
    reproduces: 20 steps, bit for bit
    """
    run, reasons = replayed(journal, trainer, state, data, None, None, functions)
    steps = len(run.history)
    if journal.program and run.journal.program not in ("", journal.program):
        reasons.append("the recorded step is another one")
    found = (
        _first_of_blocks(journal.blocks, run.history)
        if journal.history is None
        else _first_of_curves(journal.history, run.history)
    )
    if found is None:
        return Verification(steps, None, None, np.nan, np.nan, tuple(reasons), run)
    return Verification(steps, *found, tuple(reasons), run)


Found = tuple[int, int, float, float]


def _first_of_curves(then: History, now: History) -> Found | None:
    losses = [dict(zip(one.step.tolist(), one.loss.tolist(), strict=True)) for one in (then, now)]
    thinned = any(getattr(one, "thinnings", 0) for one in (then, now))  # compare what both have
    for step in sorted(losses[0].keys() & losses[1] if thinned else losses[0].keys() | losses[1]):
        old, new = (one.get(step, math.nan) for one in losses)
        if old.hex() != new.hex():
            return step, step, old, new
    return None


def _first_of_blocks(then: Sequence[Block], now: History) -> Found | None:
    own = blocks_of(now)
    for number, block in enumerate(then):
        if number >= len(own) or own[number].digest != block.digest:
            loss = own[number].loss if number < len(own) else np.nan
            return block.first, block.last, block.loss, loss
    return None
