"""Feed: the data of a fit as its loop asks for them, by elements or by numbers of rows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from interactive_train.data import Data, require_elements
from interactive_train.data.rows import Rows

LONGEST_CHUNK = 0.014  # seconds of native steps after which commands are looked at anyway


class Feed:
    """Where a session stands in its data.

    Parameters
    ----------
    data : Data
    accumulate : int
        Elements per step.

    Attributes
    ----------
    newest : list or None
        The elements that were fetched last, for who looks at the fit from outside.
    """

    def __init__(self, data: Data, accumulate: int) -> None:
        self._accumulate = accumulate
        self.newest: list[Any] | None = None
        self._held: list[Any] | None = None  # fetched and not used yet
        self._used = False
        self._elements: Iterator[Any] | None = None
        self._place: Any = None  # of the iterator: data, pass, position
        self._rows: tuple[Any, Rows | None] | None = None

    def fetch(self, data: Data, pass_index: int, position: int, where: str) -> list[Any] | None:
        """Return the elements of the next step; None behind the last of a pass.

        They count as used when `fetched` is called; until then they are given again.
        """
        place = (id(data), pass_index, position)
        if self._used and self._place is not None and self._place[:2] == place[:2]:
            self._place = place  # the iterator stands behind what was used, and so does the fit
        self._used = False
        if self._held is not None and self._place == place:
            return self._held
        if self._elements is None or self._place != place:
            found = iter(data.iterate(pass_index, position))
            self._elements = require_elements(found, data, where, position)
        self._place = place
        self._held = list(itertools.islice(self._elements, self._accumulate)) or None
        if self._held is None:
            self._elements = None
        else:
            self.newest = self._held
        return self._held

    def fetched(self) -> None:
        """Note that what was fetched last is being used; the iterator stands behind it."""
        self._held, self._used = None, True

    def put_back(self, elements: list[Any]) -> None:
        """Give elements again at the next `fetch`."""
        self._held, self._used = elements, False

    def reset(self) -> None:
        """Forget the iterator: the fit stands somewhere else now."""
        self._held = self._elements = self._place = self._rows = None
        self._used = False

    def behind(self, position: int, elements: int) -> int:
        """Return the position behind so many batches of rows."""
        assert self._rows is not None
        whole = self._rows[1]
        assert whole is not None
        return min(position + elements * whole.batch_size, len(whole.order))

    def rows(self, data: Data, pass_index: int, position: int) -> Rows | None:
        """Return the rest of the pass as numbers of rows, None for other pipelines."""
        key = (id(data), pass_index)
        if self._rows is None or self._rows[0] != key:
            found = data.rows(pass_index, 0)
            if found is not None and any(a.dtype == np.bool_ for a in found.arrays):
                found = None  # no kernel gathers truth values; their elements are copied
            self._rows = (key, found)
        whole = self._rows[1]
        if whole is None:
            return None
        return Rows(whole.arrays, whole.order[position:], whole.batch_size, whole.drop_last)


class Chunks:
    """How many steps to take in one native call: as many as fit into some milliseconds."""

    def __init__(self) -> None:
        self._steps = 1.0
        self._since = 0.0

    def begin(self, most: int) -> int:
        """Return how many steps to take now, and start the clock."""
        self._since = time.perf_counter()
        return max(1, min(int(self._steps), most))

    def end(self, taken: int) -> None:
        """Note that they were taken."""
        if taken < int(self._steps) // 2:
            return  # ended early; says little about the speed
        seconds = max(time.perf_counter() - self._since, 1e-7)
        wanted = taken * LONGEST_CHUNK / seconds
        self._steps = max(1.0, min(wanted, 2.0 * max(self._steps, taken), 1e6))


def prototypes(rows: Rows, accumulate: int) -> list[Any]:
    """Return what the elements of the next step look like."""
    left, elements = len(rows.order), []
    for _ in range(accumulate):
        size = min(rows.batch_size, left)
        if size == 0 or (rows.drop_last and size < rows.batch_size):
            break
        arrays = tuple(np.empty((size, *a.shape[1:]), a.dtype) for a in rows.arrays)
        elements.append(arrays if len(arrays) > 1 else arrays[0])
        left -= size
    return elements
