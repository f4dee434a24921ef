"""Distribution: the numbers of one array in a few - moments, a histogram, what is not finite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 24
SAMPLE = 4096  # numbers from which the range of a histogram is taken
TAIL = 0.005  # part of them that may lie outside on either side
PIECE = 1 << 14  # numbers that are worked on at once, within the processor's cache
MARGIN = 0.1  # of the range, added on either side as far as there are numbers


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How the numbers of an array are distributed.

    ``counts.sum() + below + above + nans + infinities == size``.

    Attributes
    ----------
    size : int
    mean, std, low, high : float
        Of the finite numbers; NaN without any.
    norm : float
        Euclidean, of the finite numbers.
    zeros, nans, infinities : int
        How many numbers are exactly 0, NaN, infinite.
    counts : ndarray of int64, shape (24,)
        Of equal bins from `start` to `stop`; the last one includes its end.
    start, stop : float
        The robust range: all but about one number of a hundred lie in it.
    below, above : int
        How many finite numbers lie outside of it.
    """

    size: int
    mean: float
    std: float
    norm: float
    low: float
    high: float
    zeros: int
    nans: int
    infinities: int
    counts: NDArray[np.int64]
    start: float
    stop: float
    below: int
    above: int


def distribution(array: NDArray[Any]) -> Distribution:
    """Return how the numbers of an array are distributed.

    Parameters
    ----------
    array : ndarray
        Of real numbers, of any shape.

    Returns
    -------
    Distribution
        Computed in float64.

    Examples
    --------
    >>> import numpy as np
    >>> found = distribution(np.array([0.0, 1.0, 2.0, np.nan]))
    >>> found.mean, found.nans, int(found.counts.sum())
    (1.0, 1, 3)
    """
    values = np.ascontiguousarray(array).reshape(-1)
    pieces = [values[at : at + PIECE] for at in range(0, values.size, PIECE)]
    sums = _Sums()
    for piece in pieces:
        sums.add(piece.astype(np.float64))
    none = math.nan
    start, stop = _range(values, sums.low, sums.high) if sums.count else (none, none)
    counts, below, above = np.zeros(BINS, np.int64), 0, 0
    for piece in pieces if sums.count else ():
        numbers = piece.astype(np.float64)  # NaN is nowhere, infinities are taken off below
        below += int(np.count_nonzero(numbers < start))
        above += int(np.count_nonzero(numbers > stop))
        inside = numbers if sums.finite else numbers[np.isfinite(numbers)]
        counts += np.histogram(inside, BINS, (start, stop))[0]
    return Distribution(
        values.size,
        sums.mean if sums.count else none,
        math.sqrt(sums.squares / sums.count) if sums.count else none,
        math.sqrt(sums.squares + sums.count * sums.mean**2),
        sums.low if sums.count else none,
        sums.high if sums.count else none,
        sums.zeros,
        sums.nans,
        sums.less + sums.more,
        counts,
        start,
        stop,
        below - sums.less,
        above - sums.more,
    )


class _Sums:
    """Sums over pieces of an array: mean and squared deviations as Chan et al. (1979) join them."""

    def __init__(self) -> None:
        self.count = self.zeros = self.nans = self.less = self.more = 0
        self.mean = self.squares = 0.0
        self.low, self.high = math.inf, -math.inf

    @property
    def finite(self) -> bool:
        """Whether every number so far is finite."""
        return not (self.nans or self.less or self.more)

    def add(self, piece: NDArray[np.float64]) -> None:
        low, high = float(piece.min()), float(piece.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # NaN shows in both
            self.nans += int(np.count_nonzero(np.isnan(piece)))
            self.less += int(np.count_nonzero(piece == -np.inf))
            self.more += int(np.count_nonzero(piece == np.inf))
            piece = piece[np.isfinite(piece)]
            if not piece.size:
                return
            low, high = float(piece.min()), float(piece.max())
        mean = float(piece.mean())
        apart = piece - mean
        whole = self.count + piece.size
        off = mean - self.mean
        self.squares += float(np.square(apart).sum()) + off**2 * self.count * piece.size / whole
        self.mean += off * piece.size / whole
        self.zeros += piece.size - int(np.count_nonzero(piece))
        self.count = whole
        self.low, self.high = min(self.low, low), max(self.high, high)


def _range(values: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """Return where a histogram begins and ends: around most numbers, within all of them."""
    sample = values[:: -(-values.size // SAMPLE)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    start, stop = low, high
    if sample.size:
        start, stop = (float(value) for value in np.quantile(sample, (TAIL, 1.0 - TAIL)))
    margin = MARGIN * (stop - start)
    start, stop = max(low, start - margin), min(high, stop + margin)
    if not stop - start > 1e-9 * max(abs(start), abs(stop)):  # as good as one number
        width = 0.5 * abs(start) or 0.5
        start, stop = start - width, start + width
    return start, stop
