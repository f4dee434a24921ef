"""Session: what one fit works on - stepper, data and plan, history and journal, controls.

The loop moves it on step by step; commands change it between steps. Everything that another
thread may read is changed under `lock`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from interactive_train.data import Data
from interactive_train.nn.duplicated import Duplicated
from interactive_train.nn.knob import turned_to
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key
from interactive_train.training.commands import (
    Adjust,
    Advance,
    Extend,
    Freeze,
    Note,
    Pause,
    Release,
    Resume,
    SetPace,
    Stop,
    Thaw,
    Undo,
    kind_of,
)
from interactive_train.training.controls import Controls
from interactive_train.training.engine import Engine, Leap
from interactive_train.training.events import Applied
from interactive_train.training.feed import Chunks, Feed
from interactive_train.training.fingerprint import header_of, program_hash
from interactive_train.training.gate import Gate
from interactive_train.training.history import History
from interactive_train.training.inbox import Inbox, Pending
from interactive_train.training.interrupts import Undisturbed
from interactive_train.training.journal import Journal
from interactive_train.training.leaping import leap
from interactive_train.training.plan import Agenda
from interactive_train.training.state import TrainState
from interactive_train.training.stepper import Objective, Outcome, Stepper

NonFinite = Literal["raise", "skip", "pause"]
Evaluate = Callable[[Any], Mapping[str, float]]  # model -> metrics


@dataclass
class Plan:
    """Where a fit ends: at a pass, at a step, or (None) when somebody stops it."""

    end_pass: int | None = None
    end_step: int | None = None


@dataclass
class Session:
    """One fit.

    Parameters
    ----------
    state : TrainState
        Copied at entry.
    data : Data
    objective : callable
        ``(model, element) -> loss``.
    plan : Plan
    evaluate : callable, optional
        ``model -> {name: value}``, called at the end of every pass.
    on_nonfinite : {"raise", "skip", "pause"}
    pace : float, optional
        Steps a second.
    max_seconds : float, optional
        Of running, pauses excluded, from `begin` on; then the fit stops.
    where : str
        The call that errors name.
    in_place : bool
        See `Stepper`.
    loss_unit : str
        What stands on the axis of the loss, such as "nats per example".
    clip_norm : float, optional
        See `Stepper`.
    accumulate : int
        Elements of data per step; their gradients are averaged.
    rng : Key, optional
        Draws this fit's random numbers instead of the state's key, which the state keeps.
    duplicated : Duplicated, optional
        Filled with the gradient of every step.
    recorded : bool
        Whether steps are recorded once and then run natively, where that is possible.

    Attributes
    ----------
    given : Data
        As the fit began.
    agenda : Agenda
        What was planned before the start.
    arguments : dict
        Of the call that started the fit, for the journal's header.
    """

    state: TrainState
    data: Data
    objective: Objective
    plan: Plan
    evaluate: Evaluate | None = None
    on_nonfinite: NonFinite = "raise"
    pace: float | None = None
    max_seconds: float | None = None
    where: str = "fit"
    in_place: bool = False
    loss_unit: str = ""
    clip_norm: float | None = None
    accumulate: int = 1
    rng: Key | None = None
    duplicated: Duplicated | None = None
    recorded: bool = True

    stepper: Stepper = field(init=False)
    controls: Controls = field(init=False)
    history: History = field(init=False, default_factory=History)
    journal: Journal = field(init=False)
    agenda: Agenda = field(init=False, default_factory=Agenda)
    arguments: dict[str, Any] = field(init=False, default_factory=dict)
    inbox: Inbox = field(init=False, default_factory=Inbox)
    lock: Gate = field(init=False, default_factory=Gate)
    active: bool = field(init=False, default=False)
    paused: bool = field(init=False, default=False)
    stopping: str = field(init=False, default="")
    message: str = field(init=False, default="")
    elapsed: float = field(init=False, default=0.0)
    rate: float = field(init=False, default=math.nan)
    metrics: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.stepper = Stepper(self.state, self.where, self.in_place, self.clip_norm)
        if self.rng is not None:
            self.stepper.key = self.rng
        self.given = self.data
        self.feed = Feed(self.data, self.accumulate)
        self.engine = Engine(self.stepper) if self.recorded else None
        self.journal = Journal(lambda: header_of(self), lambda: self.history)
        self.journal.program_source = self._program
        if self.engine is not None:
            self.lock.hurry = self.inbox.ring = self.engine.post
        self.chunks = Chunks()
        self.controls = Controls(self.stepper, self.state.model)
        self.pass_index, self.position = self.state.position
        self.first_step, self.first_pass = self.stepper.step, self.pass_index
        self.pause_at: int | None = None
        self._due = 0.0
        self._undo: list[tuple[int, Callable[[], None]]] = []
        self._mark = (time.monotonic(), self.stepper.step)
        self._since: float | None = None  # when the clock was started; None while it stands
        self._limit = math.inf  # on `elapsed`

    # The course of the fit --------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch of this fit that is in progress, from 1."""
        return self.pass_index - self.first_pass + 1

    @property
    def steps_per_pass(self) -> int | None:
        """How many steps a pass has; None where the data do not say."""
        per_pass = self.data.steps_per_pass
        return None if per_pass is None else math.ceil(per_pass / self.accumulate)

    def steps_left(self) -> int | None:
        """Return how many steps the current pass still has; None where the data do not say."""
        per_pass = self.data.steps_per_pass
        if per_pass is None:
            return None
        taken = math.ceil(self.position / max(1, self.data.next_position(0)))
        return max(0, math.ceil((per_pass - taken) / self.accumulate))

    def fetch(self) -> list[Any] | None:
        """Return the elements of the next step, made with the knobs of that step, or None."""
        self.stepper.turn_knobs()
        with turned_to(self.stepper.knobs):
            return self.feed.fetch(self.data, self.pass_index, self.position, self.where)

    def _program(self) -> str:
        program = None if self.engine is None else self.engine.first
        return "" if program is None else program_hash(program)

    def leap(self, most: int) -> Leap | None:
        """Take recorded steps, at most so many; None where the next one has to be taken eagerly."""
        return leap(self, most)

    def begin(self) -> None:
        """Make ready for the loop: the clock runs, `max_seconds` count from now."""
        with self.lock:
            self.active, self.stopping, self.message = True, "", ""
            self.paused, self.pause_at = False, None
            self._limit = math.inf if self.max_seconds is None else self.elapsed + self.max_seconds
            self.clock(True)

    def end(self) -> None:
        """Note that the loop has been left."""
        with self.lock:
            self.clock(False)
            self.active, self.paused, self.pause_at = False, False, None

    def commit(self, outcome: Outcome, elements: int = 1) -> None:
        """Make a computed step current and record it."""
        with self.lock, Undisturbed():
            self.stepper.commit(outcome)
            self.consume(elements)
            if self.duplicated is not None:
                self.duplicated.fill(outcome.gradients)
            self.history.append(
                outcome.step, self.epoch, outcome.loss, outcome.lr, outcome.gradient_norm
            )
            self.tick()

    def skip(self, elements: int = 1) -> None:
        """Consume the data and the number of a step that was not finite."""
        with self.lock, Undisturbed():
            self.stepper.skip()
            self.consume(elements)

    def consume(self, elements: int) -> None:
        """Move on in the data by so many elements."""
        for _ in range(elements):
            self.position = self.data.next_position(self.position)

    def adopt(self, state: TrainState) -> None:
        """Make another state of the same model current, such as the best one."""
        with self.lock, Undisturbed():
            self.stepper.adopt(state)
            self.feed.reset()
            self.pass_index, self.position = state.position

    def halt(self, reason: str) -> None:
        """Pause in front of a step that was not finite."""
        with self.lock:
            self.paused, self.message = True, reason

    def end_pass(self) -> None:
        """Go on to the next pass over the data."""
        with self.lock, Undisturbed():
            self.pass_index, self.position = self.pass_index + 1, 0

    def run_evaluation(self) -> Mapping[str, float]:
        """Evaluate the validation data, if there are any, and record the result."""
        if self.evaluate is not None:
            with turned_to(self.stepper.evaluation_knobs()):
                values = dict(self.evaluate(self.stepper.model()))
            with self.lock:
                self.metrics = values
                self.history.record(self.stepper.step, values)
        return self.metrics

    def complete(self) -> bool:
        """Whether the planned end is reached."""
        plan = self.plan
        if plan.end_step is not None and self.stepper.step >= plan.end_step:
            return True
        return plan.end_pass is not None and self.pass_index >= plan.end_pass

    def last_step(self) -> int | None:
        """Return the planned number of the last step, None if it is not known."""
        return self._end(self.plan)

    def _end(self, plan: Plan) -> int | None:
        if plan.end_step is not None:
            return plan.end_step
        per_pass, left = self.steps_per_pass, self.steps_left()
        if plan.end_pass is None or per_pass is None or left is None:
            return None
        rest = left if self.position else 0
        whole = plan.end_pass - self.pass_index - (1 if self.position else 0)
        return self.stepper.step + rest + whole * per_pass

    def current_state(self) -> TrainState:
        """Return the state behind the last completed step."""
        with self.lock:
            state = self.stepper.state((self.pass_index, self.position))
            return state if self.rng is None else replace(state, key=self.state.key)

    # Between steps ----------------------------------------------------------------------

    def check_agenda(self) -> None:
        """Refuse a plan with a name that is not known, before the first step."""
        for step, pending in self.agenda.items:
            where = f"{self.where}, plan=, it.at({step})"
            try:
                self.controls.check(pending.command, where)
            except ValueError:
                if not self._meet_knobs():  # one of the loss's own may be meant
                    raise
                self.controls.check(pending.command, where)

    def _meet_knobs(self) -> bool:
        """Look at the first loss for the user's own knobs; return whether some are new."""
        known = len(self.stepper.declared)
        elements = self.fetch()
        if elements is not None:
            self.feed.put_back(elements)
            self.stepper.look(self.objective, elements[0])
            self.stepper.meet(self.stepper.knobs.met)
        return len(self.stepper.declared) > known

    def apply_planned(self) -> Iterator[Applied]:
        """Apply what was planned for this boundary; one that cannot be applied ends the fit."""
        for pending in self.agenda.due(self.stepper.step):
            yield self.apply(pending)
            if pending.ticket.error is not None:
                raise pending.ticket.error

    def delay(self) -> float:
        """Return how long the next step has to wait for the pace, in seconds."""
        if self.pace is None:
            return 0.0
        return min(self._due - time.monotonic(), self._limit - self.running_time())

    def stop_if_due(self) -> None:
        """Stop when the time is over."""
        if self.max_seconds is not None and self.running_time() >= self._limit:
            with self.lock:
                self.stopping = self.stopping or f"stopped after {self.max_seconds:g} s"

    def note_start_of_step(self) -> None:
        """Book the time of a step under the pace; lost time is not made up for."""
        if self.pace is not None:
            self._due = max(self._due, time.monotonic() - 1.0 / self.pace) + 1.0 / self.pace

    def pause_if_due(self) -> None:
        """Pause when the steps of an `Advance` are taken."""
        if self.pause_at is not None and self.stepper.step >= self.pause_at:
            with self.lock:
                self.paused, self.pause_at = True, None

    def clock(self, running: bool) -> None:
        """Start or stop counting the running time."""
        now = time.monotonic()
        with self.lock:
            if self._since is not None:
                self.elapsed += now - self._since
            self._since = now if running else None
            self._mark = (now, self.stepper.step)

    def running_time(self) -> float:
        """Return the seconds of running so far, pauses excluded."""
        with self.lock:
            return self.elapsed + (0.0 if self._since is None else time.monotonic() - self._since)

    def tick(self) -> None:
        """Measure the rate of steps, twice a second."""
        now = time.monotonic()
        then, step = self._mark
        if now - then >= 0.5:
            self.rate = (self.stepper.step - step) / (now - then)
            self._mark = (now, self.stepper.step)

    def apply(self, pending: Pending) -> Applied:
        """Apply one command; a command that fails changes nothing and says so on its ticket."""
        with self.lock:
            try:
                self._apply(pending)
            except Exception as error:
                pending.ticket.refuse(error)
            return Applied(self.stepper.step, pending.ticket)

    def _apply(self, pending: Pending) -> None:
        command, step = pending.command, self.stepper.step
        if not self.active and isinstance(command, (Pause, Resume, Advance)):
            kind = kind_of(command)
            raise ValueError(
                refusal(
                    f"run.{kind}",
                    "the run must be going on",
                    "one that has ended",
                    "run.extend(epochs=1) or run.extend(steps=100) continues it.",
                )
            )
        kind = kind_of(command)
        path, name = getattr(command, "path", ""), getattr(command, "name", "")
        old = new = ""
        value, undoes = None, -1
        restore: Callable[[], None] | None = None
        match command:
            case Adjust() | Release() | Freeze() | Thaw():
                change = self.controls.apply(command, f"run.{kind}")
                old, new, value, restore = change.old, change.new, change.value, change.restore
            case Pause():
                self.paused, self.pause_at = True, None
            case Resume():
                self.paused, self.pause_at, self.message = False, None, ""
            case Advance(steps):
                self.paused, self.pause_at, self.message = False, step + steps, ""
                new = f"{steps} steps"
            case Stop():
                if self.active:
                    self.stopping, self.paused = "stopped", False
            case SetPace(pace):
                old, new = _pace(self.pace), _pace(pace)
                self.pace, self._due = pace, 0.0
            case Extend(epochs, steps):
                old = _end(self.last_step())
                self._extend(epochs, steps)
                new = _end(self.last_step())
            case Note(text):
                new = text
            case Undo():
                undoes, path, name, old, new = self._take_back()
            case _:
                raise ValueError(
                    refusal(f"run.{kind}", "a command that runs know", "one to come", "Wait.")
                )
        entry = self.journal.add(
            step,
            kind,
            path=path,
            name=name,
            old=old,
            new=new,
            source=pending.source,
            value=value,
            gesture=pending.gesture,
            command=command,
            undoes=undoes,
        )
        if restore is not None and not any(n == entry.sequence for n, _ in self._undo):
            self._undo.append((entry.sequence, restore))
        pending.ticket.apply(step, old, new)  # last: who waited for it finds everything in place

    def _extend(self, epochs: int | None, steps: int | None) -> None:
        step, plan = self.stepper.step, self.plan
        begun = self.pass_index + (1 if self.position else 0)  # a begun pass is finished first
        if not self.active:  # a run that has ended is extended from where it stands
            plan = Plan(begun) if steps is None else Plan(None, step)
        per_pass = self.steps_per_pass
        if (epochs is None) == (plan.end_step is None) and per_pass is None and plan != Plan():
            raise ValueError(
                refusal(
                    "run.extend",
                    "passes of a known length, to add epochs to steps or steps to epochs",
                    repr(self.data),
                    "Extend by the unit of the plan, or once the run has ended.",
                )
            )
        if steps is not None:
            self.plan = Plan(None, max(self._end(plan) or 0, step) + steps)
        elif epochs is not None and plan.end_step is not None:
            self.plan = Plan(None, max(plan.end_step, step) + epochs * (per_pass or 0))
        elif epochs is not None:
            self.plan = Plan(max(plan.end_pass or 0, begun) + epochs)

    def _take_back(self) -> tuple[int, str, str, str, str]:
        if not self._undo:
            raise ValueError(
                refusal(
                    "run.undo",
                    "an adjust, release, freeze or thaw that still stands",
                    "none",
                    "Nothing was changed.",
                )
            )
        sequence, restore = self._undo.pop()
        restore()
        entry = self.journal[sequence]
        return sequence, entry.path, entry.name, entry.new, entry.old


def _end(step: int | None) -> str:
    return "no planned end" if step is None else f"step {step}"


def _pace(pace: float | None) -> str:
    return "full speed" if pace is None else f"{pace:g} steps a second"
