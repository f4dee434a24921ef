"""Session: what one fit works on - stepper, data and plan, history and journal, controls.

The loop moves it on step by step; commands change it between steps. Everything that another
thread may read is changed under `lock`.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from interactive_train.data import Data
from interactive_train.nn.duplicated import Duplicated
from interactive_train.nn.knob import turned_to
from interactive_train.runtime.key import Key
from interactive_train.training.control import admission, applying
from interactive_train.training.control.controls import Controls
from interactive_train.training.control.ending import Plan, end_of
from interactive_train.training.control.goals import Goal
from interactive_train.training.control.inbox import Inbox, Pending
from interactive_train.training.control.plan import Agenda
from interactive_train.training.journal.fingerprint import header_of, program_hash
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.logged import MAIN
from interactive_train.training.loop.gate import Gate
from interactive_train.training.loop.leaping import leap
from interactive_train.training.recorded.engine import Engine, Leap
from interactive_train.training.records.events import Applied
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState
from interactive_train.training.step.feed import Chunks, Feed
from interactive_train.training.step.interrupts import Undisturbed
from interactive_train.training.step.stepper import Objective, Outcome, Stepper
from interactive_train.training.travel.rerun import Rerun
from interactive_train.training.travel.snapshots import Undone
from interactive_train.training.travel.timetravel import TimeTravel

NonFinite = Literal["raise", "skip", "pause"]
Evaluate = Callable[[Any], Mapping[str, float]]  # model -> metrics


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
    time : TimeTravel or None
        Branches and snapshots; only runs have them.
    reports : Reports or None
        Those that are told of this fit.
    rerun : Rerun or None
        While steps are taken that were taken before.
    viewer : callable or None
        Returns the `RunView`, for conditions.
    busy : float
        Seconds of taking steps so far.
    ended : str
        How the run had ended that was woken up to go elsewhere in time.
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
    time: TimeTravel | None = field(init=False, default=None)
    reports: Any = field(init=False, default=None)
    rerun: Rerun | None = field(init=False, default=None)
    viewer: Callable[[], Any] | None = field(init=False, default=None)
    busy: float = field(init=False, default=0.0)
    ended: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.stepper = Stepper(self.state, self.where, self.in_place, self.clip_norm)
        if self.rng is not None:
            self.stepper.key = self.rng
        self.given = self.data
        self.feed = Feed(self.data, self.accumulate)
        self.engine = Engine(self.stepper) if self.recorded else None
        own = weakref.ref(self)  # a fit that nobody holds is forgotten at once, with its arrays
        self.journal = Journal(lambda: header_of(_held(own)), lambda: _held(own).history)
        self.journal.program_source = lambda: _held(own)._program()
        if self.engine is not None:
            self.lock.hurry = self.inbox.ring = self.engine.post
        self.chunks = Chunks()
        self.controls = Controls(self.stepper, self.state.model)
        self.pass_index, self.position = self.state.position
        self.first_step, self.first_pass = self.stepper.step, self.pass_index
        self.pause_at: int | None = None
        self.goal: Goal | None = None
        self.undo: list[Undone] = []
        self.undone: set[int] = set()
        self._due = 0.0
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
        left = self.data.steps_left(self.position)
        return None if left is None else math.ceil(left / self.accumulate)

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
        engine, step = self.engine, self.stepper.step
        before = "" if engine is None else engine.refused
        found = leap(self, most)
        if engine is not None and engine.refused != before and self.time is not None:
            self.time.note_refusal(step, engine.refused)
        return found

    def begin(self) -> None:
        """Make ready for the loop: the clock runs, `max_seconds` count from now."""
        with self.lock:
            self.active, self.stopping, self.message = True, "", ""
            self.go(paused=bool(self.ended))
            self._limit = math.inf if self.max_seconds is None else self.elapsed + self.max_seconds
            self.clock(True)
            if self.time is not None:
                self.time.ground()

    def end(self) -> None:
        """Note that the loop has been left."""
        with self.lock:
            self.clock(False)
            self.active = self.paused = False
            self.pause_at, self.goal = None, None

    def commit(self, outcome: Outcome, elements: int = 1) -> None:
        """Make a computed step current and record it."""
        with self.lock, Undisturbed():
            self.stepper.commit(outcome)
            self.consume(elements)
            if self.duplicated is not None:
                self.duplicated.fill(outcome.gradients)
            if self.rerun is not None:
                self.rerun.compare(outcome.step, [outcome.loss])
            else:
                self.history.append(
                    outcome.step, self.epoch, outcome.loss, outcome.lr, outcome.gradient_norm
                )
            self.tick()

    def note_steps(self, first: int, losses: Any, lrs: Any, norms: Any) -> None:
        """Record recorded steps, or compare them with what they were."""
        if self.rerun is not None:
            self.rerun.compare(first, losses)
        else:
            self.history.extend(first, self.epoch, losses, lrs, norms)
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
            if self.time is not None and state.step != self.stepper.step:
                self.time.adopting()
            self.stand(state, self.data, self.plan)

    def stand(self, state: TrainState, data: Data, plan: Plan) -> None:
        """Stand at a state, with the data and the plan that belong to it."""
        self.stepper.adopt(state)
        self.set_data(data)
        self.pass_index, self.position = state.position
        self.plan, self._due = plan, 0.0
        self._mark = (time.monotonic(), state.step)

    def set_data(self, data: Data) -> None:
        """Go on with these data where the fit stands in its pass."""
        self.data = data
        self.feed.reset()
        if self.engine is not None:
            self.engine.moved()

    def set_pace(self, pace: float | None) -> None:
        """Take so many steps a second from now on."""
        self.pace, self._due = pace, 0.0

    def go(
        self, paused: bool = False, pause_at: int | None = None, goal: Goal | None = None
    ) -> None:
        """Go on, or pause; forget where it was to pause before."""
        self.paused, self.pause_at, self.goal = paused, pause_at, goal
        if not paused:
            self.message = ""

    @property
    def branch(self) -> str:
        """The name of the line that goes on."""
        return MAIN if self.time is None else self.time.line.name

    def halt(self, reason: str) -> None:
        """Pause in front of a step that was not finite."""
        with self.lock:
            self.paused, self.message = True, reason

    def release(self) -> None:
        """Give back the memory of recorded steps and of snapshots."""
        if self.time is not None:
            self.time.release()
        if self.engine is not None:
            self.engine.release()

    def end_pass(self) -> None:
        """Go on to the next pass over the data."""
        with self.lock, Undisturbed():
            self.pass_index, self.position = self.pass_index + 1, 0

    def run_evaluation(self) -> Mapping[str, float]:
        """Evaluate the validation data, if there are any, and record the result."""
        if self.rerun is not None and not self.rerun.evaluates(self.stepper.step):
            self.metrics = self.history.metrics_at(self.stepper.step)
        elif self.evaluate is not None:
            with turned_to(self.stepper.evaluation_knobs()):
                values = dict(self.evaluate(self.stepper.model()))
            with self.lock:
                self.metrics = values
                if self.rerun is not None:
                    values = {name: value for name, value in values.items() if np.ndim(value)}
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
        return end_of(self, self.plan)

    def current_state(self) -> TrainState:
        """Return the state behind the last completed step."""
        with self.lock:
            state = self.stepper.state((self.pass_index, self.position))
            return state if self.rng is None else replace(state, key=self.state.key)

    # Between steps ----------------------------------------------------------------------

    def check_agenda(self) -> None:
        """Refuse a plan with a name that is not known, before the first step."""
        checked = []
        for step, pending in self.agenda.items:
            where = f"{self.where}, plan=, it.at({step})"
            try:
                command = admission.planned(self, pending.command, where)
            except ValueError:
                if not self._meet_knobs():  # one of the loss's own may be meant
                    raise
                command = admission.planned(self, pending.command, where)
            checked.append((step, replace(pending, command=command)))
        self.agenda.items = checked

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
        """Pause when the steps of an `Advance` are taken, or a goal is reached."""
        if self.pause_at is not None and self.stepper.step >= self.pause_at:
            with self.lock:
                self.go(paused=True)
        if self.goal is not None:
            reached = self.goal.reached(self)
            if reached:
                with self.lock:
                    self.go(paused=True)
                    self.message = reached

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
        return applying.apply(self, pending)


def _held(own: weakref.ref[Session]) -> Session:
    session = own()
    if session is None:
        raise RuntimeError("journal: its run is gone; hold the run, or save it: run.save(path)")
    return session
