"""Journal: every intervention with its step, in the order in which it was applied.

Append-only but for one case: the values of one drag of a slider are one row, which
keeps every value that was applied.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

from interactive_train.training.view import JournalEntry


class Journal:
    """The interventions of a run.

    Examples
    --------
    >>> journal = Journal()
    >>> _ = journal.add(41, "adjust", name="lr", old="0.001", new="0.0003")
    >>> print(journal)
    step 41: lr: 0.001 -> 0.0003 (code)
    """

    def __init__(self) -> None:
        self._entries: list[JournalEntry] = []
        self._gesture = ""

    def add(
        self,
        step: int,
        kind: str,
        *,
        path: str = "",
        name: str = "",
        old: str = "",
        new: str = "",
        source: str = "code",
        value: float | None = None,
        gesture: str = "",
    ) -> JournalEntry:
        """Add a row, or extend the last one if it belongs to the same gesture.

        Parameters
        ----------
        step : int
            Completed steps at the boundary.
        kind, path, name, old, new, source
            See `JournalEntry`.
        value : float, optional
            The number that was applied, kept for every value of a drag.
        gesture : str
            An id that the commands of one drag share.
        """
        values = () if value is None else ((step, value),)
        last = self._entries[-1] if self._entries else None
        same = (
            last is not None
            and bool(gesture)
            and gesture == self._gesture
            and (last.kind, last.path, last.name) == (kind, path, name)
        )
        if last is not None and same:
            entry = replace(last, new=new, values=last.values + values)
            self._entries[-1] = entry
        else:
            entry = JournalEntry(
                len(self._entries), step, kind, path, name, old, new, source, time.time(), values
            )
            self._entries.append(entry)
        self._gesture = gesture
        return entry

    def mark_undone(self, sequence: int) -> None:
        """Note that an entry was taken back."""
        self._entries[sequence] = replace(self._entries[sequence], undone=True)
        self._gesture = ""

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """All rows, oldest first."""
        return tuple(self._entries)

    def to_json_lines(self) -> str:
        """Return one JSON object per row."""
        return "\n".join(json.dumps(asdict(entry)) for entry in self._entries)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> JournalEntry:
        return self._entries[index]

    def __repr__(self) -> str:
        rows = [
            f"step {e.step}: {e.text} ({e.source}{', undone' if e.undone else ''})"
            for e in self._entries
        ]
        return "\n".join(rows) or "Journal(empty)"
