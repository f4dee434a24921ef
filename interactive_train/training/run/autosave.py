"""Autosave: a run file beside a run, renewed every minute and at its end.

A thread of its own takes a copy at a step boundary and writes it while the run goes on. The next
one waits at least a hundred times as long as the last one took: it costs below one percent.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from interactive_train.runtime.notices import notice

if TYPE_CHECKING:
    from interactive_train.training.run.run import Run

SECONDS = 60.0
SHARE = 0.01  # of the time, at most


class Autosave:
    """Keeps one run in one file of a folder.

    Parameters
    ----------
    folder : path
        Made where it is missing.
    run : Run

    Attributes
    ----------
    path : Path
        Of the file; its name is the run's and the time of its start, so that none is written over.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], run: Run) -> None:
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", run.name).strip(".-") or "run"
        stamp = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        count = len(list(place.glob(f"{stamp}*.safetensors")))
        self.path = place / f"{stamp}{f'-{count + 1}' if count else ''}.safetensors"
        self._run = run

    def begin(self) -> Callable[[], None]:
        """Save from time to time from now on; returns what saves once more and ends that."""
        over = threading.Event()
        thread = threading.Thread(
            target=self._work, args=(over,), name=f"save {self._run.name}", daemon=True
        )
        thread.start()

        def finish() -> None:
            over.set()
            thread.join()
            self.save()

        return finish

    def save(self) -> float:
        """Write the file, and return how many seconds that took; a full disk is told once."""
        begun = time.monotonic()
        try:
            self._run.save(self.path)
        except Exception as error:  # what keeps a run must not end it
            notice(f"{self.path} cannot be written: {error}", once=f"autosave {self.path}")
        return time.monotonic() - begun

    def _work(self, over: threading.Event) -> None:
        pause = SECONDS
        while not over.wait(pause):
            pause = max(SECONDS, self.save() / SHARE)
