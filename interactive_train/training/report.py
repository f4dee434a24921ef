"""Reports: what user code is told after a step, and how it ends a fit.

A report is any callable. It is given those of the keywords step, global_step, epoch, loss,
lr, metrics and state that it declares; a list of reports is called in turn. One that
returns ``"stop"`` or raises `EarlyStop` ends the fit, with the state behind that step. A report may
declare ``every = n`` to be called on every n-th step only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.events import Ended, Event, Stepped
from interactive_train.training.loop import run
from interactive_train.training.session import Session

KEYWORDS = ("step", "global_step", "epoch", "loss", "lr", "metrics", "state")
Report = Callable[..., Any]


class EarlyStop(Exception):
    """Raise it anywhere in a fit to end it; the state is that behind the last completed step."""


class Reports:
    """Reports made ready: who wants what."""

    def __init__(self, reports: Report | Sequence[Report] | None, where: str) -> None:
        given = [] if reports is None else [reports] if callable(reports) else list(reports)
        self._wanted = [(report, _keywords(report, where)) for report in given]

    def __call__(self, session: Session, event: Stepped) -> bool:
        """Tell every report; return whether one asked for the end."""
        stop = False
        for report, wanted in self._wanted:
            if event.fit_step % getattr(report, "every", 1):
                continue
            values = {name: _value(name, session, event) for name in wanted}
            answer = report(**values)
            stop = stop or (isinstance(answer, str) and answer == "stop")
        return stop


def drain(session: Session, reports: Reports) -> Iterator[Event]:
    """Run a session, calling reports behind every step; passes all events on.

    `EarlyStop`, from a report or from within a step, becomes the end of the fit.
    """
    events = run(session)
    while True:
        try:
            event = next(events)
            if isinstance(event, Stepped) and reports(session, event):
                raise EarlyStop
        except StopIteration:
            return
        except EarlyStop as stop:
            yield Ended(session.stepper.step, str(stop) or "stopped early")
            return
        yield event


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
    wanted = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    for parameter in parameters:
        name = parameter.name
        required = parameter.default is parameter.empty and parameter.kind is not (
            parameter.VAR_POSITIONAL
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
    return tuple(name for name in wanted if name in KEYWORDS)
