"""`DecisionBoundary`: where a classifier of two inputs decides for which class, live.

The numbers are made by `regions`, a pure function of the model's outputs on a grid. The grid is
as fine as its cost allows: coarser while the run trains, fine when it rests.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script
from interactive_train_widgets.still import COLOURS
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.contours import isolines, span
from interactive_train_widgets.teaching.outputs import known_outputs, probabilities
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Subject

WHERE = "DecisionBoundary"
MOST_POINTS = 1200  # drawn; of more, evenly chosen ones
MOST_CLASSES = 12
FRAME_SECONDS = 0.002  # what the grid of a running fit may take
COARSEST, RUNNING, RESTING = 32, 120, 160  # grid points along an edge
MARKERS = "os^DPv*X<>ph"  # as drawn on the page


class Regions(NamedTuple):
    """What a model decides on a grid.

    `winners` has the class of each grid point (uint8), `shade` how sure the model is: 0 where all
    classes are alike, 255 where one has everything; `border` the lines between classes, shape
    (pieces, 4).
    """

    winners: NDArray[np.uint8]
    shade: NDArray[np.uint8]
    border: NDArray[np.float64]


def regions(p: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> Regions:
    """Return what is drawn of probabilities on a grid.

    Parameters
    ----------
    p : array of shape (rows * columns, classes)
        Row by row, from the lowest y on.
    x, y : arrays of shape (columns,) and (rows,)
    """
    classes = p.shape[1]
    grid = p.reshape(len(y), len(x), classes)
    winners = grid.argmax(-1).astype(np.uint8)
    best = grid.max(-1)
    sure = np.clip((best - 1.0 / classes) / (1.0 - 1.0 / classes), 0.0, 1.0)
    lines = []
    for number in range(1 if classes == 2 else classes):
        own = grid[..., number]
        others = np.delete(grid, number, axis=-1).max(-1)
        lines.append(isolines(own - others, x, y))
    shade = np.nan_to_num(np.round(255.0 * sure)).astype(np.uint8)
    return Regions(winners, shade, np.concatenate(lines))


class DecisionBoundary(TeachingView):
    """The regions where a classifier decides for each class, with the data, drawn live.

    Colour is the class, depth of colour how sure the model is, the line where it changes its mind;
    points that lie on a wrong side have a ring. The arrow keys move a probe.

    Parameters
    ----------
    run : Run, TrainState or Module
        A model that takes inputs of shape (n, 2).
    x : array_like of shape (n, 2)
        Points to draw; of more than 1200, evenly chosen ones.
    y : array_like of int, shape (n,)
        Their classes, from 0 on.
    classes, axes : sequence of str, optional
        Names of the classes and of the two inputs.
    bounds : ((float, float), (float, float)), optional
        Ranges of the two inputs; else around the data.
    outputs : {"logits", "probabilities"}
        What the model returns, one number per class, or one for the second of two classes.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError, ValueError
        If x has not two columns, y not as many labels, or a name is unknown.

    Examples
    --------
    >>> import interactive_train as it
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 40)
    >>> x = rng.normal(size=(40, 2)).astype(np.float32) + 2 * y[:, None]
    >>> trainer = it.Trainer(it.nn.Linear(2, 2), it.optim.SGD(0.1))
    >>> view = it.widgets.DecisionBoundary(trainer.init(seed=0), x, y, classes=["left", "right"])
    >>> view.title
    'Decision boundary'
    >>> view.close()
    """

    _esm = script("teaching/decision_boundary")
    title = "Decision boundary"
    size: ClassVar[tuple[float, float]] = (6.2, 4.6)

    def __init__(
        self,
        run: object,
        x: Any,
        y: Any,
        *,
        classes: Sequence[str] | None = None,
        axes: Sequence[str] = ("x₁", "x₂"),
        bounds: tuple[tuple[float, float], tuple[float, float]] | None = None,
        outputs: Literal["logits", "probabilities"] = "logits",
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        self._x, self._y = _points(x, y)
        self._outputs = known_outputs(outputs, WHERE)
        self._names = None if classes is None else [str(name) for name in classes]
        self._axes = [str(name) for name in axes]
        self._bounds = bounds or span(self._x)
        self._side = 64
        self._per_point = math.nan  # seconds of one grid point
        super().__init__(
            self._subject.source,
            options={"still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return regions, points and how many lie on their own side."""
        (x0, x1), (y0, y1) = self._bounds
        side = self._choose_side(view)
        gx, gy = np.linspace(x0, x1, side), np.linspace(y0, y1, side)
        grid = np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2).astype(np.float32)
        begun = time.thread_time()
        moment = self._subject.moment()
        p = probabilities(moment.predict(np.concatenate([grid, self._x])), self._outputs)
        self._measure((time.thread_time() - begun) / len(p))
        here = p[len(grid) :].argmax(1)
        count = max(p.shape[1], int(self._y.max()) + 1)
        if count > MOST_CLASSES:
            raise ValueError(
                refusal(WHERE, f"at most {MOST_CLASSES} classes can be told apart", str(count))
            )
        found = regions(p[: len(grid)], gx, gy)
        share = np.bincount(found.winners.reshape(-1), minlength=count) / found.winners.size
        right = here == self._y
        total = np.bincount(self._y, minlength=count)
        hits = np.bincount(self._y[right], minlength=count)
        names = self._class_names(count)
        head = {
            "x": [x0, x1],
            "y": [y0, y1],
            "axes": self._axes,
            "names": names,
            "counts": total.tolist(),
            "right": hits.tolist(),
            "classes": p.shape[1],
        }
        arrays = {
            "winners": found.winners,
            "shade": found.shade,
            "border": found.border,
            "points": self._x,
            "labels": self._y.astype(np.uint8),
            "wrong": ~right,
        }
        rows = [
            (names[c], f"{total[c]}", f"{hits[c]}", f"{100 * share[c]:.0f} %") for c in range(count)
        ]
        table = Table(
            "Classes", ("class", "points", "on their own side", "part of the picture"), rows
        )
        text = _sentence(moment.step, right, names, share)
        return Picture(head, arrays, text, table, moment.step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw regions, borders and points."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        head, arrays = picture.head, picture.arrays
        palette = np.array([to_rgb(COLOURS[c % len(COLOURS)]) for c in range(MOST_CLASSES)])
        depth = (0.1 + 0.4 * arrays["shade"] / 255.0)[..., None]
        image = 1.0 - depth + depth * palette[arrays["winners"]]
        axes = figure.subplots()
        extent = (*head["x"], *head["y"])
        axes.imshow(image, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
        pieces = list(arrays["border"].reshape(-1, 2, 2))
        axes.add_collection(LineCollection(pieces, colors="#1b1f24", linewidths=1.4))
        for number, name in enumerate(head["names"]):
            own = arrays["labels"] == number
            axes.scatter(
                *arrays["points"][own].T,
                s=20,
                marker=MARKERS[number % len(MARKERS)],
                color=palette[number],
                edgecolors="white",
                linewidths=0.5,
                label=name,
            )
        axes.set(xlim=head["x"], ylim=head["y"], xlabel=head["axes"][0], ylabel=head["axes"][1])
        axes.legend(frameon=True, framealpha=0.9, fontsize=8)

    def _choose_side(self, view: RunView) -> int:
        """Return the grid points along an edge: what the cost allows, in steps of 8."""
        most = RUNNING if view.status == "running" else RESTING
        if not math.isnan(self._per_point):
            seconds = FRAME_SECONDS * (1.0 if view.status == "running" else 10.0)
            wanted = math.sqrt(seconds / max(self._per_point, 1e-9))
            if not 0.8 * self._side < wanted < 1.3 * self._side or view.status != "running":
                self._side = int(min(max(wanted, COARSEST), most)) // 8 * 8
        return min(self._side, most)

    def _measure(self, seconds: float) -> None:
        before = self._per_point
        self._per_point = seconds if math.isnan(before) else before + 0.3 * (seconds - before)

    def _class_names(self, count: int) -> list[str]:
        own = self._names or []
        return [own[c] if c < len(own) else f"class {c}" for c in range(count)]


def _sentence(
    step: int, right: NDArray[np.bool_], names: Sequence[str], share: NDArray[np.float64]
) -> str:
    parts = ", ".join(f"{name} {100 * s:.0f} %" for name, s in zip(names, share, strict=True))
    return (
        f"Step {step}: {right.sum()} of {right.size} points lie on the side of their own "
        f"class. Parts of the picture: {parts}."
    )


def _points(x: Any, y: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    points = np.asarray(x, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(
            refusal(
                WHERE,
                "x has two columns and at least one row",
                f"shape {points.shape}",
                "Choose two inputs: x[:, [0, 1]], and train the model on them.",
            )
        )
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(points),):
        raise ValueError(
            refusal(WHERE, f"y has {len(points)} labels, as x has rows", f"shape {labels.shape}")
        )
    numbers = labels.astype(np.int64)
    if not np.array_equal(numbers, labels) or numbers.min() < 0:
        raise ValueError(refusal(WHERE, "labels are whole numbers from 0 on", f"{labels[:3]} ..."))
    every = -(-len(points) // MOST_POINTS)
    return points[::every], numbers[::every]
