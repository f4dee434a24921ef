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
    values = np.asarray(array, dtype=np.float64).ravel()
    size = values.size
    finite = values[np.isfinite(values)]
    nans = int(np.isnan(values).sum())
    infinities = size - finite.size - nans
    if not finite.size:
        none, empty = math.nan, np.zeros(BINS, np.int64)
        return Distribution(
            size, none, none, 0.0, none, none, 0, nans, infinities, empty, none, none, 0, 0
        )
    low, high = float(finite.min()), float(finite.max())
    start, stop = _range(finite, low, high)
    inside = np.histogram(finite, BINS, (start, stop))[0].astype(np.int64)
    below, above = int((finite < start).sum()), int((finite > stop).sum())
    largest = max(abs(low), abs(high)) or 1.0  # squares of what is divided by it do not overflow
    scaled = finite / largest
    return Distribution(
        size,
        float(scaled.mean()) * largest,
        float(scaled.std()) * largest,
        float(np.sqrt(np.dot(scaled, scaled))) * largest,
        low,
        high,
        size - int(np.count_nonzero(values)),
        nans,
        infinities,
        inside,
        start,
        stop,
        below,
        above,
    )


def _range(finite: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return where a histogram begins and ends: around most numbers, within all of them."""
    sample = finite[:: -(-finite.size // SAMPLE)]
    start, stop = (float(value) for value in np.quantile(sample, (TAIL, 1.0 - TAIL)))
    margin = MARGIN * (stop - start)
    start, stop = max(low, start - margin), min(high, stop + margin)
    if not stop - start > 1e-9 * max(abs(start), abs(stop)):  # as good as one number
        width = 0.5 * abs(start) or 0.5
        start, stop = start - width, start + width
    return start, stop
