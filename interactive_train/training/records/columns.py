"""Columns: arrays of equal length that grow at their end, bounded by thinning what is old.

What was handed out is a read-only view of rows that never change again. Beyond `most` rows the
older half loses every second row; the first row and the newer half stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

START = 256


class Columns:
    """Rows of numbers, by column.

    Parameters
    ----------
    types : mapping of str to dtype
    most : int
        Rows; then the older half is thinned.
    before : mapping of str to ndarray, optional
        Rows that stand in front, shared with another course.

    Attributes
    ----------
    rows, thinnings : int

    Examples
    --------
    >>> columns = Columns({"step": np.int64}, most=4)
    >>> columns.extend({"step": np.arange(5)}, 5)
    >>> columns.column("step"), columns.thinnings
    (array([0, 2, 3, 4]), 1)
    """

    def __init__(
        self,
        types: Mapping[str, Any],
        most: int,
        before: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._most = most
        self._before = dict(before or {})
        self._start = len(next(iter(self._before.values()), ()))
        self._own = {name: np.zeros(START, dtype) for name, dtype in types.items()}
        self.rows, self.thinnings = self._start, 0

    def append(self, values: tuple[float, ...]) -> None:
        """Add a row."""
        row = self.rows - self._start
        self._reserve(row + 1)
        for column, value in zip(self._own.values(), values, strict=True):
            column[row] = value
        self.rows += 1  # last, so that a reader on another thread sees whole rows
        if self.rows > self._most:
            self._thin()

    def extend(self, values: Mapping[str, Any], count: int) -> None:
        """Add rows; a value may be one for all."""
        row = self.rows - self._start
        self._reserve(row + count)
        for name, column in self._own.items():
            column[row : row + count] = values[name]
        self.rows += count  # last, as in `append`
        if self.rows > self._most:
            self._thin()

    def _reserve(self, rows: int) -> None:
        """Make room for so many own rows; the columns grow to a power of two."""
        room = len(next(iter(self._own.values())))
        if rows <= room:
            return
        while room < rows:
            room *= 2
        used = self.rows - self._start
        grown = {}
        for name, column in self._own.items():
            grown[name] = np.zeros(room, column.dtype)
            grown[name][:used] = column[:used]
        self._own = grown

    def _thin(self) -> None:
        half = self.rows // 2
        self._own = {
            name: np.concatenate([whole[:half:2], whole[half:]])
            for name, whole in ((name, self.column(name)) for name in self._own)
        }
        self._before, self._start = {}, 0
        self.rows = len(next(iter(self._own.values())))
        self.thinnings += 1

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return a column from the start-th row on, read-only."""
        rows = self.rows if stop is None else min(stop, self.rows)
        first = self._start
        if start >= first:
            found = self._own[name][start - first : rows - first]
        elif rows <= first:
            found = self._before[name][start:rows]
        else:
            found = np.concatenate([self._before[name][start:], self._own[name][: rows - first]])
        found.flags.writeable = False
        return found

    def until(self, row: int) -> Columns:
        """Return the first rows as columns of their own that grow from there; memory is shared."""
        types = {name: column.dtype for name, column in self._own.items()}
        before = {name: self.column(name, 0, row) for name in self._own}
        return Columns(types, self._most, before)
