"""Compiling aside: many missing kernels at once are shared with a second process.

numba compiles in Python, so a thread would not help. The child works through one list from its
front, the parent through the same list from its end, until they meet; what is stored is done, so
neither needs to hear of the other. More can be put at the end of the list as long as the child
lives, which is until nothing has come for some seconds. What it did not manage the parent compiles
itself. It is started only where kernels can be kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable

from interactive_train.kernels.store import is_stored
from interactive_train.runtime.cache import cache_directory

ENOUGH = 6  # missing kernels; a child needs about as long to start as three take to compile
PATIENCE = 120.0  # seconds for which a parent waits for one kernel
IDLE = 10.0  # seconds without a job after which a child ends
WITHIN = "INTERACTIVE_TRAIN_ASIDE"  # set in the environment of a child, which starts no other

Job = tuple[str, str]  # symbol and source


class Aside:
    """A child that compiles, and the list that it works through.

    Attributes
    ----------
    jobs : list of (str, str)
        Symbols and sources that nobody has done, in the child's order.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._taken: set[str] = set()  # by the parent
        self._served = 0  # how many the child has made
        self._child: subprocess.Popen[bytes] | None = None
        usable = bool(sys.executable) and (os.cpu_count() or 1) > 1 and WITHIN not in os.environ
        if not usable or cache_directory() is None:
            return
        with contextlib.suppress(OSError):
            self._child = subprocess.Popen(
                [sys.executable, "-m", "interactive_train.kernels.aside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # The machine code that numba makes itself is thrown away: let it be made quickly.
                env={**os.environ, WITHIN: "1", "NUMBA_OPT": "0"},
            )
            # A child does not outlive its parent.
            weakref.finalize(self, _end, self._child, os.getpid())

    @property
    def works(self) -> bool:
        """Whether there is a child that has not ended."""
        return self._child is not None and self._child.poll() is None

    def add(self, jobs: Iterable[Job]) -> None:
        """Put jobs that are not among them at the end of the list."""
        known = {symbol for symbol, _ in self.jobs} | self._taken
        more = [job for job in jobs if job[0] not in known]
        self.jobs += more
        if more and self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError):  # it has ended: the parent does them
                self._child.stdin.write(json.dumps(more).encode() + b"\n")
                self._child.stdin.flush()

    def take(self) -> Job | None:
        """Return the next job for the parent, from the end; None when all are done.

        The last one is waited for, if it is what the child is at.
        """
        left = self._left()
        if len(left) == 1 and self.wait(left[0][0]):
            left = self._left()
        if not left:
            return None
        self._taken.add(left[-1][0])
        return left[-1]

    def wait(self, symbol: str) -> bool:
        """Wait while the child is at a kernel; return whether it was.

        A child that has not made anything yet may be only starting: nobody waits for it.
        """
        end = time.monotonic() + PATIENCE
        was = False
        while self.works and time.monotonic() < end:
            left = self._left()
            if not self._served or not left or left[0][0] != symbol:
                break
            was = True
            time.sleep(0.002)
        return was

    def _left(self) -> list[Job]:
        """Return what is neither stored nor taken, in the child's order."""
        stored = {job[0] for job in self.jobs if is_stored(*job)}
        self._served += len(stored - self._taken)
        self.jobs = [job for job in self.jobs if job[0] not in stored | self._taken]
        return self.jobs

    def close(self) -> None:
        """End the child; what it is at is not needed any more."""
        if self._child is not None:
            _end(self._child, os.getpid())


def _end(child: subprocess.Popen[bytes], parent: int) -> None:
    if os.getpid() != parent:  # a fork of it
        return
    with contextlib.suppress(OSError):
        if child.stdin is not None:
            child.stdin.close()
        child.kill()
        child.wait()


def main() -> None:
    """Compile what the parent sends, line by line, until it closes or has nothing to say.

    An error ends the child: the parent meets it again and says so.
    """
    from interactive_train.kernels.compiler import keep

    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        while line := lines.get(timeout=IDLE):
            for symbol, source in json.loads(line):
                keep(symbol, source)


def _read(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put("")


if __name__ == "__main__":
    main()
    os._exit(0)  # the parent waits; nothing is to be tidied up
