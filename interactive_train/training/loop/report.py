"""Reports: what user code is told after a step, and how it ends a fit.

A report is any callable. It is given those of the keywords step, global_step, epoch, loss,
lr, metrics, aux and state that it declares; a list of reports is called in turn. One that
returns ``"stop"`` or raises `EarlyStop` ends the fit, with the state behind that step. A report may
declare ``every = n`` to be called on every n-th step only, ``every = "pass"`` to be called behind
each pass, and have a ``best_state`` with which the fit ends instead (the first of a list that has
one). A method ``begin_fit(again)`` is called at the start of a fit, with True where a run is
extended; with ``ends_when_true = True`` a report ends the fit with True, too. A report with
``keep()`` and ``restore(kept)`` goes back in time with its run: it is told again of the steps
that are run again. Others are told of every step once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.loop.loop import run
from interactive_train.training.loop.session import Session
from interactive_train.training.records.events import Ended, Evaluated, Event, Stepped
from interactive_train.training.records.state import TrainState

KEYWORDS = ("step", "global_step", "epoch", "loss", "lr", "metrics", "aux", "state")
MOST = 1 << 30
PASS = -1  # stands for every = "pass"
Report = Callable[..., Any]


class EarlyStop(Exception):
    """Raise it anywhere in a fit to end it; the state is that behind the last completed step."""


class Reports:
    """Reports made ready: who wants what."""

    def __init__(self, reports: Report | Sequence[Report] | None, where: str) -> None:
        given: list[Any]
        if reports is None or callable(reports):
            given = [] if reports is None else [reports]
        elif isinstance(reports, (list, tuple)):
            given = list(reports)
        else:
            given = [reports]  # refused below
        self._wanted = [
            (report, _keywords(report, where), _every(report, where)) for report in given
        ]
        self._again = False
        self._kept = [each for each in self._wanted if _goes_back(each[0])]

    def keep(self) -> tuple[Any, ...]:
        """Return what those who go back in time keep count of."""
        return tuple(report.keep() for report, _, _ in self._kept)

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Let them stand where they were; without anything kept, at the start of the fit."""
        for number, (report, _, _) in enumerate(self._kept):
            if kept:
                report.restore(kept[number])
            elif callable(getattr(report, "begin_fit", None)):
                report.begin_fit(False)

    def tell_again(self, session: Session, event: Stepped) -> None:
        """Tell those who go back in time of a step that was run again."""
        self._tell(self._kept, session, event, True)

    def due_again(self, taken: int) -> int:
        """Return how many steps may be run again before one of them wants to be told."""
        return _due(self._kept, taken)

    def begin(self) -> None:
        """Tell those who keep count that a fit starts, or that a run is extended."""
        for report, _, _ in self._wanted:
            begin = getattr(report, "begin_fit", None)
            if callable(begin):
                begin(self._again)
        self._again = True

    def __call__(self, session: Session, event: Stepped, taken: bool = True) -> bool:
        """Tell every report; return whether one asked for the end.

        With `taken` False no step was taken, but the pass of that last step has ended.
        """
        return self._tell(self._wanted, session, event, taken)

    def _tell(self, wanted_by: Any, session: Session, event: Stepped, taken: bool) -> bool:
        stop = False
        for report, wanted, every in wanted_by:
            due = event.pass_ended if every == PASS else taken and event.fit_step % every == 0
            if not due:
                continue
            values = {name: _value(name, session, event) for name in wanted}
            answer = report(**values)
            stop = stop or (isinstance(answer, str) and answer == "stop")
            stop = stop or (answer is True and getattr(report, "ends_when_true", False) is True)
        return stop

    def due(self, taken: int) -> int:
        """Return how many steps may be taken before a report wants to be told."""
        return _due(self._wanted, taken)

    def best_state(self) -> TrainState | None:
        """Return the state that a report wants the fit to end with, if there is one."""
        for report, _, _ in self._wanted:
            state: TrainState | None = getattr(report, "best_state", None)
            if isinstance(state, TrainState):
                return state
        return None


def drain(session: Session, reports: Reports) -> Generator[Event]:
    """Run a session, calling reports behind every step; passes all events on.

    `EarlyStop`, from a report or from within a step, becomes the end of the fit.
    """
    session.reports = reports
    session.begin()
    events = run(session, reports.due)
    last: Stepped | None = None
    try:
        reports.begin()
        for event in _until_stopped(session, events):
            early = ""
            if isinstance(event, Stepped):
                last = event
                early = _told(reports, session, event)
            elif isinstance(event, Evaluated) and last is not None:
                last = replace(last, metrics=event.metrics, pass_ended=True)
                early = _told(reports, session, last, taken=False)
            yield event
            if early:
                yield _ended(session, early)
                break
        best = reports.best_state()
        if best is not None:
            session.adopt(best)
    finally:
        events.close()  # at once, also where a traceback keeps the frame
        session.end()


def _due(wanted_by: Any, taken: int) -> int:
    counts = [every - taken % every for _, _, every in wanted_by if every != PASS]
    return min(counts, default=MOST)


def _goes_back(report: Report) -> bool:
    return all(callable(getattr(report, name, None)) for name in ("keep", "restore"))


def _until_stopped(session: Session, events: Generator[Event]) -> Generator[Event]:
    try:
        yield from events
    except EarlyStop as stop:
        yield _ended(session, _reason(stop))


def _told(reports: Reports, session: Session, event: Stepped, taken: bool = True) -> str:
    """Tell the reports of a step; return why the fit ends, "" if it goes on."""
    try:
        return _reason(EarlyStop()) if reports(session, event, taken) else ""
    except EarlyStop as stop:
        return _reason(stop)


def _reason(stop: EarlyStop) -> str:
    return str(stop) or "stopped early"


def _ended(session: Session, reason: str) -> Ended:
    session.stopping = reason
    return Ended(session.stepper.step, reason)


def _value(name: str, session: Session, event: Stepped) -> Any:
    match name:
        case "step":
            return event.fit_step
        case "global_step":
            return event.step
        case "state":
            return session.current_state()
        case "metrics":
            return dict(event.metrics)
        case _:
            return getattr(event, name)


def _keywords(report: Report, where: str) -> tuple[str, ...]:
    if not callable(report):
        raise TypeError(
            refusal(where, "a report is a callable", repr(report), "Pass a function of step, loss.")
        )
    try:
        parameters = inspect.signature(report).parameters.values()
    except (TypeError, ValueError):
        return KEYWORDS
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return KEYWORDS
    by_name = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for parameter in parameters:
        name, kind = parameter.name, parameter.kind
        required = parameter.default is parameter.empty and kind is not parameter.VAR_POSITIONAL
        if kind is parameter.POSITIONAL_ONLY and required and name in KEYWORDS:
            raise TypeError(
                refusal(
                    where,
                    "a report is called with keywords",
                    f"{name!r}, which is positional only",
                    "Leave out the / in its definition.",
                )
            )
        if name not in KEYWORDS and required:
            raise TypeError(
                refusal(
                    where,
                    "a report asks for " + ", ".join(KEYWORDS),
                    repr(name),
                    did_you_mean(name, KEYWORDS),
                )
            )
    return tuple(name for name in by_name if name in KEYWORDS)


def _every(report: Report, where: str) -> int:
    every = getattr(report, "every", 1)
    return PASS if every == "pass" else whole_number(every, "every", f"{where}, report")
