"""Loss and learning rate on a matplotlib figure, as the page draws them: for saved notebooks.

In: the head of a frame and its unpacked curves. Train and validation loss, other
runs and branches, each with its own colour and dash, and numbered interventions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train_widgets.describe import Head

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C8500", "#444C56")  # Okabe-Ito, darker
DASHES: tuple[Any, ...] = ("-", (0, (7, 4)), (0, (2, 2)), "-.", (0, (4, 4)), (0, (9, 3, 2, 3)))
MARKED = ("adjust", "release", "freeze", "thaw", "assign", "undo", "set_batch_size")
RINGS = 30  # on a validation loss
NEAR = 0.03  # of the step axis: marks that are closer share one number

Floats = NDArray[np.float64]
Unpacked = list[tuple[Head, Floats, Floats]]


def losses_of(curves: Unpacked) -> Unpacked:
    """Return the loss curves, in the order of the page: train, validation, branches."""
    found = [c for c in curves if "loss" in (c[0]["name"] or c[0]["kind"]) and len(c[1])]
    return sorted(found, key=lambda c: 2 if c[0].get("branch") else c[0]["kind"] == "metric")


def label_of(about: Head, runs: list[str]) -> str:
    """Return what the page calls a loss curve."""
    what = about["name"].replace("_", " ").removesuffix(" loss")
    run = runs[about["run"]] if len(runs) > 1 else ""
    return " ".join(part for part in (run, about.get("branch"), what) if part) or "train"


def draw(figure: Any, head: Head, curves: Unpacked) -> None:
    """Draw the losses and, under them on the same steps, the learning rate."""
    rates = [c for c in curves if c[0]["kind"] == "lr" and len(c[1])]
    if rates:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        bottom.plot(rates[0][1], rates[0][2], color=COLOURS[0], drawstyle="steps-post")
        bottom.set_ylabel("learning rate")
    else:
        top = bottom = figure.subplots()
    _losses(top, head, losses_of(curves))
    bottom.set_xlabel("step")
    for axes in {top, bottom}:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    _marks(top, bottom, head)


def _losses(axes: Any, head: Head, losses: Unpacked) -> None:
    styles: dict[object, int] = {}
    for about, steps, values in losses:
        measured, branch = about["kind"] == "metric", about.get("branch")
        look = (about["run"], branch or (about["kind"], about["name"]))  # a branch has one
        style = styles.setdefault(look, len(styles))
        if about["run"] > 0 and measured:
            continue  # the page shows them when they are asked for
        first = about.get("apart", -1)
        if measured:  # from the last value on the line that it leaves
            first = steps[max(0, int(np.searchsorted(steps, first, side="right")) - 1)]
        steps, values = steps[steps >= first], values[steps >= first]
        colour, dash = COLOURS[style % 6], DASHES[(style + style // 6) % 6]
        if about["kind"] == "loss":
            axes.plot(steps, values, linewidth=0.5, alpha=0.35, color=colour)
            values = smooth(values, 0.9 ** about["size"])
        label = label_of(about, head["runs"])
        rings: dict[str, Any] = {}
        if measured:
            every = max(1, len(steps) // RINGS)
            rings = {"marker": "o", "markersize": 3.5, "mfc": "white", "markevery": every}
        axes.plot(steps, values, linewidth=1.6, label=label, color=colour, linestyle=dash, **rings)
    if all(bool(np.all(values[np.isfinite(values)] > 0)) for _, _, values in losses):
        axes.set_yscale("log")
    unit = head["run"]["labels"].get("loss", "")
    axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    if len(losses) > 1:
        axes.legend(frameon=False, handlelength=3.4)


def _marks(top: Any, bottom: Any, head: Head) -> None:
    """Lines where a person intervened, with the numbers that they have on the page."""
    marked = [entry for entry in head["journal"] if entry["kind"] in MARKED]
    numbers = {id(entry): number for number, entry in enumerate(marked, 1)}
    marked = [entry for entry in marked if entry.get("stands", True)]  # not of other branches
    low, high = top.get_xlim()
    groups: list[list[int]] = []
    for number, entry in enumerate(marked):
        for axes in {top, bottom}:
            faint = 0.25 if entry["undone"] else 0.6
            axes.axvline(entry["step"], color="#573c78", alpha=faint, linewidth=0.8)
        if not groups or entry["step"] - marked[groups[-1][0]]["step"] > NEAR * (high - low):
            groups.append([])
        groups[-1].append(number)
    for group in groups:
        first, last = (numbers[id(marked[place])] for place in (group[0], group[-1]))
        text = f"{first}–{last}" if len(group) > 1 else str(first)
        place = (marked[group[0]]["step"], 1.0)
        at = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        top.annotate(text, place, fontsize=8, **at)


def smooth(values: Floats, keep: float) -> Floats:
    """Return the bias-corrected moving average that the dashboard draws."""
    out = np.full(len(values), np.nan)
    total = weight = 0.0
    for place, value in enumerate(values):
        if math.isfinite(value):
            total = keep * total + (1.0 - keep) * value
            weight = keep * weight + (1.0 - keep)
            out[place] = total / weight
    return out
