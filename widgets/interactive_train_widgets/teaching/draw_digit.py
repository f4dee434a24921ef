"""`DrawDigit`: draw a digit, and see what a model that is being trained takes it for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.drawing import PEN, Drawing, rasterised
from interactive_train_widgets.teaching.handwriting import DIGITS, handwritten
from interactive_train_widgets.teaching.outputs import (
    drawn,
    known_outputs,
    named_classes,
    percent,
    picture_shape,
    probabilities,
)
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Subject

WHERE = "DrawDigit"


class DrawDigit(TeachingView):
    """Paper to draw a digit on, with the picture that the model sees and a bar for each class.

    Draw with mouse, pen or finger. With the keyboard: the cursor keys move the pen, the space bar
    puts it down or lifts it. The bars follow every stroke, and every step of the training. The
    drawing is centred, brought to the height of the digits data set, and each pixel is the inked
    part of its block, 0 to 1.

    Parameters
    ----------
    run : Run, TrainState or Module
    shape : (int, int) or (1, int, int)
        Of one input. Two numbers: the model takes the pixels in one row, as `datasets.digits` gives
        them; three: a picture with one channel, for a convolution net.
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
        If the shape is none of a picture.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import datasets, losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(64, 10), optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
    >>> state = trainer.fit(
    ...     trainer.init(0), datasets.digits()[0], epochs=20, batch_size=64, progress=False
    ... )
    >>> paper = DrawDigit(state)
    >>> paper.example(3)
    >>> int(trainer.predict(state, paper.picture.reshape(1, 64)).argmax())
    3
    >>> paper.close()
    """

    _esm = script("teaching/draw_digit")
    _css = stylesheet("teaching", "pictures")
    title = "Draw a digit"
    choices = ("begin", "extend", "clear", "example")
    size = (6.4, 2.6)

    def __init__(
        self,
        run: object,
        shape: tuple[int, ...] = (8, 8),
        *,
        classes: Sequence[object] | None = None,
        outputs: Literal["logits", "probabilities"] = "logits",
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        self._shape = picture_shape(shape, WHERE)
        self._classes = classes
        self._outputs = known_outputs(outputs, WHERE)
        self._drawing = Drawing(WHERE)
        self._version = 0  # counts what was drawn
        self._seen: tuple[int, NDArray[np.float32]] = (-1, np.empty((0, 0), np.float32))
        takes: dict[str, Callable[[Value], None]] = {
            "begin": self._drawing.begin,
            "extend": self._drawing.extend,
            "clear": lambda _: self._drawing.clear(),
            "example": self._take_example,
        }
        self._takes = takes
        super().__init__(
            self._subject.source,
            options={"pen": PEN, "examples": len(DIGITS), "still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    @property
    def picture(self) -> NDArray[np.float32]:
        """What the model sees: rows by columns, 0 is paper and 1 is ink."""
        version = self._version
        if self._seen[0] != version:  # most frames come of a step, not of a stroke
            rows, columns = self._shape[-2:]
            self._seen = version, rasterised(list(self._drawing.strokes), (rows, columns))
        return self._seen[1].copy()

    def example(self, digit: int) -> None:
        """Draw one of the digits that come with the view, 0 to 9."""
        self._take_example(float(digit))
        self._version += 1
        self.refresh()

    def choose(self, name: str, value: Value) -> None:
        """Take what a person draws."""
        self._takes[name](value)
        self._version += 1

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the drawing, the model's picture of it, and what the model takes it for."""
        strokes = list(self._drawing.strokes)
        picture = self.picture
        moment = self._subject.moment()
        chances = probabilities(moment.predict(self._input(picture)), self._outputs)[0]
        names = named_classes(self._classes, len(chances), WHERE)
        best = int(chances.argmax())
        text = f"Read as {names[best]} with {percent(chances[best])}."
        if not strokes:
            text = "The paper is empty."
        rows = [(name, percent(p)) for name, p in zip(names, chances, strict=True)]
        head = {
            "classes": names,
            "best": best,
            "empty": not strokes,
            "version": self._version,
            "lengths": [len(stroke) for stroke in strokes],
        }
        points = np.concatenate(strokes) if strokes else np.empty((0, 2))
        arrays = {"picture": picture, "chances": chances, "points": points}
        table = Table("Classes", ("class", "probability"), rows)
        return Picture(head, arrays, text, table, moment.step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the model's picture beside the bars."""
        left, right = figure.subplots(1, 2, width_ratios=[1, 2])
        left.imshow(picture.arrays["picture"], cmap="gray_r", vmin=0, vmax=1)
        left.axis("off")
        right.bar(
            list(map(drawn, picture.head["classes"])), picture.arrays["chances"], color="#0072b2"
        )
        right.set(ylim=(0, 1), ylabel="probability", xlabel="class")

    def _input(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return picture.reshape(1, -1) if len(self._shape) == 2 else picture.reshape(1, *self._shape)

    def _take_example(self, value: Value) -> None:
        whole = isinstance(value, float) and value in range(len(DIGITS))
        if not whole:
            raise ValueError(refusal(WHERE, "an example is a digit, 0 to 9", repr(value)))
        self._drawing.replace(handwritten(int(float(value))))  # type: ignore[arg-type]
