"""Replay: run what a journal tells again, headless, and say whether it comes out the same.

The commands of the journal become a plan at their steps; what only moved the run - pauses, pace,
stops, rewinds - is left out, and the fit ends where the recorded course ends. On an equal
fingerprint, from the same state and data, that gives the same losses bit for bit, with any number
of threads, in any process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.data import Data
from interactive_train.optim.setting import Scaled
from interactive_train.program.compile import MOST_SHARDS
from interactive_train.runtime.checks import shown
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key
from interactive_train.runtime.notices import notice
from interactive_train.training.commands import Adjust, Command, describe
from interactive_train.training.curve import Block, blocks_of
from interactive_train.training.ending import Plan
from interactive_train.training.evaluation import Metrics
from interactive_train.training.fingerprint import differences, header_of
from interactive_train.training.history import History
from interactive_train.training.inbox import Pending
from interactive_train.training.journal import Journal
from interactive_train.training.plan import Agenda
from interactive_train.training.report import Reports
from interactive_train.training.run import Run
from interactive_train.training.session import Session
from interactive_train.training.state import TrainState
from interactive_train.training.ticket import Ticket
from interactive_train.training.wire import Functions

if TYPE_CHECKING:
    from interactive_train.training.trainer import Trainer

EFFECTS = frozenset({"adjust", "release", "freeze", "thaw", "undo", "note", "assign",
                     "set_batch_size", "rescue"})  # fmt: skip


def replay(
    journal: Journal,
    trainer: Trainer,
    state: TrainState,
    data: Any,
    *,
    validation: Any = None,
    metrics: Metrics = None,
    functions: Functions | None = None,
) -> Run:
    """Run again what a journal tells of, and return the ended run.

    Where something differs that decides bits - another processor, other data - it says so once
    and goes on; the losses then agree within the tolerance of the floating type.

    Parameters
    ----------
    journal : Journal
        Of this process, or read from a file.
    trainer : Trainer
    state : TrainState
        From which the run started.
    data
        As the run was given them; arrays are batched and shuffled as then.
    validation, metrics
        As in `Trainer.start`, to have the metrics again; they change no step.
    functions : dict of str to callable, optional
        Your own schedules that the journal of a file names.

    Returns
    -------
    Run
        Ended; with `history`, `state`, `journal`.

    Raises
    ------
    ValueError
        For data that pass only once, and for a function that is missing.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> state, data = trainer.init(seed=0), (x, 3 * x)
    >>> run = trainer.start(state, data, batch_size=8, epochs=20,
    ...                     plan=[it.at(5).adjust(lr=0.5)]).wait()
    >>> again = it.replay(run.journal, trainer, state, data)
    >>> bool((again.history.loss == run.history.loss).all())
    True
    """
    run, reasons = _replayed(journal, trainer, state, data, validation, metrics, functions)
    _tell(reasons)
    return run


def replay_run(run: Run, session: Session) -> Run:
    """Run again what a run of this process did, with what it was given."""
    refuse_one_shot(session.given, "run.replay")
    fresh = replace(
        session,
        data=session.given,
        plan=Plan(),
        on_nonfinite="skip" if session.on_nonfinite == "skip" else "raise",
        pace=None,
        max_seconds=None,
        duplicated=None,
        where="run.replay",
    )
    fresh.arguments = session.arguments
    return _driven(fresh, run.journal, None)


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
    run, reasons = _replayed(journal, trainer, state, data, None, None, functions)
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


# How it is done -----------------------------------------------------------------------------


def _replayed(
    journal: Journal,
    trainer: Trainer,
    state: TrainState,
    data: Any,
    validation: Any,
    metrics: Metrics,
    functions: Functions | None,
) -> tuple[Run, list[str]]:
    where = "it.replay"
    if not isinstance(journal, Journal):
        raise TypeError(
            refusal(
                where,
                "the first argument is a journal",
                shown(journal),
                "Give run.journal, or it.Journal.from_json_lines(text).",
            )
        )
    given: Mapping[str, Any] = journal.header.get("arguments", {})
    rows = {} if isinstance(data, Data) else {k: given.get(k) for k in ("batch_size", "shuffle")}
    rng = journal.header.get("rng")
    session = trainer.session(
        state,
        data,
        where,
        epochs=None,
        batch_size=rows.get("batch_size"),
        shuffle=rows.get("shuffle"),
        validation=validation,
        metrics=metrics,
        on_nonfinite="skip" if given.get("on_nonfinite") == "skip" else "raise",
        clip_norm=given.get("clip_norm"),
        accumulate=given.get("accumulate", 1),
        rng=Key(*rng) if isinstance(rng, list) and len(rng) == 2 else None,
    )
    refuse_one_shot(session.data, where)
    reasons = _reasons(journal, session)
    return _driven(session, journal, functions), reasons


def _reasons(journal: Journal, session: Session) -> list[str]:
    """Return what differs between the start that a journal tells of and this one."""
    then, now = journal.header, header_of(session)
    reasons = differences(then.get("fingerprint", {}), now["fingerprint"])
    if "state" in then and then["state"].get("hash") != now["state"]["hash"]:
        reasons.append("the start state is another one")
    if "data" in then and then["data"].get("hash") != now["data"]["hash"]:
        calls = then["data"].get("calls"), now["data"]["calls"]
        differ = "other values" if calls[0] == calls[1] else f"{calls[0]} then, {calls[1]} now"
        reasons.append(f"the data differ ({differ})")
    return reasons


def _driven(session: Session, journal: Journal, functions: Functions | None) -> Run:
    """Let a fresh session do what a journal tells, in the background, and wait for it."""
    session.agenda = Agenda(
        (one.step, Pending(command, Ticket(-1, describe(command)), one.source, one.gesture))
        for one in journal.line
        if one.command.get("kind") in EFFECTS
        for command in [_effect(one.again(functions))]
    )
    shards = journal.header.get("fingerprint", {}).get("shards", "")
    if session.engine is not None and isinstance(shards, str) and shards.isdecimal():
        session.engine.most_shards = max(1, min(int(shards), MOST_SHARDS))  # as it was then
    session.plan = Plan(None, max(journal.last_step, session.stepper.step))
    name = f"replay of {journal.header.get('name', 'a run')}"
    session.arguments["name"] = name
    return Run.to_its_end(session, Reports(None, session.where), name)


def _effect(command: Command) -> Command:
    """Return what a command does to the steps behind it."""
    if type(command).__name__ == "Rescue":
        return Adjust("lr", Scaled(command.scale))  # type: ignore[union-attr]
    return command


def _tell(reasons: Sequence[str]) -> None:
    if reasons:
        notice(f"it.replay: not bit-exact, because {'; '.join(reasons)}")


def refuse_one_shot(data: Data, where: str) -> None:
    """Refuse data that pass only once: they are gone."""
    if data.is_one_shot:
        raise ValueError(
            refusal(
                where,
                "data that can be passed again",
                repr(data),
                "Use arrays (it.batches), a list (it.Data.from_list), or a function of the index "
                "(it.Data.from_fn).",
            )
        )
