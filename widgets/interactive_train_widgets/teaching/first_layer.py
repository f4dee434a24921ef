"""`FirstLayerWeights`: what each unit of a first layer looks for, as a picture that changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.describe import number as json_number
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.feature_maps import colour_scale, coloured
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Subject

WHERE = "FirstLayerWeights"
MOST_UNITS = 100
SHOWN = 0.995  # part of the weights that the scale covers; the rest has the full colour


def as_pictures(weight: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Return the weights of each unit as a picture.

    Parameters
    ----------
    weight : array of shape (inputs, units)
        As `nn.Linear` has it.
    shape : (int, int)
        Rows and columns of an input picture.

    Returns
    -------
    array of shape (units, rows, columns)

    Raises
    ------
    ValueError
        If the inputs are no picture of that shape.

    Examples
    --------
    >>> as_pictures(np.arange(8.0).reshape(4, 2), (2, 2))[1].tolist()
    [[1.0, 3.0], [5.0, 7.0]]
    """
    if weight.ndim != 2 or weight.shape[0] != math.prod(shape):
        rows, columns = shape
        raise ValueError(
            refusal(
                WHERE,
                f"the layer reads pictures of {rows} by {columns}, {rows * columns} numbers",
                f"shape {weight.shape}",
                "Give shape=(rows, columns), and path= of an nn.Linear. ConvolutionView shows "
                "filters.",
            )
        )
    return weight.T.reshape(-1, *shape)


class FirstLayerWeights(TeachingView):
    """The weights of a first layer as pictures, one for each unit, changing while they are learnt.

    Blue is above zero, orange below, paper is zero; the scale stands beside them, the same for all
    units, and covers all but the outermost half percent of the weights. "Change" shows how far
    they have moved since the view was made.

    Parameters
    ----------
    run : Run, TrainState or Module
    shape : (int, int)
        Rows and columns of an input picture, such as (8, 8) or (28, 28).
    path : str, optional
        Of the weights; else the first array with two dimensions.
    units : int
        How many are shown, at most 100.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError, KeyError, ValueError
        If there are no such weights, or their inputs are no such picture.

    Examples
    --------
    >>> import interactive_train as it
    >>> state = it.Trainer(it.nn.Linear(64, 10), it.optim.SGD(0.1)).init(seed=0)
    >>> view = it.widgets.FirstLayerWeights(state, (8, 8))
    >>> view.pictures().shape
    (10, 8, 8)
    >>> view.close()
    """

    _esm = script("teaching/first_layer")
    _css = stylesheet("teaching", "pictures")
    title = "First layer's weights"
    choices: ClassVar[tuple[str, ...]] = ("change",)
    size: ClassVar[tuple[float, float]] = (7.0, 4.2)

    def __init__(
        self,
        run: object,
        shape: Sequence[int] = (8, 8),
        path: str | None = None,
        *,
        units: int = 64,
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        if len(shape) != 2:
            raise ValueError(refusal(WHERE, "shape is (rows, columns)", repr(tuple(shape))))
        rows, columns = (whole_number(size, "shape", WHERE) for size in shape)
        self._shape = rows, columns
        self._units = min(whole_number(units, "units", WHERE), MOST_UNITS)
        self._path = _first(self._subject.moment().model) if path is None else path
        self._change = False
        begun, self._begun_step = self._read()
        self._begun = begun.copy()
        super().__init__(
            self._subject.source,
            options={"still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    def pictures(self) -> NDArray[Any]:
        """Return the weights at the last step boundary, shape (units, rows, columns)."""
        return self._read()[0]

    def _read(self) -> tuple[NDArray[Any], int]:
        """Return the weights, and the step boundary that they stand at."""
        moment = self._subject.moment()
        weight = np.asarray(tree.get(moment.model, self._path, WHERE))
        return as_pictures(weight, self._shape), moment.step

    def choose(self, name: str, value: Value) -> None:
        """Show the change since the view was made, or the weights."""
        if not isinstance(value, bool):
            raise ValueError(refusal(WHERE, "change is true or false", repr(value)))
        self._change = value

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the pictures on one scale."""
        whole, step = self._read()
        values = (whole - self._begun if self._change else whole)[: self._units]
        scale = colour_scale(np.quantile(np.abs(values), [SHOWN]))
        moved = np.sqrt(np.sum(np.square(whole - self._begun), axis=(1, 2)))[: self._units]
        norms = np.sqrt(np.sum(np.square(whole), axis=(1, 2)))[: self._units]
        head = {
            "scale": scale,
            "beyond": bool(np.abs(values).max() > scale),
            "change": self._change,
            "since": self._begun_step,
            "path": self._path,
            "units": len(whole),
            "norms": [json_number(v) for v in norms],
            "moved": [json_number(v) for v in moved],
        }
        kind = f"change since step {self._begun_step}" if self._change else "weights"
        text = (
            f"Step {step}: {kind} of {self._path} as {len(values)} pictures of "
            f"{self._shape[0]} by {self._shape[1]}, on a scale from {-scale:g} to {scale:g}; the "
            f"longest is unit {int(norms.argmax())}, most moved is unit {int(moved.argmax())}."
        )
        rows = [
            (f"{i}", f"{v.min():.4g}", f"{v.max():.4g}", f"{norms[i]:.4g}", f"{moved[i]:.4g}")
            for i, v in enumerate(values)
        ]
        titles = ("unit", "smallest", "largest", "length", "moved since")
        table = Table(f"Units of {self._path}", titles, rows)
        return Picture(head, {"pictures": coloured(values, scale)}, text, table, step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the pictures as one mosaic, with the scale."""
        from matplotlib.colors import LinearSegmentedColormap

        tiles, scale = picture.arrays["pictures"], picture.head["scale"]
        count, rows, columns = tiles.shape
        beside = max(1, math.ceil(math.sqrt(count * 1.6 * rows / columns)))
        below = -(-count // beside)
        mosaic = np.full((below * (rows + 1), beside * (columns + 1)), np.nan)
        for i, tile in enumerate(tiles):
            top, left = i // beside * (rows + 1), i % beside * (columns + 1)
            values = (tile.astype(np.float64) - 128.0) / 127.0 * scale
            mosaic[top : top + rows, left : left + columns] = values
        colours = LinearSegmentedColormap.from_list("signed", ["#d55e00", "#ffffff", "#0072b2"])
        axes = figure.subplots()
        image = axes.imshow(
            mosaic[:-1, :-1], cmap=colours, vmin=-scale, vmax=scale, interpolation="nearest"
        )
        axes.axis("off")
        figure.colorbar(image, ax=axes, label="change" if picture.head["change"] else "weight")


def _first(model: Any) -> str:
    for path, array in tree.flatten_with_paths(model):
        if np.ndim(array) == 2:
            return path
    raise ValueError(
        refusal(WHERE, "the model has an array with two dimensions", type(model).__name__)
    )
