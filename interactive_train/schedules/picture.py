"""A picture of schedules: the value of a knob over the steps, as a matplotlib figure.

matplotlib (extra ``notebook``) is imported when the function is called, and pyplot never, so
that no window opens and no global state changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import flag, name_of, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.figure import DPI, figure_class
from interactive_train.schedules.schedule import Schedule, ScheduleLike, checked_steps
from interactive_train.schedules.use import as_schedule, evaluate

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

WHERE = "schedules.plot"
# Okabe and Ito's colours, which the colour-blind tell apart; dashes for print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
MOST_POINTS = 4000  # more than a screen has columns; a function of one's own is asked for each
FEW_POINTS = 40  # up to here every step gets a dot
INCHES = (7.2, 3.4)
LEGEND_LINE = 0.22  # inches


def plot(
    *schedules: ScheduleLike,
    steps: int | Sequence[int] | NDArray[np.integer[Any]],
    labels: Sequence[str] | None = None,
    ylabel: str = "learning rate",
    log: bool = False,
) -> Figure:
    """Draw schedules over steps.

    Parameters
    ----------
    *schedules : float or callable
        Schedules of this package, functions ``step -> float``, numbers.
    steps : int or array of int
        How many steps, from 1; or the steps themselves, increasing.
    labels : sequence of str, optional
        What the legend calls them; the calls that made them when omitted.
    ylabel : str
        The title of the vertical axis.
    log : bool
        Whether that axis is logarithmic; then all values must be above 0.

    Returns
    -------
    matplotlib.figure.Figure
        It shows itself in a notebook; ``figure.savefig("rate.png")`` writes it and
        ``figure.axes[0]`` draws on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If something is no schedule, or `steps` are no integers.
    ValueError
        If there is no schedule or no step, a value is not finite, or labels are not one for
        each schedule.

    Examples
    --------
    >>> from interactive_train import schedules
    >>> figure = plot(schedules.cosine_decay(0.1, 900), 0.05, steps=1000)
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('step', 'learning rate')
    """
    if not schedules:
        raise ValueError(
            refusal(WHERE, "there must be a schedule", "none", "Give schedules.constant(0.1), say.")
        )
    chosen = [
        as_schedule(schedule, f"{WHERE}, schedule {i + 1}") for i, schedule in enumerate(schedules)
    ]
    at = _steps(steps)
    names = _labels(labels, chosen)
    values = [evaluate(schedule, at, WHERE) for schedule in chosen]
    if flag(log, "log", WHERE):
        _refuse_below_zero(values, names, at)
    if not isinstance(ylabel, str):
        raise TypeError(refusal(WHERE, "ylabel is a text", shown(ylabel), 'Give "momentum", say.'))

    legend = len(names) > 1 or labels is not None
    width, height = INCHES
    size = (width, height + (LEGEND_LINE * len(names) if legend else 0.0))
    figure = figure_class(WHERE)(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.subplots()
    for i, (name, line) in enumerate(zip(names, values, strict=True)):
        axes.plot(
            at,
            line,
            label=name,
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1.8,
            marker="o" if len(at) <= FEW_POINTS else "",
            markersize=4,
        )
    axes.set_xlabel("step")
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_locator(_whole_steps())
    axes.margins(x=0.01)
    if log:
        axes.set_yscale("log")
    elif min(line.min() for line in values) >= 0:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        figure.legend(loc="outside upper left", frameon=False, ncols=1, handlelength=3)
    else:
        axes.set_title(names[0], loc="left", fontsize="medium")
    return figure


def _steps(steps: Any) -> NDArray[np.int64]:
    """Return the steps to draw at: given ones, or 1 ... steps, thinned evenly if they are many."""
    if np.ndim(steps) == 0:
        count = whole_number(steps, "steps", WHERE)
        at = np.arange(1, count + 1) if count <= MOST_POINTS else np.linspace(1, count, MOST_POINTS)
        return np.round(at).astype(np.int64)
    at = checked_steps(steps, WHERE)
    if at.ndim != 1 or at.size == 0 or (np.diff(at) <= 0).any():
        raise ValueError(
            refusal(
                WHERE,
                "steps are a number of steps, or steps that increase",
                f"{shown(steps)}",
                "Give steps=1000, or for example np.arange(1, 1001, 10).",
            )
        )
    return at


def _labels(labels: Any, schedules: Sequence[Any]) -> list[str]:
    if labels is None:
        return [repr(s) if isinstance(s, Schedule) else name_of(s) for s in schedules]
    listed = [labels] if isinstance(labels, str) else list(labels)
    if len(listed) != len(schedules) or not all(isinstance(label, str) for label in listed):
        raise ValueError(
            refusal(
                WHERE,
                "labels are one text for each schedule",
                f"{shown(labels)} for {len(schedules)}",
                "Leave labels out to see the calls that made them.",
            )
        )
    return listed


def _refuse_below_zero(
    values: Sequence[NDArray[np.float64]], names: Sequence[str], at: NDArray[np.int64]
) -> None:
    for name, line in zip(names, values, strict=True):
        wrong = np.flatnonzero(line <= 0)
        if wrong.size:
            first = wrong[0]
            raise ValueError(
                refusal(
                    WHERE,
                    "a logarithmic axis has values above 0",
                    f"{line[first]:g} at step {at[first]} of {name}",
                    "Leave log=True out.",
                )
            )


def _whole_steps() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10])
