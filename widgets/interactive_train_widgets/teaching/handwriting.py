"""The ten digits as strokes, for who has no mouse at hand: in the unit square, y down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _arc(
    x: float, y: float, width: float, height: float, start: float, stop: float
) -> list[list[float]]:
    """Return points of an ellipse around (x, y), angles in quarter turns, clockwise from right."""
    angle = np.linspace(start, stop, 24) * np.pi / 2
    points = np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)
    found: list[list[float]] = points.tolist()
    return found


DIGITS: tuple[tuple[list[list[float]], ...], ...] = (
    (_arc(0.5, 0.5, 0.2, 0.33, -1.2, 2.8),),
    ([[0.38, 0.34], [0.53, 0.17], [0.53, 0.83]],),
    ([*_arc(0.5, 0.35, 0.18, 0.18, -2.2, 0.4), [0.3, 0.83], [0.72, 0.83]],),
    ([*_arc(0.46, 0.33, 0.19, 0.16, -2.2, 1.0), *_arc(0.46, 0.66, 0.21, 0.17, -1.0, 2.2)],),
    ([[0.5, 0.17], [0.3, 0.55], [0.72, 0.55]], [[0.6, 0.38], [0.56, 0.85]]),
    ([[0.68, 0.18], [0.38, 0.18], [0.35, 0.48], *_arc(0.47, 0.64, 0.2, 0.2, -1.2, 2.1)],),
    ([[0.5, 0.16], [0.38, 0.34], *_arc(0.5, 0.66, 0.17, 0.18, -2.0, -5.9)],),
    ([[0.3, 0.18], [0.7, 0.18], [0.46, 0.85]], [[0.38, 0.5], [0.68, 0.5]]),
    (
        [
            *_arc(0.5, 0.34, 0.15, 0.16, 0.9, -2.9),
            *_arc(0.5, 0.67, 0.18, 0.17, -0.9, 2.9),
        ],
    ),
    ([*_arc(0.49, 0.35, 0.18, 0.18, -0.2, -4.2), [0.66, 0.4], [0.6, 0.85]],),
)


def handwritten(digit: int) -> list[NDArray[np.float64]]:
    """Return a digit's strokes, each of shape (points, 2).

    Examples
    --------
    >>> [stroke.shape for stroke in handwritten(1)]
    [(3, 2)]
    """
    return [np.array(stroke) for stroke in DIGITS[digit]]
