"""Which rows of a table run where: phases one after the other, shards of a phase side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.machine.table import Table
from interactive_train.runtime.errors import refusal

MAX_SHARDS = 2**16 - 1  # what the ticket of a phase can count


@dataclass(frozen=True, eq=False)
class Schedule:
    """A division of a table's rows into phases and shards.

    The rows of a shard run in order. Shards of one phase may run in any order or at the same time,
    so none may read what another one writes; everything of a phase is done before the next begins.

    Attributes
    ----------
    spans : ndarray of int64, shape (phases, shards, 2)
        The first row of each shard in each phase, and the one after its last; equal where it
        has nothing to do.
    guard : int
        The first phase of the commit section: before it all guarded values must be finite. The
        number of phases, if nothing is committed.
    words : ndarray of int64
        The same for the executor. For each phase: how many shards have rows, and their spans.
    width : int
        The largest number of shards that have rows in one phase.
    rows : int
        How many rows a table must have.
    address : int
        Of `words`.

    Raises
    ------
    ValueError
        If a span or the guard is out of range.
    """

    spans: NDArray[np.int64]
    guard: int
    words: NDArray[np.int64] = field(init=False, repr=False)
    width: int = field(init=False)
    rows: int = field(init=False)
    address: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spans = np.array(self.spans, np.int64)
        if spans.ndim != 3 or spans.shape[2] != 2 or spans.shape[1] > MAX_SHARDS:
            raise _refused(
                f"spans have the shape (phases, shards up to {MAX_SHARDS}, 2)", spans.shape
            )
        wrong = (spans[..., 0] < 0) | (spans[..., 1] < spans[..., 0])
        if wrong.any():
            phase, shard = (int(i) for i in np.argwhere(wrong)[0])
            raise _refused(
                "a span is a first row and the one after the last",
                f"{spans[phase, shard].tolist()} for phase {phase}, shard {shard}",
            )
        if not 0 <= self.guard <= len(spans):
            raise _refused(f"guard lies in 0 ... {len(spans)}", self.guard)
        words: list[int] = []
        width = 0
        for phase in spans.tolist():
            busy = [span for span in phase if span[0] < span[1]]
            width = max(width, len(busy))
            words += [len(busy), *(row for span in busy for row in span)]
        settled: dict[str, Any] = {
            "spans": spans,
            "words": np.array(words or [0], np.int64),
            "width": width,
            "rows": int(spans.max(initial=0)),
        }
        for name, value in settled.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "address", self.words.ctypes.data)

    @classmethod
    def serial(cls, table: Table) -> Schedule:
        """Return the schedule of one shard: the rows before the commit section, those in it."""
        rows = len(table.instructions)
        return cls(np.array([[[0, table.commit]], [[table.commit, rows]]]), guard=1)

    def check(self, table: Table) -> None:
        """Refuse a table that has fewer rows than this names.

        Raises
        ------
        ValueError
            If it does.
        """
        if self.rows > len(table.instructions):
            raise _refused(f"the table has rows up to {self.rows}", len(table.instructions))


def _refused(rule: str, got: object) -> ValueError:
    return ValueError(refusal("Schedule", rule, str(got), "See `Schedule.spans`."))
