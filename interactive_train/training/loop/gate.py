"""Gate: the lock of a session, at which visitors go before the loop.

The loop holds it while it takes many steps in one native call. A plain lock would be taken
again by the loop before a waiting thread wakes up; here a visitor asks the loop to end its call at
the next boundary, and the loop lets visitors through before it goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

LONGEST_WAIT = 0.05  # seconds for which the loop lets visitors go first


class Gate:
    """A re-entrant lock; see the module.

    Attributes
    ----------
    hurry : callable
        Called by a visitor who has to wait.
    """

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        self._counting = threading.Lock()
        self._waiting = 0
        self.hurry: Callable[[], None] = _nothing

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Enter; as a lock's."""
        if self._lock.acquire(blocking=False):
            return True
        if not blocking:
            return False
        with self._counting:
            self._waiting += 1
        try:
            self.hurry()
            return bool(self._lock.acquire(True, timeout))
        finally:
            with self._counting:
                self._waiting -= 1

    def release(self) -> None:
        """Leave."""
        self._lock.release()

    def let_pass(self) -> None:
        """Give visitors that wait the time to go first; for the loop."""
        if self._waiting:
            end = time.monotonic() + LONGEST_WAIT
            while self._waiting and time.monotonic() < end:
                time.sleep(0.0002)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *rest: object) -> None:
        self.release()

    # What `threading.Condition` asks of a re-entrant lock.

    def _release_save(self) -> Any:
        return self._lock._release_save()

    def _acquire_restore(self, saved: Any) -> None:
        self._lock._acquire_restore(saved)

    def _is_owned(self) -> bool:
        return bool(self._lock._is_owned())


def _nothing() -> None:
    """Do nothing: nobody takes steps."""
