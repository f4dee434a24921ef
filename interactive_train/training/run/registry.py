"""The runs of this process, and which cell started which.

Running a cell again stops and joins the runs that the same cell started before; several
starts in one execution of a cell are a loop and stay. Those that were stopped so keep state,
history and journal, and give everything else back; whatever has ended keeps few snapshots
when another run begins.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from interactive_train.training.run.frontend import cell_id


class Runs:
    """All runs that were started, oldest first.

    Examples
    --------
    >>> len(Runs())
    0
    """

    def __init__(self) -> None:
        self._runs: list[Any] = []
        self._cells: dict[str, tuple[int, list[Any]]] = {}
        self._lock = threading.Lock()

    def enter(self, run: Any) -> None:
        """Enter a run; stop those that an earlier execution of the same cell started."""
        cell = cell_id()
        before: list[Any] = []
        with self._lock:
            others = list(self._runs)
            self._runs.append(run)
            if cell is not None:
                identity, execution = cell
                known, runs = self._cells.get(identity, (execution, []))
                if known != execution:
                    before, runs = runs, []
                self._cells[identity] = (execution, [*runs, run])
        for earlier in before:
            earlier.close()
            earlier.give_back()
        for other in others:
            other.thin_out()

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._runs))

    def __getitem__(self, index: int) -> Any:
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return "\n".join(repr(run) for run in self._runs) or "Runs(none)"


runs = Runs()
