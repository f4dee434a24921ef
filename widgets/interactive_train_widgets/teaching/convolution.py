"""`ConvolutionView`: filters and activations of a convolution net, while it learns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.describe import Head
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.feature_maps import (
    WHERE,
    Block,
    blocks,
    colour_scale,
    coloured,
    inked,
)
from interactive_train_widgets.teaching.outputs import (
    known_outputs,
    named_classes,
    percent,
    probabilities,
)
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Subject

MAX_PICTURES = 1000
MAX_CHANNELS = 32  # of a layer that are shown
MAX_INPUTS = 32  # of a filter
MAX_SIDE = 64  # pixels of a map that are sent; larger ones are thinned


class ConvolutionView(TeachingView):
    """One picture on its way through a convolution net: the filters, and what each layer sees.

    A channel can be picked in every layer; its filter is then shown, one tile for each channel that
    it reads. Blue is above zero and orange below.

    Parameters
    ----------
    run : Run, TrainState or Module
        Of a model with `nn.Conv2d` in it.
    image : array_like, shape (n, ...)
        One or several pictures as the model takes them; a slider goes through them.
    classes : sequence, optional
        Names of the model's classes; their numbers by default.
    outputs : {"logits", "probabilities"}
        What the model returns: one number for each class, or one for the second of two.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError
        If the run is none, or a keyword is not known.
    ValueError
        If there is no picture.

    Examples
    --------
    >>> from interactive_train import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.relu, nn.Flatten(), nn.Linear(144, 10))
    >>> view = ConvolutionView(nn.init(model, seed=0), np.zeros((3, 1, 8, 8), np.float32))
    >>> view.maps(2)["layers.1"].shape
    (4, 6, 6)
    >>> view.close()
    """

    _esm = script("teaching/convolution")
    _css = stylesheet("teaching", "pictures")
    title = "Filters and activations"
    choices = ("picture",)
    size = (7.0, 4.2)

    def __init__(
        self,
        run: object,
        image: Any,
        *,
        classes: Sequence[object] | None = None,
        outputs: Literal["logits", "probabilities"] = "logits",
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        self._images = np.array(image)
        if self._images.ndim < 2 or not 1 <= len(self._images) <= MAX_PICTURES:
            rule = f"image holds 1 to {MAX_PICTURES} inputs of the model, one behind the other"
            fix = "A single one is image[None]."
            raise ValueError(refusal(WHERE, rule, f"shape {self._images.shape}", fix))
        self._classes = classes
        self._outputs = known_outputs(outputs, WHERE)
        self._place = 0
        super().__init__(
            self._subject.source,
            options={"pictures": len(self._images), "still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    def maps(self, picture: int = 0) -> dict[str, NDArray[Any]]:
        """Return the activation maps of a picture at the last step boundary, by layer.

        Parameters
        ----------
        picture : int
            Its place in `image`.

        Returns
        -------
        dict of str to array, shape (channels, rows, columns)
        """
        image = self._images[picture : picture + 1]
        moment = self._subject.moment()
        found = blocks(moment.model, moment.captured(image))[1]
        return {maps.path: maps.values for block in found for maps in block.stages}

    def choose(self, name: str, value: Value) -> None:
        """Pick a picture by its place."""
        if not isinstance(value, float) or value not in range(len(self._images)):
            rule = f"picture is a number below {len(self._images)}"
            raise ValueError(refusal(WHERE, rule, repr(value)))
        self._place = int(value)

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return filters and maps for the chosen picture."""
        moment = self._subject.moment()
        passed = moment.captured(self._images[self._place : self._place + 1])
        picture, found = blocks(moment.model, passed)
        arrays: dict[str, NDArray[Any]] = {}
        head: Head = {
            "picture": self._place,
            "input": _tiles("input", picture[:3], arrays),
            "blocks": [_block(number, block, arrays) for number, block in enumerate(found)],
        }
        text = f"Picture {self._place} on its way through {len(found)} convolution layers."
        output = passed[""].output
        if isinstance(output, np.ndarray) and output.ndim == 2:
            chances = probabilities(output, self._outputs)[0]
            names = named_classes(self._classes, len(chances), WHERE)
            best = int(chances.argmax())
            head |= {"classes": names, "best": best}
            arrays["chances"] = chances
            text += f" Read as {names[best]} with {percent(chances[best])}."
        rows = [
            (maps.path, maps.kind, str(len(maps.values)), "{} x {}".format(*maps.values.shape[1:]),
             f"{maps.values.min():.3g}", f"{maps.values.mean():.3g}", f"{maps.values.max():.3g}",
             percent(float((maps.values == 0).mean())))
            for block in found
            for maps in block.stages
        ]  # fmt: skip
        titles = ("layer", "kind", "maps", "size", "lowest", "mean", "highest", "zeros")
        table = Table("Activation maps", titles, rows)
        return Picture(head, arrays, text, table, moment.step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the input, then a row of maps for each stage."""
        stages = [stage for block in picture.head["blocks"] for stage in block["stages"]][:6]
        rows = [picture.head["input"], *stages]
        for number, row in enumerate(rows):
            tiles = np.clip(inked(picture.arrays[row["array"]]), 0.0, 1.0)
            shown = min(len(tiles), 16)
            for place in range(shown):
                panel = figure.add_subplot(len(rows), 16, 16 * number + place + 1)
                panel.imshow(tiles[place])
                panel.set(xticks=[], yticks=[])
                if place == 0:
                    panel.set_ylabel(row["name"], fontsize=7, rotation=0, ha="right", va="center")


def _tiles(name: str, values: NDArray[Any], arrays: dict[str, NDArray[Any]]) -> Head:
    """Enter maps under a name; return how to read them."""
    thin = max(1, -(-max(values.shape[-2:]) // MAX_SIDE))
    shown = values[:MAX_CHANNELS, ..., ::thin, ::thin]
    scale = colour_scale(shown)
    arrays[name] = coloured(shown, scale)
    return {"array": name, "name": name, "scale": scale, "total": len(values)}


def _block(number: int, block: Block, arrays: dict[str, NDArray[Any]]) -> Head:
    weight = block.weight
    stages = [
        _tiles(f"maps{number}.{place}", maps.values, arrays)
        | {"name": maps.kind, "path": maps.path}
        for place, maps in enumerate(block.stages)
    ]
    filters = _tiles(f"filters{number}", weight[:, :MAX_INPUTS], arrays)
    size = f"{weight.shape[2]} x {weight.shape[3]}"
    words = f"{weight.shape[1]} to {len(weight)} channels, filters {size}"
    filters |= {"inputs": weight.shape[1]}
    return {"path": block.path, "about": words, "filters": filters, "stages": stages}
