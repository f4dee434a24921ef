"""History: what a fit recorded - a row per step, and a row per evaluation.

A row takes 40 bytes. Of more than `MOST_ROWS` rows the older half keeps every second one, of more
than `MOST_VALUES` evaluations likewise: a run of any length keeps less than 170 MB, the newest
million steps exactly, and its first step. `thinnings` counts how often that happened.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.records.columns import Columns
from interactive_train.tree import MissingPath

MOST_ROWS = 1 << 21
MOST_VALUES = 1 << 16  # of one metric

COLUMNS = ("step", "epoch", "loss", "lr", "gradient_norm")
_TYPES = {name: np.int64 if name in ("step", "epoch") else np.float64 for name in COLUMNS}
_POINTS = {"step": np.int64, "value": np.float64}


class History:
    """The course of a fit.

    Attributes
    ----------
    step, epoch : ndarray of int64
        Completed steps over all fits, and the epoch of this one, per row.
    loss, lr, gradient_norm : ndarray of float64

    Examples
    --------
    >>> history = History()
    >>> history.append(1, 1, 0.5, 0.1, 1.0)
    >>> history.loss
    array([0.5])
    """

    def __init__(self) -> None:
        self._columns = Columns(_TYPES, MOST_ROWS)
        self._metrics: dict[str, Columns] = {}
        self._arrays: dict[str, tuple[int, NDArray[Any]]] = {}
        self.higher_is_better: dict[str, bool] = {}

    @property
    def thinnings(self) -> int:
        """How often old rows were thinned; rows that were counted before have moved since."""
        return self._columns.thinnings

    def until(self, step: int) -> History:
        """Return the course up to a step, which goes on by itself from there.

        Examples
        --------
        >>> history = History()
        >>> history.extend(1, 1, np.array([0.5, 0.4, 0.3]), 0.1, np.ones(3))
        >>> history.until(2).loss, len(history)
        (array([0.5, 0.4]), 3)
        """
        twin = History()
        twin._columns = self._columns.until(_rows_until(self._columns, step))
        for name, points in self._metrics.items():
            rows = _rows_until(points, step)
            if rows:
                twin._metrics[name] = points.until(rows)
        twin._arrays = {name: pair for name, pair in self._arrays.items() if pair[0] <= step}
        twin.higher_is_better = self.higher_is_better
        return twin

    def append(self, step: int, epoch: int, loss: float, lr: float, gradient_norm: float) -> None:
        """Record a completed step."""
        self._columns.append((step, epoch, loss, lr, gradient_norm))

    def extend(
        self,
        first_step: int,
        epoch: int | NDArray[np.int64],
        loss: NDArray[np.float64],
        lr: float | NDArray[np.float64],
        gradient_norm: NDArray[np.float64],
    ) -> None:
        """Record completed steps in a row, as many as there are losses.

        Parameters
        ----------
        first_step : int
            The number of the first one.
        epoch, loss, lr, gradient_norm : ndarray
            One number for each step; `epoch` and `lr` may be one for all.

        Examples
        --------
        >>> history = History()
        >>> history.extend(1, 1, np.array([0.5, 0.25]), 0.1, np.array([2.0, 1.0]))
        >>> history.step, history.lr
        (array([1, 2]), array([0.1, 0.1]))
        """
        steps = np.arange(first_step, first_step + len(loss))
        values = dict(zip(COLUMNS, (steps, epoch, loss, lr, gradient_norm), strict=True))
        self._columns.extend(values, len(loss))

    def record(self, step: int, values: dict[str, Any]) -> None:
        """Record an evaluation; of a metric that is an array the newest is kept.

        A value that stands at this step already is not recorded again: a run that went back to the
        end of a pass evaluates once more.
        """
        for name, value in values.items():
            if np.ndim(value):
                array = np.array(value)
                array.flags.writeable = False
                self._arrays[name] = (step, array)
                continue
            points = self._metrics.get(name)
            if points is None:
                points = self._metrics[name] = Columns(_POINTS, MOST_VALUES)
            last = points.rows - 1
            if (
                last < 0
                or points.column("step", last)[0] != step
                or (points.column("value", last)[0] != float(value))
            ):
                points.append((step, float(value)))

    def metrics_at(self, step: int) -> dict[str, float]:
        """Return the newest values of the metrics up to a step."""
        found = {}
        for name, points in self._metrics.items():
            rows = _rows_until(points, step)
            if rows:
                found[name] = float(points.column("value", rows - 1, rows)[0])
        return found

    def column(self, name: str, start: int = 0) -> NDArray[Any]:
        """Return a column from the start-th row on, read-only.

        Raises
        ------
        KeyError
            For a name that is no column.
        """
        if name not in COLUMNS:
            raise MissingPath(
                refusal("history", "a column", repr(name), did_you_mean(name, COLUMNS))
            )
        return self._columns.column(name, start)

    def series(self, name: str, start: int = 0) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return (steps, values) of a column or of a metric from the start-th point on, read-only.

        Raises
        ------
        KeyError
            For a name that is neither.

        Examples
        --------
        >>> history = History()
        >>> history.record(10, {"validation_loss": 0.5})
        >>> history.series("validation_loss")
        (array([10]), array([0.5]))
        """
        points = None if name in COLUMNS else self._metrics.get(name)
        if points is None:
            return self.column("step", start), self.column(name, start)
        rows = points.rows
        return points.column("step", start, rows), points.column("value", start, rows)

    @property
    def step(self) -> NDArray[np.int64]:
        """The step of each row."""
        return self.column("step")

    @property
    def epoch(self) -> NDArray[np.int64]:
        """The epoch of each row."""
        return self.column("epoch")

    @property
    def loss(self) -> NDArray[np.float64]:
        """The training loss of each row, measured before that step's update."""
        return self.column("loss")

    @property
    def lr(self) -> NDArray[np.float64]:
        """The effective learning rate of each row."""
        return self.column("lr")

    @property
    def gradient_norm(self) -> NDArray[np.float64]:
        """The 2-norm of the whole gradient, of each row."""
        return self.column("gradient_norm")

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the evaluated metrics, arrays apart."""
        return tuple(self._metrics)

    @property
    def metrics(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """(steps, values) of every evaluated metric, by name."""
        return {
            name: (points.column("step", 0, rows), points.column("value", 0, rows))
            for name, points, rows in ((n, p, p.rows) for n, p in list(self._metrics.items()))
        }

    @property
    def arrays(self) -> dict[str, tuple[int, NDArray[Any]]]:
        """(step, newest value) of every evaluated metric that is an array, by name."""
        return dict(self._arrays)

    def last(self, name: str) -> float:
        """Return the newest value of a metric or column, NaN when there is none."""
        if name in self._metrics:
            points = self._metrics[name]
            return float(points.column("value", points.rows - 1)[-1])
        rows = self._columns.rows
        return float(self.column(name, rows - 1)[-1]) if rows else math.nan

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row per step; metrics stand at the step of their evaluation.

        Raises
        ------
        ImportError
            Without pandas.

        Examples
        --------
        >>> history = History()
        >>> history.append(1, 1, 0.5, 0.1, 1.0)
        >>> history.to_frame()["loss"].tolist()
        [0.5]
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "history.to_frame: needs pandas; got an environment without it. "
                "Install it with: pip install pandas"
            ) from error
        frame = pd.DataFrame({name: np.array(self.column(name)) for name in COLUMNS})
        frame = frame.set_index("step")
        for name, (steps, values) in self.metrics.items():
            frame[name] = pd.Series(values, index=steps).groupby(level=0).last()
        return frame

    def __len__(self) -> int:
        return self._columns.rows

    def __repr__(self) -> str:
        if not len(self):
            return "History(no steps)"
        first, last = self.loss[0], self.loss[-1]
        shown = "".join(f", {name} {self.last(name):.4g}" for name in self._metrics)
        return f"History({len(self)} steps, loss {first:.4g} -> {last:.4g}{shown})"


def _rows_until(columns: Columns, step: int) -> int:
    return int(np.searchsorted(columns.column("step"), step, side="right"))
