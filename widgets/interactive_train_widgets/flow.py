"""When a frame may leave: rate, frames in flight, heartbeat. Pure bookkeeping, no clock of its own.

Every method takes `now` in seconds of any clock that only goes forward. Nothing
leaves before a view in a browser said that it is ready; at most `IN_FLIGHT`
frames wait for their acknowledgement; what happens meanwhile is coalesced into
the next frame, which is always a whole picture.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

IN_FLIGHT = 3  # frames without acknowledgement
MAX_RATE = 30.0  # frames a second, for a whole dashboard
DEFAULT_RATE = 10.0
BLIND_RATE = 4.0  # while a blocking cell keeps acknowledgements from arriving
BUDGET = 0.015  # part of one core that frames may cost; a dear frame comes less often
RESTING = 0.5  # the same while nothing trains: who takes single steps waits for each picture
MAX_VIEWS = 16  # a page that was closed may never say so: the oldest are forgotten
MAX_WINDOWS = 2  # zoomed ranges that one frame carries: two pages may look at two places
SLOWEST = 0.5  # seconds between two frames at most, however dear they are
PROBE = 10.0  # seconds after which a frame is given up as lost
HEARTBEAT = 10.0  # seconds of silence at most: a culler waits minutes, a person less


@dataclass(slots=True)
class View:
    """One rendering of the widget in a browser."""

    rate: float = DEFAULT_RATE
    columns: int = 600
    sections: tuple[str, ...] = ()  # what it shows beside the usual
    window: tuple[float, float] | None = None  # steps of a zoomed curve


class Flow:
    """The flow control of one widget, over all its views."""

    def __init__(
        self,
        blind: bool = False,
        slowest: float = SLOWEST,
        budget: float = BUDGET,
        hold: float = 0.0,
    ) -> None:
        self.blind = blind
        self.slowest, self.budget = slowest, budget
        self.hold = hold  # seconds for which a frame stands at least while something trains
        self.views: dict[str, View] = {}
        self.sequence = 0
        self.fresh = False  # a view waits for its first picture
        self.asked = False  # a person waits for the next one, whatever it costs
        self.resting = False  # nothing trains, so that a frame takes time from nobody
        self._waiting: deque[tuple[int, float]] = deque()  # (sequence, sent at)
        self._last_frame = float("-inf")
        self._last_sent = float("-inf")
        self._cost = 0.0  # CPU seconds of a frame, averaged over the last few

    @property
    def open(self) -> bool:
        """Whether anybody is there to see a frame."""
        return self.blind or bool(self.views)

    @property
    def in_flight(self) -> int:
        """Frames that no view has acknowledged yet."""
        return len(self._waiting)

    @property
    def rate(self) -> float:
        """Frames a second that the liveliest view asked for."""
        asked = max((view.rate for view in self.views.values()), default=DEFAULT_RATE)
        return min(asked, BLIND_RATE) if self.blind else asked

    @property
    def columns(self) -> int:
        """Buckets that the widest view can show."""
        return max((view.columns for view in self.views.values()), default=600)

    @property
    def sections(self) -> frozenset[str]:
        """What any view shows beside the usual."""
        return frozenset(name for view in self.views.values() for name in view.sections)

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """The zoomed ranges of steps that views look at, at most `MAX_WINDOWS` of them."""
        asked = (view.window for view in self.views.values() if view.window is not None)
        return tuple(dict.fromkeys(asked))[-MAX_WINDOWS:]

    def ready(
        self,
        name: str,
        rate: float,
        columns: int,
        sections: tuple[str, ...] = (),
        window: tuple[float, float] | None = None,
    ) -> None:
        """A view appeared or came back: whatever was under way counts as lost."""
        self.adapt(name, rate, columns, sections, window)
        self._waiting.clear()
        self._last_frame = float("-inf")
        self.fresh = True

    def adapt(
        self,
        name: str,
        rate: float,
        columns: int,
        sections: tuple[str, ...] = (),
        window: tuple[float, float] | None = None,
    ) -> None:
        """A view was resized, hidden, zoomed, unfolded something, or asks for less motion."""
        rate, columns = min(max(rate, 0.1), MAX_RATE), min(max(columns, 50), 2000)
        self.views.pop(name, None)  # the newest word is the last
        self.views[name] = View(rate, columns, sections, window)
        if len(self.views) > MAX_VIEWS:
            del self.views[next(iter(self.views))]

    def gone(self, name: str) -> None:
        """A view was taken down."""
        self.views.pop(name, None)

    def acknowledged(self, sequence: int) -> None:
        """A view has drawn the frame; earlier ones are settled with it."""
        while self._waiting and self._waiting[0][0] <= sequence:
            self._waiting.popleft()

    def wait(self, now: float) -> float:
        """Seconds until a frame may leave; 0 = now, infinity = when something arrives."""
        if not self.open:
            return float("inf")
        due = self._last_frame + max(1.0 / self.rate, self._stands())
        if not self.blind and len(self._waiting) >= IN_FLIGHT:
            due = max(due, self._waiting[-1][1] + PROBE)
        return max(0.0, due - now)

    def _stands(self) -> float:
        """Seconds for which a frame stands, so that frames leave the processor to the training."""
        if self.asked:
            return 0.0
        if self.resting:
            return min(self._cost / RESTING, self.slowest)
        return max(self.hold, min(self._cost / self.budget, self.slowest))

    def sent(self, now: float) -> int:
        """Count a frame that leaves now; return its sequence number."""
        self.sequence += 1
        if len(self._waiting) >= IN_FLIGHT:
            self._waiting.clear()  # a probe after silence: the old ones are lost
        self._waiting.append((self.sequence, now))
        self._last_frame = self._last_sent = now
        self.fresh = self.asked = False
        return self.sequence

    def spent(self, seconds: float) -> None:
        """Count the CPU time that a frame took."""
        self._cost += 0.2 * (seconds - self._cost)

    def beat(self, now: float) -> bool:
        """Whether a sign of life is due; counts it as sent."""
        due = self.open and now - self._last_sent >= HEARTBEAT
        if due:
            self._last_sent = now
        return due

    def settled(self, now: float) -> bool:
        """Whether every frame has arrived, or nobody is left to say so."""
        return not self.open or not self._waiting or now - self._waiting[-1][1] >= PROBE
