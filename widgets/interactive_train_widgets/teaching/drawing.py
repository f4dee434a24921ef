"""A drawing as strokes, and the picture of it that a model was trained on.

Strokes are lines of points in the unit square, x to the right and y down. The picture is made
as the digits of UCI were: what was drawn fills the height, stands in the middle, and every pixel
is the inked part of a block of a finer bitmap, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal

Points = NDArray[np.float64]

FINE = 4  # rows and columns of the bitmap in a pixel: 32 by 32 for 8 by 8, as in the data set
PEN = 0.14  # width of the pen by the picture's height: that of the digits' 30 % of ink
WIDEST = 0.78  # of the picture's width: digits leave a margin of about one pixel at the sides
LARGEST = 8.0  # by which a small drawing is enlarged at most: a dot stays a dot
MAX_POINTS = 3000
MAX_STROKES = 100


def placed(strokes: Sequence[Points]) -> list[Points]:
    """Return strokes that fill the height of the unit square and stand in its middle.

    What would be wider than digits are is narrowed.

    Examples
    --------
    >>> placed([np.array([[0.4, 0.2], [0.4, 0.4]])])[0].round(2).tolist()
    [[0.5, 0.07], [0.5, 0.93]]
    """
    if not strokes:
        return []
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = np.maximum(high - low, 1e-9)
    scale = min((1.0 - PEN) / height, LARGEST)
    across = min(scale, (WIDEST - PEN) / width)
    centre = (low + high) / 2
    return [0.5 + (stroke - centre) * (across, scale) for stroke in strokes]


def bitmap(strokes: Sequence[Points], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return which pixels a round pen inks.

    Parameters
    ----------
    strokes : sequence of array, shape (points, 2)
        In the unit square.
    rows, columns : int

    Examples
    --------
    >>> bitmap([np.array([[0.5, 0.0], [0.5, 1.0]])], 2, 16).sum(axis=1).tolist()
    [2, 2]
    """
    y, x = np.mgrid[:rows, :columns]
    pixels = np.stack([(x.ravel() + 0.5) / columns, (y.ravel() + 0.5) / rows], axis=1)
    inked = np.zeros(rows * columns, dtype=np.bool_)
    for stroke in strokes:
        begin, end = stroke[:-1], stroke[1:]
        if len(stroke) == 1:
            begin = end = stroke
        along = end - begin
        length = np.maximum((along**2).sum(axis=1), 1e-18)
        offset = pixels[:, None] - begin
        part = np.clip((offset * along).sum(axis=2) / length, 0.0, 1.0)
        distance = ((offset - part[..., None] * along) ** 2).sum(axis=2)
        inked |= distance.min(axis=1) <= (PEN / 2) ** 2
    return inked.reshape(rows, columns)


def rasterised(strokes: Sequence[Points], shape: tuple[int, int] = (8, 8)) -> NDArray[np.float32]:
    """Return the picture of a drawing: 0 is paper, 1 is ink.

    Parameters
    ----------
    strokes : sequence of array, shape (points, 2)
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    array of float32

    References
    ----------
    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.

    Examples
    --------
    >>> rasterised([np.array([[0.5, 0.1], [0.5, 0.9]])], (4, 4)).tolist()[1]
    [0.0, 0.25, 0.25, 0.0]
    """
    rows, columns = shape
    fine = bitmap(placed(strokes), rows * FINE, columns * FINE)
    blocks = fine.reshape(rows, FINE, columns, FINE)
    found: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return found


class Drawing:
    """Strokes as they arrive, point by point; what does not belong on the paper is refused.

    Attributes
    ----------
    strokes : list of array, shape (points, 2)

    Examples
    --------
    >>> drawing = Drawing()
    >>> drawing.begin([0.5, 0.1])
    >>> drawing.extend([0.5, 0.5, 0.6, 0.9])
    >>> [stroke.shape for stroke in drawing.strokes]
    [(3, 2)]
    """

    def __init__(self, where: str = "Drawing") -> None:
        self._where = where
        self.strokes: list[Points] = []

    def begin(self, numbers: object) -> None:
        """Put the pen down: x, y."""
        self._require(len(self.strokes) < MAX_STROKES, f"at most {MAX_STROKES} strokes", "one more")
        self.strokes.append(self._points(numbers))

    def extend(self, numbers: object) -> None:
        """Go on with the newest stroke: x, y, x, y, ..."""
        self._require(bool(self.strokes), "a stroke begins before it goes on", "no stroke")
        self.strokes[-1] = np.concatenate([self.strokes[-1], self._points(numbers)])

    def clear(self) -> None:
        """Take a new sheet."""
        self.strokes = []

    def replace(self, strokes: Sequence[Points]) -> None:
        """Draw something else."""
        self.strokes = [np.array(stroke, dtype=np.float64) for stroke in strokes]

    def _points(self, numbers: object) -> Points:
        try:
            found = np.asarray(numbers, dtype=np.float64)
        except (TypeError, ValueError):
            found = np.empty(0)
        whole = found.ndim == 1 and found.size > 0 and found.size % 2 == 0
        # A comparison with NaN is false, so what is not finite is refused, too.
        self._require(
            whole and bool(np.all((found >= 0) & (found <= 1))),
            "points are pairs of numbers in [0, 1]",
            repr(numbers)[:80],
        )
        points = found.reshape(-1, 2)
        held = sum(map(len, self.strokes)) + len(points)
        self._require(held <= MAX_POINTS, f"at most {MAX_POINTS} points", str(held))
        return points

    def _require(self, holds: bool, rule: str, got: str) -> None:
        if not holds:
            raise ValueError(refusal(self._where, rule, got, "Clear the paper and draw anew."))
