"""Replay: run what a journal tells again, headless, and say whether it comes out the same.

The commands of the journal become a plan at their steps; what only moved the run - pauses, pace,
stops, rewinds - is left out, and the fit ends where the recorded course ends. On an equal
fingerprint, from the same state and data, that gives the same losses bit for bit, with any number
of threads, in any process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from interactive_train.data import Data
from interactive_train.optim.setting import Scaled
from interactive_train.program.compile import MOST_SHARDS
from interactive_train.runtime.checks import shown
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key
from interactive_train.runtime.notices import notice
from interactive_train.training.control.ending import Plan
from interactive_train.training.control.inbox import Pending
from interactive_train.training.control.plan import Agenda
from interactive_train.training.journal.fingerprint import differences, header_of
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.wire import Functions
from interactive_train.training.loop.report import Reports
from interactive_train.training.loop.session import Session
from interactive_train.training.records.commands import Adjust, Command, Rescue, describe
from interactive_train.training.records.state import TrainState
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.run.run import Run
from interactive_train.training.step.evaluation import Metrics

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
    >>> import numpy as np
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
    run, reasons = replayed(journal, trainer, state, data, validation, metrics, functions)
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


# How it is done -----------------------------------------------------------------------------


def replayed(
    journal: Journal,
    trainer: Trainer,
    state: TrainState,
    data: Any,
    validation: Any,
    metrics: Metrics,
    functions: Functions | None,
) -> tuple[Run, list[str]]:
    """Return the run that a journal makes, and what differs from the one that it tells of."""
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
    if isinstance(command, Rescue):
        return Adjust("lr", Scaled(command.scale))
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
