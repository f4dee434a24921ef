"""Rows: a pipeline that only gathers rows of arrays, as numbers instead of elements.

Whoever has the arrays and the order can gather batches where they are needed, without asking for
elements; what comes out is the same (`Rows.batches` is that promise, written down).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.data.prefetch import Prefetch
from interactive_train.data.sources import ArraySource
from interactive_train.data.stage import Indices, Stage
from interactive_train.data.transforms import Batch, Shuffle


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is left of a pass over arrays.

    Attributes
    ----------
    arrays : tuple of ndarray
        As they are held, C-contiguous; whoever changes them changes the data.
    order : ndarray of int64, read-only
        The numbers of the rows that are still to come, as they are served.
    batch_size : int
    drop_last : bool
        Whether rows at the end that fill no batch are left out.
    """

    arrays: tuple[NDArray[Any], ...]
    order: Indices
    batch_size: int
    drop_last: bool

    @property
    def steps(self) -> int:
        """How many batches are left."""
        whole, rest = divmod(len(self.order), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def batches(self) -> Iterator[Any]:
        """Yield what ``data.iterate`` yields from the same position on."""
        for step in range(self.steps):
            rows = self.order[step * self.batch_size : (step + 1) * self.batch_size]
            columns = tuple(np.take(array, rows, axis=0) for array in self.arrays)
            yield columns if len(columns) > 1 else columns[0]


def rows_of(stage: Stage, pass_index: int, position: int) -> Rows | None:
    """Return the rows of a pass from a position on; None if the pipeline does anything else."""
    while isinstance(stage, Prefetch):
        stage = stage.upstream
    if not isinstance(stage, Batch) or stage.collate is not None:
        return None
    source, shuffles = stage.upstream, list[Shuffle]()
    while isinstance(source, Shuffle):
        shuffles.append(source)
        source = source.upstream
    if not isinstance(source, ArraySource):
        return None
    if shuffles:
        order = shuffles[0].order(pass_index)[position:]
    else:
        order = np.arange(position, max(position, source.size))
    for shuffle in shuffles[1:]:
        order = shuffle.order(pass_index)[order]
    order.flags.writeable = False
    return Rows(source.arrays, order, stage.n, stage.drop_last)


def arrays_of(stage: Stage) -> tuple[NDArray[Any], ...]:
    """Return the arrays that a pipeline begins with; none for other sources."""
    while not isinstance(stage, ArraySource):
        upstream = getattr(stage, "upstream", None)
        if not isinstance(upstream, Stage):
            return ()
        stage = upstream
    return stage.arrays
