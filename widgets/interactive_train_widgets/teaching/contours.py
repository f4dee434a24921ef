"""Lines of equal value in a grid of numbers, and the numbers that a grid of colours needs. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def isolines(values: Floats, x: Floats, y: Floats, level: float = 0.0) -> Floats:
    """Return the lines where a grid crosses a level, as pieces of straight line.

    Every square of four neighbouring grid points is crossed by none, one or two pieces (marching
    squares, with linear interpolation along the edges); a square with a number that is not finite
    is left out.

    Parameters
    ----------
    values : array of shape (rows, columns)
    x : array of shape (columns,)
    y : array of shape (rows,)
    level : float

    Returns
    -------
    array of shape (pieces, 4)
        ``x0, y0, x1, y1`` of each.

    Examples
    --------
    >>> isolines(np.array([[0.0, 1.0], [0.0, 1.0]]), np.arange(2.0), np.arange(2.0), 0.25)
    array([[0.25, 0.  , 0.25, 1.  ]])
    """
    z = values - level
    z = np.where(z == 0.0, 1e-300, z)  # a grid point on the line counts as above it
    a, b, c, d = z[:-1, :-1], z[:-1, 1:], z[1:, 1:], z[1:, :-1]
    x0, x1 = np.broadcast_arrays(x[:-1], x[1:])
    left, right = (np.broadcast_to(v, a.shape) for v in (x0, x1))
    low, high = (np.broadcast_to(v[:, None], a.shape) for v in (y[:-1], y[1:]))
    with np.errstate(invalid="ignore", divide="ignore"):
        crossed = np.stack([(p > 0) != (q > 0) for p, q in ((a, b), (b, c), (d, c), (a, d))])
        bottom = np.stack([left + (right - left) * (a / (a - b)), low], -1)
        east = np.stack([right, low + (high - low) * (b / (b - c))], -1)
        top = np.stack([left + (right - left) * (d / (d - c)), high], -1)
        west = np.stack([left, low + (high - low) * (a / (a - d))], -1)
    points = np.stack([bottom, east, top, west])  # (4, rows - 1, columns - 1, 2)
    whole = np.isfinite(a) & np.isfinite(b) & np.isfinite(c) & np.isfinite(d)
    count = crossed.sum(0) * whole
    pieces = [_pair(points, crossed, count == 2)]
    twice = count == 4
    if twice.any():  # a saddle: its middle says which corners belong together
        middle = (a + b + c + d)[twice] > 0
        first = np.where((middle == (a[twice] > 0))[:, None], points[1, twice], points[3, twice])
        second = np.where((middle == (a[twice] > 0))[:, None], points[3, twice], points[1, twice])
        pieces.append(np.concatenate([points[0, twice], first], -1))
        pieces.append(np.concatenate([points[2, twice], second], -1))
    return np.concatenate(pieces)


def _pair(points: Floats, crossed: NDArray[np.bool_], where: NDArray[np.bool_]) -> Floats:
    """Return the piece between the two crossed edges of every square of a kind."""
    order = np.argsort(~crossed[:, where], axis=0, kind="stable")[:2]
    chosen = points[:, where]
    ends = np.take_along_axis(chosen, order[:, :, None], axis=0)
    return np.concatenate([ends[0], ends[1]], -1)


def span(
    points: NDArray[Any], margin: float = 0.12
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of x and y around points of shape (n, 2), with a margin.

    Examples
    --------
    >>> span(np.array([[0.0, 5.0], [10.0, 5.0]]), 0.1)
    ((-1.0, 11.0), (2.5, 7.5))
    """
    low, high = points.min(0), points.max(0)
    size = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0) * 0.5)
    edge = np.where(high > low, margin * size, size)
    ranges = np.stack([low - edge, high + edge], -1)
    return (float(ranges[0, 0]), float(ranges[0, 1])), (float(ranges[1, 0]), float(ranges[1, 1]))
