"""A curve of any length, reduced to as many columns as a chart has pixels.

In: points as they are recorded, in pieces. Out: `Columns`, at most `limit`
buckets with the smallest, largest and mean value of each, so that no spike is
lost, of the whole curve or of a window of it. Buckets of 16, 64, 256, ...
points are kept while the curve grows, so a point is looked at a constant number
of times and a picture of a million points costs as much as one of ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BASE = 16  # points in a bucket of the lowest stored level
FACTOR = 4  # buckets of one level in a bucket of the next
MAX_COLUMNS = 2048  # no chart asks for more
RAW_POINTS = BASE * MAX_COLUMNS  # longer curves are never drawn from single points

Array = NDArray[np.float64]
Recorded = Callable[[int, int], Array]  # (start, stop) -> rows (step, value) of these points


@dataclass(frozen=True, slots=True)
class Columns:
    """A decimated curve: bucket i holds the points from ``first[i]`` up to ``first[i + 1]``.

    Attributes
    ----------
    first : ndarray of float64, shape (n,)
        Step of the first point of each bucket.
    low, high, mean : ndarray of float64, shape (n,)
        Over the finite values of the bucket; NaN where there is none.
    last : float
        Step of the last point of all; NaN for an empty curve.
    size : int
        Points in a bucket (the last one may hold fewer).
    total : int
        Points in the whole curve, or in the window that was asked for.
    """

    first: Array
    low: Array
    high: Array
    mean: Array
    last: float
    size: int
    total: int


class Growing:
    """Rows of float64 that grow at the end at amortised constant cost."""

    def __init__(self, width: int) -> None:
        self._rows: Array = np.empty((width, 256))
        self.start = 0  # rows before it were dropped
        self.stop = 0

    def append(self, rows: Array) -> None:
        """Append `rows`, shape (width, n)."""
        used, new = self.stop - self.start, rows.shape[1]
        if used + new > self._rows.shape[1]:
            grown = np.empty((self._rows.shape[0], 2 * (used + new)))
            grown[:, :used] = self._rows[:, :used]
            self._rows = grown
        self._rows[:, used : used + new] = rows
        self.stop += new

    def view(self, start: int, stop: int) -> Array:
        """Return rows `start` to `stop`, counted from the first one ever."""
        return self._rows[:, start - self.start : stop - self.start]

    def drop(self, start: int) -> None:
        """Forget the rows before `start`."""
        self._rows = self.view(start, self.stop).copy()
        self.start = start


def reduce(rows: Array, group: int) -> Array:
    """Merge every `group` neighbours of (first, low, high, sum, count), shape (5, n * group)."""
    if group == 1:
        return rows
    shaped = rows.reshape(5, -1, group)
    return np.stack(
        (
            shaped[0, :, 0],
            np.fmin.reduce(shaped[1], axis=1),
            np.fmax.reduce(shaped[2], axis=1),
            shaped[3].sum(axis=1),
            shaped[4].sum(axis=1),
        )
    )


class Pyramid:
    """The levels of one curve.

    Examples
    --------
    >>> pyramid = Pyramid()
    >>> pyramid.append([1, 2, 3, 4], [0.5, 9.0, 0.25, 0.5])
    >>> columns = pyramid.columns(2)
    >>> columns.high
    array([9. , 0.5])
    >>> columns.mean
    array([4.75 , 0.375])
    """

    def __init__(self) -> None:
        self._points = Growing(2)  # (step, value); value NaN when not finite
        self._levels: list[Growing] = []
        self._drawn = (0, Growing(5))  # the buckets of the size that was asked for last
        self.last_step = float("nan")

    def __len__(self) -> int:
        return self._points.stop

    def append(self, steps: ArrayLike, values: ArrayLike) -> None:
        """Add points; `steps` and `values` have the same shape (n,), steps ascend."""
        step, value = np.asarray(steps), np.asarray(values)
        for start in range(0, value.size, RAW_POINTS):  # pieces that stay in the cache
            part = slice(start, start + RAW_POINTS)
            rows = finite_rows(step[part], value[part])
            self._points.append(rows)
            self.last_step = float(rows[0, -1])
            self._fold()
            if self._points.stop - self._points.start > 2 * RAW_POINTS:
                # From now on only the points that fill no bucket yet are read.
                self._points.drop(self._points.stop // BASE * BASE)

    def columns(self, limit: int) -> Columns:
        """Reduce the whole curve to at most `limit` buckets of a power of two of points."""
        total = len(self)
        limit = max(2, min(limit, MAX_COLUMNS))
        size = 1
        while -(-total // size) > limit:
            size *= 2
        if total == 0:
            empty = np.empty(0)
            return Columns(empty, empty, empty, empty, float("nan"), 1, 0)
        whole = total // size
        if self._drawn[0] != size:
            self._drawn = (size, Growing(5))
        drawn = self._drawn[1]
        drawn.append(self._buckets(drawn.stop * size, whole * size, size))
        rows = drawn.view(0, whole)
        if whole * size < total:
            rows = np.concatenate((rows, self._tail(whole * size)), axis=1)
        else:
            rows = rows.copy()  # what is handed out stays as it is
        return _columns(rows, self.last_step, size, total)

    def window(self, first: float, last: float, limit: int, recorded: Recorded) -> Columns:
        """Reduce the points of steps `first` to `last` to about `limit` buckets.

        The buckets are the same wherever a window of that length begins, so a picture that is
        moved does not flicker; there is one more on each side, for lines that leave the picture.
        Parameters as in `columns`; `recorded` hands out points that are no longer kept here.
        """
        total = len(self)
        start, stop = self._place(first), min(total, self._place(last) + BASE)
        if not self._levels or stop // BASE >= self._levels[0].stop:
            stop = total
        size = 1
        while -(-(stop - start) // size) > max(2, min(limit, MAX_COLUMNS)):
            size *= 2
        start = max(0, start // size - 1) * size
        stop = min(total, (-(-stop // size) + 1) * size)
        whole = stop // size * size
        if size < BASE:
            rows = reduce(_leaves(recorded(start, whole)), size)
        else:
            rows = self._buckets(start, whole, size).copy()
        if whole < stop:
            rows = np.concatenate((rows, self._tail(whole)), axis=1)
        end = float(recorded(stop - 1, stop)[0, 0]) if stop < total else self.last_step
        return _columns(rows, end, size, stop - start)

    def _place(self, step: float) -> int:
        """Return where the stored bucket begins that holds a step."""
        if not self._levels:
            return 0
        firsts = self._levels[0].view(0, self._levels[0].stop)[0]
        return max(0, int(np.searchsorted(firsts, step, side="right")) - 1) * BASE

    def _fold(self) -> None:
        """Fill every level with the buckets that became complete."""
        source, group, depth = self._points, BASE, 0
        while source.stop // group > (self._levels[depth].stop if depth < len(self._levels) else 0):
            if depth == len(self._levels):
                self._levels.append(Growing(5))
            level = self._levels[depth]
            span = source.view(level.stop * group, source.stop // group * group)
            level.append(reduce(_leaves(span) if depth == 0 else span, group))
            source, group, depth = level, FACTOR, depth + 1

    def _buckets(self, start: int, stop: int, size: int) -> Array:
        """Buckets of `size` points over [start, stop), whole multiples of `size`."""
        if size < BASE:
            return reduce(_leaves(self._points.view(start, stop)), size)
        depth, width = 0, BASE
        while width * FACTOR <= size and depth + 1 < len(self._levels):
            depth, width = depth + 1, width * FACTOR
        return reduce(self._levels[depth].view(start // width, stop // width), size // width)

    def _tail(self, start: int) -> Array:
        """One bucket from `start` to the end, merged from the coarsest pieces that fit."""
        pieces, width = [], BASE * FACTOR ** max(0, len(self._levels) - 1)
        for level in reversed(self._levels):
            stop = level.stop * width
            if stop > start:
                pieces.append(level.view(-(-start // width), level.stop))
                start = stop
            width //= FACTOR
        if start < len(self):
            pieces.append(_leaves(self._points.view(start, len(self))))
        merged = np.concatenate(pieces, axis=1)
        return reduce(merged, merged.shape[1])


def finite_rows(steps: NDArray[Any], values: NDArray[Any]) -> Array:
    """Return points as float64, shape (2, n), with NaN for every value that is not finite."""
    rows = np.empty((2, len(values)))
    rows[0], rows[1] = steps, values
    rows[1][~np.isfinite(rows[1])] = np.nan
    return rows


def _columns(rows: Array, last: float, size: int, total: int) -> Columns:
    """Buckets, shape (5, n), as they are handed out."""
    with np.errstate(invalid="ignore"):
        mean = rows[3] / rows[4]  # 0 / 0 = NaN where no value is finite
    return Columns(rows[0], rows[1], rows[2], mean, last, size, total)


def _leaves(points: Array) -> Array:
    """Single points, shape (2, n), as buckets of one."""
    finite = np.isfinite(points[1])
    value = points[1]
    return np.stack((points[0], value, value, np.where(finite, value, 0.0), finite))
