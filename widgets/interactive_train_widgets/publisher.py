"""The one thread that writes to a dashboard: frames, receipts of commands, signs of life.

It starts with the first view that says "ready", reads the source at step
boundaries, sends what changed, and ends when the run has ended and everything
has arrived, or the widget is closed. The work of one turn is `Publisher.turn`,
which needs neither thread nor clock, so that tests can drive it.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence

from interactive_train.training.records.view import RunView, Source
from interactive_train_widgets import messages
from interactive_train_widgets.describe import Head, signature
from interactive_train_widgets.flow import BUDGET, SLOWEST, Flow
from interactive_train_widgets.frames import Buffers, Composer
from interactive_train_widgets.ports import Compose, Port
from interactive_train_widgets.receipts import Receipts
from interactive_train_widgets.sections import Sections

ENDED = ("finished", "stopped", "failed")
KEEP_COLUMNS = 1000  # of a curve that a saved notebook keeps
PAUSE_SETTLES = 1.0  # seconds in pause before a picture is drawn: single steps do not each draw one
TELL = 0.5  # seconds between two readings of the traits, but for a change of the status
POLL = 0.02  # seconds between looks at the inbox while a command waits for its boundary
IDLE = 0.25  # seconds between looks at a run that does not move
SOON = 0.05  # seconds behind a receipt to the next look: a single step is over by then


class Publisher:
    """Everything that a widget sends, from one thread.

    Attributes
    ----------
    cpu_seconds : float
        CPU time of this thread while the run trains.
    keep_seconds : float
        CPU time of this thread for what a saved notebook keeps, in pauses and at the end.
    look_seconds : float
        CPU time of other threads that computed statistics of the layers.
    """

    def __init__(
        self,
        port: Port,
        sources: Sequence[Source],
        *,
        watch_only: bool = False,
        blind: bool = False,
        composer: Compose | None = None,
        slowest: float = SLOWEST,
        budget: float = BUDGET,
        hold: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.flow = Flow(blind=blind, slowest=slowest, budget=budget, hold=hold)
        self.cpu_seconds = 0.0
        self.keep_seconds = 0.0
        self.look_seconds = 0.0
        self.frames = 0
        self._port = port
        self._sources = tuple(sources)
        self._composer: Compose = composer or Composer(sources, watch_only)
        self._sections = Sections(self._sources[0], self.wake)
        self._clock = clock
        self._inbox: deque[messages.Message] = deque()
        self._receipts = Receipts(self._sources[0])
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None  # None: no turn will be taken
        self._newest: threading.Thread | None = None  # may still be on its way out
        self._closed = self._retired = False
        self._seen: tuple[object, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._kept: tuple[object, ...] = ()
        self._kept_revision = 0
        self._told: tuple[object, ...] = ()
        self._told_status = ""
        self._told_at = float("-inf")
        self._still_since = float("inf")
        self._look_at = float("-inf")  # the latest time of the next look at the run

    @property
    def latencies(self) -> list[float]:
        """Seconds from the press in the browser to the step boundary, per command."""
        return self._receipts.latencies

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    # -- from any thread; nothing here blocks ----------------------------------------------

    def receive(self, message: messages.Message) -> None:
        """Take what a browser said; commands are queued at the source at once."""
        if isinstance(message, messages.Request):
            self._sections.pressed(self._clock())
            self._receipts.submit(message)
        else:
            self._inbox.append(message)
        self.wake()

    def refuse(self, identity: str, error: Exception) -> None:
        """Tell the browser why a message changed nothing."""
        self._receipts.refuse(identity, error)
        self.wake()

    def wake(self) -> None:
        """Look again soon; starts the thread when it has ended or never ran."""
        with self._lock:
            self._wake.set()
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = self._newest = threading.Thread(
                target=self._run, name="interactive-train dashboard", daemon=True
            )
            self._thread.start()

    def retire(self) -> None:
        """Close the widget once the picture of the end is kept; returns at once."""
        self._retired = True
        self.wake()

    def close(self, timeout: float = 2.0) -> None:
        """End the thread; nothing is sent afterwards."""
        with self._lock:
            self._closed = True
            thread = self._newest
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    # -- in the publisher's thread ----------------------------------------------------------

    def _run(self) -> None:
        base = self.cpu_seconds + self.keep_seconds - time.thread_time()
        while True:
            self._wake.clear()
            retired = self._retired
            if retired:  # look at the end once more, to keep its picture
                self._look_at = float("-inf")
            pause = self._guarded_turn()
            self.cpu_seconds = base + time.thread_time() - self.keep_seconds
            self.look_seconds = self._sections.cpu_seconds
            if retired:
                self._port.leave()
            with self._lock:
                if self._closed or (pause is None and not self._wake.is_set()):
                    self._thread = None
                    return
            self._sleep(IDLE if pause is None else pause)

    def _guarded_turn(self) -> float | None:
        """Take a turn; what goes wrong in it is said on the page, the next message tries anew."""
        try:
            return self.turn(self._clock())
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            self._post({"kind": "trouble", "error": str(error), "trace": text[-4000:]}, [])
            return None

    def _sleep(self, seconds: float) -> None:
        """Wait for a message, the oldest ticket or the next frame, whichever is first."""
        ticket = self._receipts.oldest
        if ticket is None:
            self._wake.wait(seconds)
            return
        try:
            ticket.wait(min(seconds, POLL))
        except Exception:  # not yet applied, or refused: `turn` reads the ticket
            return

    def turn(self, now: float) -> float | None:
        """Do what is due; return the seconds until the next turn, None when all is done."""
        while self._inbox:
            self._hear(self._inbox.popleft())
        answers = self._receipts.settled
        due = self.flow.wait(now) <= 0.0 or now >= self._look_at
        if not (due or answers):  # reading a run is not free: look only when it may be sent
            return min(self.flow.wait(now), self._look_at - now)
        self._look_at = now + (SOON if answers else IDLE)
        view = self._sources[0].view()
        if answers:  # at once, with the values that now hold
            head, receipts = self._composer.head(view), self._receipts.collect()
            self._post({"kind": "tickets", "tickets": receipts} | head, [])
        for section in self._sections.turn(self.flow.sections, view, now):
            self._post(section, [])
        return self._show(view, now)

    def _show(self, view: RunView, now: float) -> float | None:
        """Send a frame if it differs from the last one and may leave."""
        others = [source.view() for source in self._sources[1:]]
        mark = (signature(view), self._composer.revision, *(other.step for other in others))
        self.flow.resting = all(seen.status != "running" for seen in (view, *others))
        windows = self.flow.windows
        if mark != self._seen:
            self._seen, self._still_since = mark, now
        changed = self.flow.open and (mark, windows) != self._shown
        if (changed or self.flow.fresh) and self.flow.wait(now) <= 0.0:
            started = time.thread_time()
            head, buffers = self._composer.frame(view, self.flow.columns, windows)
            sequence = self.flow.sent(now)
            self._post({"kind": "frame", "sequence": sequence} | head, buffers)
            self.frames += 1
            self.flow.spent(time.thread_time() - started)
            self._shown, changed = (mark, windows), False
        elif self.flow.beat(now):
            self._post({"kind": "beat", "status": view.status, "step": view.step}, [])
        self._keep(view, mark, now)
        self._tell(view, mark, now)
        done = view.status in ENDED and not changed and mark == self._kept == self._told
        quiet = self._receipts.oldest is None and not self._sections.busy
        if done and quiet and self.flow.settled(now):
            return None
        if changed:
            return min(self.flow.wait(now), self._look_at - now)
        return min(1.0 / self.flow.rate, self._look_at - now)

    def _hear(self, message: messages.Message) -> None:
        flow = self.flow
        if isinstance(message, messages.Ready):
            known = (message.view, message.rate, message.columns)
            flow.ready(*known, message.sections, message.window)
            self._sections.again()
        elif isinstance(message, messages.Adapt):
            known = (message.view, message.rate, message.columns)
            flow.adapt(*known, message.sections, message.window)
            self._sections.again()
        elif isinstance(message, messages.Ack):
            flow.acknowledged(message.sequence)
        elif isinstance(message, messages.Gone):
            flow.gone(message.view)
        elif isinstance(message, messages.Select):
            self._port.select(message.step)
        elif isinstance(message, messages.Choose | messages.Rows):
            try:
                self._answer(message)
            except (TypeError, ValueError) as error:
                self.refuse(message.identity, error)

    def _answer(self, message: messages.Choose | messages.Rows) -> None:
        if isinstance(message, messages.Choose):
            self._composer.choose(message.name, message.value)
            self.flow.asked = True
        else:
            head, buffers = self._composer.rows(self._sources[0].view())
            self._post({"kind": "rows", "id": message.identity} | head, buffers)

    def _keep(self, view: RunView, mark: tuple[object, ...], now: float) -> None:
        """Leave a picture for the saved notebook when the run rests or has ended."""
        revision = self._composer.revision
        rests = view.status == "paused" or revision != self._kept_revision
        settled = now - self._still_since >= PAUSE_SETTLES
        if mark == self._kept or not (settled if rests else view.status in ENDED):
            return
        started = time.thread_time()
        head, buffers = self._composer.frame(view, KEEP_COLUMNS)
        head["sections"] = self._sections.kept(self.flow.sections)
        self._port.keep(view, head, buffers)
        self._kept, self._kept_revision = mark, revision
        self.keep_seconds += time.thread_time() - started

    def _tell(self, view: RunView, mark: tuple[object, ...], now: float) -> None:
        """Let the traits follow, slowly; a change of the status at once."""
        due = now - self._told_at >= TELL or view.status != self._told_status
        if mark != self._told and due:
            self._told, self._told_status, self._told_at = mark, view.status, now
            if not self._closed:
                self._port.tell(view)

    def _post(self, content: Head, buffers: Buffers) -> None:
        if not self._closed:
            self._port.post(content, buffers)
