"""History: what a fit recorded - a row per step, and a row per evaluation.

Columns grow in doubling blocks; what was handed out is a read-only view of rows that
never change again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.tree import MissingPath

COLUMNS = ("step", "epoch", "loss", "lr", "gradient_norm")


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
        self._rows = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(256, np.int64 if name in ("step", "epoch") else np.float64)
            for name in COLUMNS
        }
        self._metrics: dict[str, list[tuple[int, float]]] = {}
        self._arrays: dict[str, tuple[int, NDArray[Any]]] = {}
        self.higher_is_better: dict[str, bool] = {}

    def append(self, step: int, epoch: int, loss: float, lr: float, gradient_norm: float) -> None:
        """Record a completed step."""
        row = self._rows
        self._reserve(row + 1)
        for name, value in zip(COLUMNS, (step, epoch, loss, lr, gradient_norm), strict=True):
            self._columns[name][row] = value
        self._rows = row + 1  # last, so that a reader on another thread sees whole rows

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
        row, count = self._rows, len(loss)
        self._reserve(row + count)
        steps = np.arange(first_step, first_step + count)
        for name, values in zip(COLUMNS, (steps, epoch, loss, lr, gradient_norm), strict=True):
            self._columns[name][row : row + count] = values
        self._rows = row + count  # last, as in `append`

    def _reserve(self, rows: int) -> None:
        """Make room for so many rows; the columns grow to a power of two, as doubling would."""
        room = len(self._columns["step"])
        if rows <= room:
            return
        while room < rows:
            room *= 2
        columns = {}
        for name, column in self._columns.items():
            columns[name] = np.zeros(room, column.dtype)
            columns[name][: self._rows] = column[: self._rows]
        self._columns = columns

    def record(self, step: int, values: dict[str, Any]) -> None:
        """Record an evaluation; of a metric that is an array the newest is kept."""
        for name, value in values.items():
            if np.ndim(value):
                array = np.array(value)
                array.flags.writeable = False
                self._arrays[name] = (step, array)
                continue
            self._metrics.setdefault(name, []).append((step, float(value)))

    def column(self, name: str, start: int = 0) -> NDArray[Any]:
        """Return a column from the start-th row on, read-only.

        Raises
        ------
        KeyError
            For a name that is no column.
        """
        if name not in self._columns:
            raise MissingPath(
                refusal("history", "a column", repr(name), did_you_mean(name, self._columns))
            )
        rows = self._rows
        view = self._columns[name][start:rows]
        view.flags.writeable = False
        return view

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
    def metrics(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """(steps, values) of every evaluated metric, by name."""
        return {
            name: (
                np.array([step for step, _ in pairs], np.int64),
                np.array([value for _, value in pairs], np.float64),
            )
            for name, pairs in ((name, list(pairs)) for name, pairs in self._metrics.items())
        }

    @property
    def arrays(self) -> dict[str, tuple[int, NDArray[Any]]]:
        """(step, newest value) of every evaluated metric that is an array, by name."""
        return dict(self._arrays)

    def last(self, name: str) -> float:
        """Return the newest value of a metric or column, NaN when there is none."""
        if name in self._metrics:
            return self._metrics[name][-1][1]
        column = self.column(name)
        return float(column[-1]) if len(column) else math.nan

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
        return self._rows

    def __repr__(self) -> str:
        if not self._rows:
            return "History(no steps)"
        first, last = self.loss[0], self.loss[-1]
        shown = "".join(f", {name} {self.last(name):.4g}" for name in self._metrics)
        return f"History({self._rows} steps, loss {first:.4g} -> {last:.4g}{shown})"
