"""What a convolution net makes of one picture, layer by layer: filters and maps as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn import Conv2d
from interactive_train.nn.capture import Passage
from interactive_train.nn.module import modules
from interactive_train.runtime.errors import refusal

WHERE = "ConvolutionView"
STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)  # round values of a colour scale, times powers of ten


@dataclass(frozen=True, slots=True)
class Maps:
    """What one layer gave: a map for each channel.

    Attributes
    ----------
    path, kind : str
    values : array, shape (channels, rows, columns)
    """

    path: str
    kind: str
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """A convolution, and what follows up to the next one and still is a picture.

    Attributes
    ----------
    path : str
    weight : array, shape (channels, inputs, rows, columns)
        The filters.
    stages : list of Maps
        The convolution's own maps first.
    """

    path: str
    weight: NDArray[Any]
    stages: list[Maps] = field(default_factory=list)


def blocks(model: Any, passed: Mapping[str, Passage]) -> tuple[NDArray[Any], list[Block]]:
    """Return the picture that reached the first convolution, and a block for each convolution.

    Parameters
    ----------
    model : Module
    passed : mapping of str to Passage
        What was captured for one picture; see `interactive_train.nn.capture`.

    Returns
    -------
    picture : array, shape (channels, rows, columns)
    blocks : list of Block

    Raises
    ------
    ValueError
        If no convolution was used.

    Examples
    --------
    >>> from interactive_train import nn
    >>> from interactive_train.nn.capture import capture
    >>> model = nn.init(nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.relu), seed=0)
    >>> picture, (block,) = blocks(model, capture(model, np.ones((1, 1, 8, 8), np.float32)))
    >>> picture.shape, block.weight.shape, [(m.kind, m.values.shape) for m in block.stages]
    ((1, 8, 8), (4, 1, 3, 3), [('Conv2d', (4, 8, 8)), ('relu', (4, 8, 8))])
    """
    layers = dict(modules(model))
    found: list[Block] = []
    picture: NDArray[Any] | None = None
    for path, (kind, inputs, output) in passed.items():
        layer = layers.get(path)
        if isinstance(layer, Conv2d):
            picture = inputs[0][0] if picture is None else picture
            found.append(Block(path, np.asarray(layer.weight)))
        if not found or not isinstance(output, np.ndarray) or output.ndim != 4:
            continue
        stages = found[-1].stages
        if not stages or _goes_on(path, output[0], stages):
            stages.append(Maps(path, kind, output[0]))
    if picture is None:
        raise ValueError(
            refusal(WHERE, "the model uses an nn.Conv2d", type(model).__name__, "See nn.Conv2d.")
        )
    return picture, found


def _goes_on(path: str, values: NDArray[Any], stages: list[Maps]) -> bool:
    """Whether these maps are the next stage, and not what a container of the stage gave again."""
    last = stages[-1].values
    inside = stages[-1].path.startswith(path + ".") or not path
    return len(values) == len(stages[0].values) and not (inside and np.shares_memory(values, last))


def colour_scale(values: NDArray[Any]) -> float:
    """Return a round number that no finite magnitude exceeds; 1 for nothing but zeros.

    A round scale stays for many steps, so that colours do not flicker while a model learns.

    Examples
    --------
    >>> colour_scale(np.array([-0.41, 0.3])), colour_scale(np.zeros(2))
    (0.5, 1.0)
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0.0))
    if largest <= 0.0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    part = next(step for step in (*STEPS, 100.0) if largest <= step * power * (1 + 1e-6))
    return float(part * power)


def inked(level: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return bytes of `coloured` as red, green and blue on white: blue above zero, orange below.

    Examples
    --------
    >>> inked(np.array([128, 255], np.uint8)).round(2).tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.45, 0.7]]
    """
    part = ((level.astype(np.float64) - 128) / 127)[..., None]
    blue, orange = np.array([0.0, 0.45, 0.7]), np.array([0.84, 0.37, 0.0])
    return 1.0 - np.abs(part) * (1.0 - np.where(part > 0, blue, orange))


def coloured(values: NDArray[Any], scale: float) -> NDArray[np.uint8]:
    """Return values as bytes: 128 is zero, 1 is -scale, 255 is scale, 0 is not a number.

    Examples
    --------
    >>> coloured(np.array([-1.0, 0.0, 0.5, np.nan]), 1.0).tolist()
    [1, 128, 192, 0]
    """
    with np.errstate(invalid="ignore"):
        level = np.rint(128 + 127 * np.clip(np.asarray(values, np.float64) / scale, -1.0, 1.0))
    return np.where(np.isnan(level), 0, level).astype(np.uint8)
