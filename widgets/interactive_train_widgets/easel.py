"""Where pictures for saved notebooks are painted: a thread that lives while there is one to do.

matplotlib takes a few tenths of a second for a picture, and a second for the first. The publisher
would send nothing meanwhile, just when a person takes single steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from interactive_train_widgets.still import Companion

Make = Callable[[], dict[str, str]]


class Easel:
    """Paints for the plain outputs of one widget; of several pictures that wait, the newest.

    Parameters
    ----------
    companions : sequence of Companion
        The plain outputs; more may come.
    complain : callable
        Told what goes wrong, on the thread that paints.
    """

    def __init__(
        self, companions: Sequence[Companion], complain: Callable[[Exception], None]
    ) -> None:
        self._companions, self._complain = companions, complain
        self._lock = threading.Lock()
        self._next: Make | None = None
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> bool:
        """Whether a picture has not been begun."""
        return self._next is not None

    @property
    def busy(self) -> bool:
        """Whether a picture is not finished."""
        return self._thread is not None

    def paint(self, make: Make) -> None:
        """Show what `make` will return in all companions; returns at once.

        Parameters
        ----------
        make : callable
            Of no argument; reads nothing that changes.
        """
        with self._lock:
            self._next = make
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="interactive-train still", daemon=True
                )
                self._thread.start()

    def finish(self, timeout: float = 2.0) -> None:
        """Wait for the last picture, so many seconds at most."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._lock:
                make, self._next = self._next, None
                if make is None:
                    self._thread = None
                    return
            try:
                bundle = make()
                for companion in self._companions:
                    companion.update(bundle)
            except Exception as error:  # of this picture; the next may be painted
                self._complain(error)
