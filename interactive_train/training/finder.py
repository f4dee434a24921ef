"""lr_find: raise the learning rate from tiny to huge in one short fit, and look at the loss.

The states are values, so the fit is a rehearsal: nothing of it remains.

References
----------
Smith: Cyclical learning rates for training neural networks. 2017.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.data import as_data
from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.figure import figure_class
from interactive_train.training.calls import SingleCalls, require_state
from interactive_train.training.control.ending import Plan
from interactive_train.training.loop.report import Reports, drain
from interactive_train.training.loop.session import Session
from interactive_train.training.records.events import Stepped
from interactive_train.training.records.state import TrainState, adjusted
from interactive_train.training.step.objective import of_predictions
from interactive_train.training.step.stepper import NonFiniteError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _each_step(step: int) -> None:
    """Ask to be told of every step, since the sweep may end behind any."""


@dataclass(frozen=True, eq=False)
class RateSweep:
    """What `lr_find` saw.

    Attributes
    ----------
    lr, loss, smoothed : ndarray of float64
        Learning rate, loss and bias-corrected moving average of the loss per step.
    suggestion : float
        Where the smoothed loss falls most steeply over the logarithm of the rate; NaN if it never
        falls.
    """

    lr: NDArray[np.float64]
    loss: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float

    def plot(self) -> Figure:
        """Return a figure of the loss over the learning rate (needs matplotlib)."""
        figure = figure_class("RateSweep.plot")(figsize=(6, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.lr, self.loss, color="0.75", linewidth=1, label="loss")
        axes.plot(self.lr, self.smoothed, color="#0072b2", linewidth=2, label="smoothed")
        if np.isfinite(self.suggestion):
            axes.axvline(self.suggestion, color="#d55e00", linestyle="--", linewidth=1)
            axes.annotate(f" {self.suggestion:.2g}", (self.suggestion, self.smoothed.max()))
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend(frameon=False)
        return figure

    def __repr__(self) -> str:
        return (
            f"RateSweep({len(self.lr)} steps, lr {self.lr[0]:.2g} to {self.lr[-1]:.2g}, "
            f"suggestion={self.suggestion:.3g})"
        )


def lr_find(
    trainer: SingleCalls,
    state: TrainState,
    data: Any,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    shuffle: int | None = None,
) -> RateSweep:
    """Rehearse a fit with a rising learning rate; state, trainer and data keep their values.

    Parameters
    ----------
    trainer : Trainer
    state : TrainState
        Where the rehearsal begins.
    data : Data, arrays (x, y), or iterable of elements
        Passed again as often as needed.
    low, high : float
        The first and the last learning rate; in between it grows by an equal factor.
    steps : int
        At least 5. It ends before when the smoothed loss has risen above its minimum by three
        times that, or is not finite.
    batch_size, shuffle : int, optional
        As in `Trainer.fit`.

    Returns
    -------
    RateSweep

    Raises
    ------
    TypeError
        For what is no trainer or state, and for data that pass only once.
    ValueError
        If the rule has no learning rate, or `low`, `high`, `steps` are out of range.
    NonFiniteError
        If the first steps already fail.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
    >>> state = trainer.init(seed=0)
    >>> sweep = lr_find(trainer, state, (x, 3 * x), steps=50)
    >>> 1e-3 < sweep.suggestion < 10, state.step
    (True, 0)
    """
    where = "it.lr_find"
    if not isinstance(trainer, SingleCalls):
        raise TypeError(
            refusal(
                where,
                "the first argument is a Trainer",
                shown(trainer),
                "lr_find(trainer, state, data)",
            )
        )
    require_state(state, where, "the second argument")
    first = real_number(low, "low", where, low=0.0, open_low=True)
    last = real_number(high, "high", where, low=first, open_low=True)
    count = whole_number(steps, "steps", where, low=5)
    pipeline = as_data(data, where, batch_size=batch_size, shuffle=shuffle)
    if pipeline.is_one_shot:
        raise TypeError(
            refusal(
                where,
                "the data are passed again and left as they are",
                "an iterator, which passes once",
                "Give arrays (x, y), or a list of it.",
            )
        )
    growth = (last / first) ** (1.0 / (count - 1))

    def rising(step: int) -> float:
        return float(first * growth ** (step - state.step - 1))

    session = Session(
        adjusted(state, lr=rising),
        pipeline,
        of_predictions(trainer.loss, where),
        Plan(end_step=state.step + count),
        where=where,
    )
    smooth: list[float] = []
    average = 0.0
    try:
        with closing(drain(session, Reports(_each_step, where))) as events:
            for event in events:
                if not isinstance(event, Stepped):
                    continue
                average = 0.9 * average + 0.1 * event.loss
                smooth.append(average / (1.0 - 0.9 ** (len(smooth) + 1)))
                if smooth[-1] - min(smooth) > 3.0 * abs(min(smooth)):
                    break
    except NonFiniteError:
        if len(smooth) < 5:
            raise
    if len(smooth) < 5:
        raise ValueError(
            refusal(where, "at least five finite steps", str(len(smooth)), "Lower low=.")
        )
    rates = np.array(session.history.lr)
    smoothed = np.array(smooth)
    slope = np.gradient(smoothed, np.log(rates))
    steepest = int(np.argmin(slope[: max(2, int(np.argmin(smoothed)) + 1)]))
    suggestion = float(rates[steepest]) if slope[steepest] < 0.0 else math.nan
    return RateSweep(rates, np.array(session.history.loss), smoothed, suggestion)
