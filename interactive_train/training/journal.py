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
from interactive_train.training.wire import Wire

CHANGES = ("adjust", "release", "freeze", "thaw", "undo")


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
        self._gestures: list[str] = []

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
        command: Wire | None = None,
        branch: str = "main",
    ) -> JournalEntry:
        """Add a row, or extend the newest change of a knob if it is of the same gesture.

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
        command : dict, optional
            The wire form of what was applied.
        branch : str
        """
        values = () if value is None else ((step, value),)
        begun = self._begun(gesture, (kind, path, name))
        if begun is not None:
            last = self._entries[begun]
            entry = replace(last, new=new, values=last.values + values, command=command)
            self._entries[begun] = entry
        else:
            entry = JournalEntry(
                len(self._entries),
                step,
                kind,
                path,
                name,
                old,
                new,
                source,
                time.time(),
                values,
                command=command,
                branch=branch,
            )
            self._entries.append(entry)
            self._gestures.append(gesture)
        return entry

    def _begun(self, gesture: str, target: tuple[str, str, str]) -> int | None:
        """Return the row that a gesture goes on with: notes and pauses may stand behind it."""
        for position in range(len(self._entries) - 1, -1, -1):
            entry = self._entries[position]
            if entry.kind not in CHANGES:
                continue
            same = (entry.kind, entry.path, entry.name) == target
            return position if gesture and gesture == self._gestures[position] and same else None
        return None

    def mark_undone(self, sequence: int) -> None:
        """Note that an entry was taken back."""
        self._entries[sequence] = replace(self._entries[sequence], undone=True)
        self._gestures[sequence] = ""

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
