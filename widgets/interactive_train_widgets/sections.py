"""Heavy parts of a picture, sent only while somebody looks at them, each as a message of its own.

A section is computed on a thread that lives as long as one look, never on the publisher's, so that
receipts of commands do not wait for it. How often is decided by what a look costs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from interactive_train.training.records.view import RunView, Source
from interactive_train.training.views.distribution import Distribution
from interactive_train.training.views.statistics import ArrayStatistics, Statistics
from interactive_train_widgets.describe import Head, number

LAYERS = "layers"
SECTIONS = (LAYERS,)
SHARE = 0.015  # part of the process's CPU time that looks at a running fit may cost
LONGEST = 30.0  # seconds between two looks at most, however little the process computes
AFTER_PRESS = 0.5  # seconds behind a press in which no look begins: a drag comes first
SHORTEST = 1.0  # seconds between two looks while the run moves
FIRST = 2.0  # seconds between the first two looks
RESTING = 0.2  # the same while it rests: nobody is disturbed
MOVING = ("running",)


class Sections:
    """The sections of one source.

    Parameters
    ----------
    source : Source
        With ``statistics()``, if it has layers to show.
    wake : callable
        Called on the thread of a look when it is done.
    process_time : callable
        CPU seconds of the process.

    Attributes
    ----------
    cpu_seconds : float
        CPU time of all looks so far.
    """

    def __init__(
        self,
        source: Source,
        wake: Callable[[], None],
        process_time: Callable[[], float] = time.process_time,
    ) -> None:
        self.cpu_seconds = 0.0
        self._look: Callable[[], Statistics] | None = getattr(source, "statistics", None)
        self._wake = wake
        self._thread: threading.Thread | None = None
        self._newest: Head | None = None
        self._sent: Head | None = None
        self._stamp: object = None
        self._wanted = False
        self._process_time = process_time
        self._begun = self._pressed = float("-inf")
        self._cost: float | None = None  # of the last look but the first
        self._spent = 0.0  # by the process when the last look began

    @property
    def busy(self) -> bool:
        """Whether a look that somebody wants is under way or waits to be sent."""
        working = self._thread is not None and self._thread.is_alive()
        return self._wanted and (working or self._newest is not self._sent)

    def again(self) -> None:
        """Send everything once more: somebody came (back)."""
        self._sent = None

    def pressed(self, now: float) -> None:
        """Note that a person moved something."""
        self._pressed = now

    def turn(self, wanted: frozenset[str], view: RunView, now: float) -> list[Head]:
        """Return the messages that are due; begin the next look if it is time.

        Parameters
        ----------
        wanted : frozenset of str
            The sections that somebody looks at.
        view : RunView
        now : float
            Seconds of any clock that goes forward.
        """
        self._wanted = LAYERS in wanted
        if not self._wanted:
            return []
        if self._look is None:
            self._newest = self._newest or _message(error="There are statistics of runs only.")
        else:
            self._begin(self._look, view, now)
        newest = self._newest
        if newest is None or newest is self._sent:
            return []
        self._sent = newest
        return [newest]

    def kept(self, wanted: frozenset[str]) -> dict[str, Head]:
        """Return the sections for a notebook that is saved."""
        return {LAYERS: self._newest} if LAYERS in wanted and self._newest is not None else {}

    def _begin(self, look: Callable[[], Statistics], view: RunView, now: float) -> None:
        """Begin a look if something changed since the last one and it is time."""
        stamp = (view.status in MOVING, view.step, len(view.journal))
        working = self._thread is not None and self._thread.is_alive()
        if working or stamp == self._stamp or not self._due(view.status in MOVING, now):
            return
        self._stamp, self._begun, self._spent = stamp, now, self._process_time()
        self._thread = threading.Thread(
            target=self._work, args=(look,), name="interactive-train statistics", daemon=True
        )
        self._thread.start()

    def _due(self, moving: bool, now: float) -> bool:
        since = now - self._begun
        if not moving:
            return since >= RESTING
        if now < self._pressed + AFTER_PRESS:
            return False
        if self._cost is None:
            return since >= FIRST
        affordable = self._process_time() - self._spent >= self._cost / SHARE
        return since >= SHORTEST and (affordable or since >= LONGEST)

    def _work(self, look: Callable[[], Statistics]) -> None:
        began = time.thread_time()
        try:
            newest = describe_statistics(look())
        except Exception as error:  # the panel says it; the run goes on
            newest = _message(error=str(error))
        seconds = time.thread_time() - began
        self.cpu_seconds += seconds
        # The first look also pays for what is made once, such as plans of eager operations.
        self._cost = seconds if self._newest else None
        self._newest = newest
        self._wake()


def describe_statistics(found: Statistics) -> Head:
    """Return statistics as the front end reads them."""
    arrays = [_array(array) for array in found.arrays.values()]
    outputs = [
        {"path": o.path, "kind": o.kind, "shape": list(o.shape), "values": _distribution(o.values)}
        for o in found.outputs.values()
    ]
    return _message(
        step=found.step,
        loss=number(found.loss),
        message=found.message,
        arrays=arrays,
        outputs=outputs,
    )


def _message(**content: Any) -> Head:
    return {"kind": "section", "name": LAYERS, "error": ""} | content


def _array(array: ArrayStatistics) -> Head:
    g = array.gradients
    return {
        "path": array.path,
        "shape": list(array.shape),
        "weights": _distribution(array.weights),
        "gradients": None if g is None else _distribution(g),
        "update": _brief(array.update_norm),
        "frozen": array.frozen,
    }


def _distribution(found: Distribution) -> Head:
    return {
        "size": found.size,
        "mean": _brief(found.mean),
        "std": _brief(found.std),
        "norm": _brief(found.norm),
        "low": _brief(found.low),
        "high": _brief(found.high),
        "zeros": found.zeros,
        "nans": found.nans,
        "infinities": found.infinities,
        "counts": found.counts.tolist(),
        "start": _brief(found.start),
        "stop": _brief(found.stop),
        "below": found.below,
        "above": found.above,
    }


def _brief(value: float) -> float | None:
    """Return a number with the digits that a page shows."""
    return number(float(f"{value:.5g}"))
