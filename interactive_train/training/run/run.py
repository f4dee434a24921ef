"""Run: a fit in a background thread, and the commands that steer it.

`submit` is the one way in: it checks a command, queues it for the next step boundary and
returns a ticket. A run that has ended applies commands at once. All that a reader gets -
views, states, history - is a copy or never changes.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from interactive_train.runtime.checks import real_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.control.admission import check, exact
from interactive_train.training.control.applying import TRAVELS
from interactive_train.training.control.ending import Plan
from interactive_train.training.control.inbox import Pending
from interactive_train.training.control.steering import Steering, check_command
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.lines import JournalFile
from interactive_train.training.loop.report import Reports, drain
from interactive_train.training.loop.session import Session
from interactive_train.training.records.commands import Command, Extend, describe
from interactive_train.training.records.events import Applied, Ended, Event, Halted
from interactive_train.training.records.history import History
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import RunView, Status
from interactive_train.training.run import frontend
from interactive_train.training.run.autosave import Autosave
from interactive_train.training.run.registry import runs
from interactive_train.training.travel.timetravel import TimeTravel
from interactive_train.training.views.looking import Looking
from interactive_train.training.views.viewing import view_of


class RunPaused(RuntimeError):
    """`Run.wait` was called in a cell and the run paused: nobody could resume it from there."""


class Run(Steering, Looking):
    """A fit that goes on in the background.

    Made by `Trainer.start`. Shown in a cell, it is its dashboard.

    Attributes
    ----------
    name : str
    error : BaseException or None
        What ended the run, if it failed.

    Examples
    --------
    >>> import numpy as np
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=50)
    >>> run.wait().status
    'finished'
    >>> print(run.adjust(lr=0.01))
    adjust lr: applied at step 50, 0.1 -> 0.01
    >>> run.extend(steps=10).wait().new, run.wait().step
    ('step 60', 60)
    """

    def __init__(
        self, session: Session, reports: Reports, name: str, headless: bool = False
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._session, self._reports, self._headless = session, reports, headless
        self._sequence = 0
        self._newest: Ticket | None = None
        self._active = False
        self._reason = ""
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition(session.lock)  # type: ignore[arg-type]
        self._journal_file: JournalFile | None = None
        self._autosave: Autosave | None = None
        self._listeners: list[Callable[[], None]] = []
        self._closers: list[Callable[[], None]] = []

    @classmethod
    def launch(
        cls,
        session: Session,
        reports: Reports,
        *,
        name: str,
        pace: float | None,
        max_seconds: float | None,
        journal: str | os.PathLike[str] | None = None,
        autosave: str | os.PathLike[str] | None = None,
        snapshot_limit: int | None = None,
    ) -> Run:
        """Start a run, in the background where somebody can steer it, else to its end."""
        headless = frontend.is_headless()
        pace = check_command(pace=pace)
        if max_seconds is not None:
            max_seconds = real_number(
                max_seconds, "max_seconds", "trainer.start", low=0.0, open_low=True
            )
        if headless and session.plan == Plan() and max_seconds is None and not session.agenda.ends:
            raise ValueError(
                refusal(
                    "trainer.start",
                    "a run without a front end needs an end",
                    "epochs=None and max_seconds=None",
                    "Give epochs=10 or max_seconds=20, or a plan with it.at(500).stop().",
                )
            )
        session.time = TimeTravel(session, snapshot_limit)
        run = cls(session, reports, name, headless)
        session.viewer = run.view
        if journal is not None:
            run._journal_file = JournalFile(journal, session.journal)
        if autosave is not None:
            run._autosave = Autosave(autosave, run)
        session.max_seconds = max_seconds
        if headless:
            session.on_nonfinite = (
                "raise" if session.on_nonfinite == "pause" else session.on_nonfinite
            )
        else:
            session.pace = pace
        runs.enter(run)
        run._begin()
        run._block()
        return run

    @classmethod
    def to_its_end(cls, session: Session, reports: Reports, name: str) -> Run:
        """Return the ended run of a session that nobody steers; it is not among `it.runs`."""
        run = cls(session, reports, name, headless=True)
        run._begin()
        run._block()
        return run

    # What it is ---------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """ready, running, paused, finished, stopped or failed."""
        if self.error is not None:
            return "failed"
        if self._active:
            if self._session.stopping:  # its thread is about to end
                return "stopped"
            return "paused" if self._session.paused else "running"
        if not self._reason:
            return "ready"
        return "finished" if self._reason == "finished" else "stopped"

    @property
    def step(self) -> int:
        """Completed steps, over all fits of the state."""
        return self._session.stepper.step

    @property
    def epoch(self) -> int:
        """The epoch of this run, from 1."""
        return self._session.epoch

    @property
    def history(self) -> History:
        """What was recorded so far."""
        return self._session.history

    @property
    def journal(self) -> Journal:
        """Every intervention, with its step."""
        journal = self._session.journal
        journal.owner = self._session  # who holds the journal alone may still ask for its header
        return journal

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to one file: states, history, metrics, journal; also while it runs.

        `it.load_run` reads it. The file is whole or as it was before.

        Parameters
        ----------
        path : path
            Such as "fit.safetensors"; written anew if it stands there.
        """
        from interactive_train.training.run.runfile import save_run

        save_run(path, self, self._session)

    def replay(self) -> Run:
        """Run again what led to where this run stands, and return the ended run.

        With what the run was given, in this process: equal bits. Pauses and pace are left out.

        Raises
        ------
        ValueError
            For data that pass only once.
        """
        from interactive_train.training.run.replay import replay_run

        return replay_run(self, self._session)

    # Commands -----------------------------------------------------------------------------

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Queue a command for the next step boundary; see `Source.submit`.

        A command that cannot be applied comes back refused at once; nothing is raised.
        """
        with self._session.lock:
            ticket = Ticket(self._sequence, describe(command))
            try:
                self.check(command)
                command = exact(self._session, command)
            except Exception as error:
                ticket.sequence = -1
                return ticket.refuse(error)
            self._sequence += 1
            self._newest, ticket.worker = ticket, self._thread
            pending = Pending(command, ticket, source, gesture)
            if self._active:
                self._session.inbox.put(pending)
                return ticket
            travels = isinstance(command, TRAVELS)
            if travels:
                self._session.inbox.put(pending)
                self._wake()
            elif self._apply_ended(pending):
                self._begin()
        self._tell()
        if travels and self._headless:
            with contextlib.suppress(Exception):
                ticket.wait()
        elif self._active:
            self._block()
        return ticket

    def _wake(self) -> None:
        """Let a run that has ended go elsewhere in time; it is paused then."""
        self._session.ended = self._reason or "stopped"
        self._begin()

    def check(self, command: Command) -> None:
        """Raise if a command cannot be applied as things stand; change nothing."""
        check_command(command)
        with self._session.lock:
            check(self._session, command, self._newest is None or self._newest.done)

    def _apply_ended(self, pending: Pending) -> bool:
        """Apply a command to a run that has ended; return whether it shall go on."""
        self._session.apply(pending)
        return isinstance(pending.command, Extend) and pending.ticket.error is None

    def wait(self, timeout: float | None = None) -> Run:
        """Block until the run has ended; returns the run.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Raises
        ------
        RunPaused
            When the run pauses: a cell that waits hears no slider.
        TimeoutError
            After `timeout`.
        Exception
            What ended the run.
        """
        if self._active and self._thread is threading.current_thread():
            raise RuntimeError(
                refusal(
                    "run.wait",
                    "somebody else than the run itself waits for it",
                    "a call from within a step or a report of the run",
                    'A report ends the run by returning "stop".',
                )
            )
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._active:
                if self._session.paused and (self._newest is None or self._newest.done):
                    why = f": {self._session.message}".rstrip(": .")
                    raise RunPaused(
                        f"run.wait: the run paused at step {self.step}{why}. "
                        "Call run.resume() and wait again."
                    )
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"run.wait: still at step {self.step} after {timeout:g} s")
                self._changed.wait(0.2 if left is None else min(left, 0.2))
        if self._thread is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error
        return self

    def watch(self, seconds: float = 10.0) -> None:
        """Draw the run as a plain picture in this cell for a while, then return.

        For pages that hear a background thread only while a cell runs, such as Colab's. It
        returns at once where the run does not go on. Training never waits for it.

        Parameters
        ----------
        seconds : float
        """
        if not frontend.show(self, real_number(seconds, "seconds", "run.watch", low=0.0)):
            with suppress(TimeoutError, RunPaused):
                self.wait(seconds)
            print(repr(self))  # noqa: T201 - the display of a cell without widgets

    def close(self) -> None:
        """Stop the run and wait for its thread; for a run that nobody wants any more."""
        if self._active:
            self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(30)
        self._call(self._closers)

    def thin_out(self) -> None:
        """Keep few snapshots if the run has ended, for others have begun since."""
        if not self._active and self._session.time is not None:
            self._session.time.thin_out()

    def give_back(self) -> None:
        """Give back what only going on and going back need; state, history and journal stay."""
        with self._session.lock:
            if not self._active:
                self._session.release()

    # For front ends -----------------------------------------------------------------------

    def view(self) -> RunView:
        """Return everything that a dashboard shows, at one step boundary."""
        with self._session.lock:
            reason, error = self._reason, self.error
            if error is not None:
                reason = f"{type(error).__name__}: {error}"
            return view_of(self._session, self.name, self.status, reason)

    def subscribe(
        self, listener: Callable[[], None], closed: Callable[[], None] | None = None
    ) -> None:
        """Call `listener` whenever a command took effect, the run halted, or it ended.

        `closed` is called when nobody wants the run any more: its cell ran again. Both are
        called on the thread where that happened and must return at once.
        """
        self._listeners.append(listener)
        if closed is not None:
            self._closers.append(closed)

    def _ipython_display_(self) -> None:
        if not frontend.show(self):
            print(repr(self))  # noqa: T201 - the display of a cell without widgets

    def __repr__(self) -> str:
        view = self.view()
        end = f" of {view.last_step}" if view.last_step is not None else ""
        loss = "" if math.isnan(view.loss) else f", loss {view.loss:.4g}"
        return f"Run({self.name!r}, {view.status}, step {view.step}{end}{loss})"

    # The thread ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._active, self._reason, self.error = True, "", None
        self._session.stopping = self._session.journal.outcome = ""
        finish = None if self._autosave is None else self._autosave.begin()
        self._thread = threading.Thread(
            target=self._work, args=(finish,), name=f"train {self.name}", daemon=True
        )
        self._thread.start()

    def _block(self) -> None:
        """Wait for the end where nobody could steer."""
        if not self._headless:
            return
        try:
            self.wait()
        except BaseException as error:
            self.close()
            error.add_note(f"The state behind step {self.step} is it.runs[-1].state.")
            raise

    def _work(self, finish: Callable[[], None] | None) -> None:
        while True:
            try:
                for event in drain(self._session, self._reports):
                    self._note(event)
            except BaseException as error:
                error.add_note(f"run.state holds the state behind step {self.step}.")
                self.error, self._reason = error, "failed"
            if self._journal_file is not None:
                self._journal_file.close()
            with self._changed:  # what came too late is applied to the run that has ended
                if self._apply_late():
                    self._reason, self.error, self._session.stopping = "", None, ""
                    continue
                self._active = False
                self._changed.notify_all()
            self._tell()
            if finish is not None:
                finish()
            return

    def _apply_late(self) -> bool:
        """Apply what arrived with the end; return whether the run shall go on."""
        again, late = False, self._session.inbox.drain()
        for number, pending in enumerate(late):
            if isinstance(pending.command, TRAVELS):
                for each in late[number:]:
                    self._session.inbox.put(each)
                self._session.ended = self._reason or "stopped"
                return True
            again = self._apply_ended(pending) or again
        return again

    def _note(self, event: Event) -> None:
        if isinstance(event, Ended):
            self._reason = self._session.journal.outcome = event.reason
        elif isinstance(event, (Applied, Halted)):
            with self._changed:
                self._changed.notify_all()
            self._tell()

    def _tell(self) -> None:
        self._call(self._listeners)

    def _call(self, listeners: Sequence[Callable[[], None]]) -> None:
        for listener in list(listeners):
            try:
                listener()
            except Exception as error:  # what looks at a run must not end it
                notice(f"run {self.name!r}: a listener failed: {error!r}", once=repr(listener))
