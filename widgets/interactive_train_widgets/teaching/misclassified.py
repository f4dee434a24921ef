"""`Misclassified`: what a classifier gets wrong, as a gallery that changes while it learns.

`wrong` and `arranged` are the arithmetic: which examples are misread, and which of them stands at
which place, so that nothing on the wall moves that could stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.outputs import (
    drawn,
    known_outputs,
    named_classes,
    percent,
    picture_shape,
    probabilities,
)
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Moment, Subject

WHERE = "Misclassified"
MAX_COUNT = 200
HOLD = 1.0  # seconds for which a wall stands
ALL, EMPTY = -1, -1


class Reading(NamedTuple):
    """What a classifier makes of labelled examples.

    Attributes
    ----------
    read : array of int, shape (n,)
        The class that each was taken for.
    confidence : array, shape (n,)
        Its probability.
    ranked : array of int
        The examples that were misread, the most confident first.
    """

    read: NDArray[np.int64]
    confidence: NDArray[np.float64]
    ranked: NDArray[np.int64]


def wrong(chances: NDArray[np.float64], labels: NDArray[np.int64]) -> Reading:
    """Return which examples are misread, ranked by the confidence of the error.

    Parameters
    ----------
    chances : array, shape (n, classes)
    labels : array of int, shape (n,)

    Examples
    --------
    >>> chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> wrong(chances, np.array([1, 1, 1])).ranked.tolist()
    [0, 1]
    """
    read = chances.argmax(axis=1)
    confidence = chances.max(axis=1)
    misread = np.flatnonzero(read != labels)
    order = np.argsort(-confidence[misread], kind="stable")
    return Reading(read, confidence, misread[order])


def arranged(before: Sequence[int], ranked: Sequence[int], count: int) -> list[int]:
    """Return the example at each of `count` places, -1 where none hangs.

    Who is still among the first keeps the place; free places are taken in order of rank.

    Examples
    --------
    >>> arranged([7, 3, 9], [3, 5, 9, 7], 3)
    [5, 3, 9]
    """
    shown = list(ranked[:count])
    stays = set(shown)
    places = [example if example in stays else EMPTY for example in before[:count]]
    places += [EMPTY] * (count - len(places))
    hanging = set(places)
    new = iter(example for example in shown if example not in hanging)
    return [next(new, EMPTY) if example == EMPTY else example for example in places]


class Misclassified(TeachingView):
    """The examples that a classifier gets wrong: what they are, what they were read as, how surely.

    The wall changes at most once a second, and who stays keeps the place; when the run rests it is
    hung anew, the most confident error first. A class can be picked.

    Parameters
    ----------
    run : Run, TrainState or Module
    x : array_like, shape (n, ...)
        Inputs as the model takes them; held-out ones are the honest choice.
    y : array_like of int, shape (n,)
        Their classes.
    shape : (int, int)
        Rows and columns of the picture of one input.
    count : int
        Places on the wall, up to 200.
    classes : sequence, optional
        Their names; their numbers by default.
    outputs : {"logits", "probabilities"}
        What the model returns: one number for each class, or one for the second of two.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError
        If the run is none, or a keyword is not known.
    ValueError
        If inputs, classes and shape do not belong together.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import datasets, losses, nn, optim
    >>> (x, y), (x_test, y_test) = datasets.digits()
    >>> trainer = it.Trainer(nn.Linear(64, 10), optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
    >>> state = trainer.fit(trainer.init(0), (x, y), epochs=2, batch_size=64, progress=False)
    >>> wall = Misclassified(state, x_test, y_test)
    >>> wall.errors == int((trainer.predict(state, x_test).argmax(1) != y_test).sum())
    True
    >>> wall.close()
    """

    _esm = script("teaching/misclassified")
    _css = stylesheet("teaching", "pictures")
    title = "Misclassified"
    choices = ("label",)
    size = (7.2, 3.6)
    hold = HOLD

    def __init__(
        self,
        run: object,
        x: Any,
        y: Any,
        shape: tuple[int, int] = (8, 8),
        count: int = 24,
        *,
        classes: Sequence[object] | None = None,
        outputs: Literal["logits", "probabilities"] = "logits",
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        self._shape = picture_shape(shape, WHERE)[-2:]
        self._count = whole_number(count, "count", WHERE)
        if self._count > MAX_COUNT:
            raise ValueError(refusal(WHERE, f"count is at most {MAX_COUNT}", str(count)))
        self._x, self._labels, self._pictures = _examples(x, y, self._shape)
        self._classes = classes
        self._outputs = known_outputs(outputs, WHERE)
        self._label = ALL
        self._places: list[int] = []
        self._newest: Picture | None = None
        self._hung = float("-inf")
        self._clock: Callable[[], float] = time.monotonic
        super().__init__(
            self._subject.source,
            options={"count": self._count, "still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    @property
    def errors(self) -> int:
        """How many examples are misread at the last step boundary."""
        return len(self._read(self._subject.moment())[1].ranked)

    def choose(self, name: str, value: Value) -> None:
        """Pick a class, -1 for all."""
        if isinstance(value, bool) or not isinstance(value, float) or value != int(value):
            raise ValueError(refusal(WHERE, "label is the number of a class, or -1", repr(value)))
        if not ALL <= value <= self._labels.max(initial=0):
            raise ValueError(refusal(WHERE, "label is a class of the examples", f"{value:g}"))
        self._label, self._places, self._newest = int(value), [], None

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the wall, a new one at most once a second while the run moves."""
        moves, now = view.status == "running", self._clock()
        if moves and self._newest is not None and now - self._hung < HOLD:
            return self._newest
        moment = self._subject.moment()
        chances, reading = self._read(moment)
        names = named_classes(self._classes, chances.shape[1], WHERE)
        ranked = reading.ranked
        if self._label != ALL:
            ranked = ranked[self._labels[ranked] == self._label]
        before = self._places if moves else []
        self._places = arranged(before, ranked.tolist(), self._count)
        self._hung, self._newest = now, self._picture(reading, len(ranked), names, moment.step)
        return self._newest

    def _read(self, moment: Moment) -> tuple[NDArray[np.float64], Reading]:
        chances = probabilities(moment.predict(self._x), self._outputs)
        if self._labels.max(initial=0) >= chances.shape[1]:
            rule = f"labels are numbers of the model's {chances.shape[1]} classes"
            raise ValueError(refusal(WHERE, rule, str(self._labels.max())))
        return chances, wrong(chances, self._labels)

    def _picture(self, reading: Reading, picked: int, names: list[str], step: int) -> Picture:
        places = np.array(self._places)
        held = np.maximum(places, 0)
        counts = np.bincount(self._labels[reading.ranked], minlength=len(names))
        total, errors = len(self._labels), len(reading.ranked)
        rows = [
            (str(i), names[self._labels[i]], names[reading.read[i]], percent(reading.confidence[i]))
            for i in places
            if i != EMPTY
        ]
        of = "" if self._label == ALL else f" of class {names[self._label]}: {picked}"
        text = f"{errors} of {total} examples are misread ({percent(errors / total)}){of}."
        if rows:
            text += f" The surest error: a {rows[0][1]} read as {rows[0][2]}, {rows[0][3]}."
        head = {
            "total": total,
            "errors": errors,
            "picked": picked,
            "label": self._label,
            "classes": names,
            "counts": counts.tolist(),
        }
        arrays = {
            "places": places,
            "labels": self._labels[held],
            "read": reading.read[held],
            "confidence": reading.confidence[held],
            "pictures": self._pictures[held],
        }
        table = Table("Misread examples", ("example", "is", "read as", "probability"), rows)
        return Picture(head, arrays, text, table, step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the first three rows of the wall."""
        arrays, names = picture.arrays, picture.head["classes"]
        panels = figure.subplots(3, 8, squeeze=False).ravel()
        for place, panel in enumerate(panels):
            panel.axis("off")
            if place < len(arrays["places"]) and arrays["places"][place] != EMPTY:
                panel.imshow(arrays["pictures"][place], cmap="gray_r", vmin=0, vmax=255)
                label, read = names[arrays["labels"][place]], names[arrays["read"][place]]
                panel.set_title(f"{drawn(label)} read as {drawn(read)}", fontsize=7)
        figure.suptitle(f"{picture.head['errors']} of {picture.head['total']} misread", fontsize=9)


def _examples(
    x: Any, y: Any, shape: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.uint8]]:
    """Return inputs, labels, and the inputs as pictures of 0 to 255."""
    inputs, labels = np.array(x), np.array(y)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        got = f"{labels.dtype} of shape {labels.shape}"
        raise ValueError(refusal(WHERE, "y holds the number of each example's class", got))
    if len(inputs) != len(labels) or not len(labels):
        got = f"{len(inputs)} inputs and {len(labels)} classes"
        raise ValueError(refusal(WHERE, "x and y have one row for each example", got))
    if inputs.dtype.kind not in "fiub" or inputs[0].size != shape[0] * shape[1]:
        rule = f"an input is a picture of {shape[0]} by {shape[1]} numbers"
        got = f"{inputs.dtype} of shape {inputs.shape[1:]}"
        raise ValueError(refusal(WHERE, rule, got, "Give shape= of one picture."))
    pixels = inputs.reshape(len(inputs), *shape).astype(np.float64)
    low, high = np.nanmin(pixels), np.nanmax(pixels)
    scaled = np.nan_to_num((pixels - low) / (high - low if high > low else 1.0))
    return inputs, labels.astype(np.int64), np.rint(255 * scaled).astype(np.uint8)
