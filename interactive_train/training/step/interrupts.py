"""Undisturbed: a few lines that Ctrl-C does not cut in two.

Python raises KeyboardInterrupt between any two bytecodes of the main thread; in the middle of a
commit it would leave half of a step behind. Here it waits until the block is done.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Undisturbed:
    """Hold SIGINT back until the end of a block, then hand it to whom it was for.

    Other threads are never interrupted, so there this does nothing.

    Examples
    --------
    >>> with Undisturbed():
    ...     pass
    """

    __slots__ = ("_before", "_caught")

    def __enter__(self) -> Undisturbed:
        self._before: Any = None
        self._caught: tuple[int, FrameType | None] | None = None
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._caught = number, frame

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._before is None:
            return
        signal.signal(signal.SIGINT, self._before)
        if self._caught is not None and kind is None:
            self._before(*self._caught)
