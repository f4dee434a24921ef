"""Initial values: functions ``(key, shape) -> float64 array``, pure in key and shape.

References
----------
Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks. 2010.
He et al.: Delving deep into rectifiers. 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.key import Key

Initializer = Callable[[Key, tuple[int, ...]], NDArray[np.float64]]


def zeros(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return zeros."""
    return np.zeros(shape)


def ones(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return ones."""
    return np.ones(shape)


def glorot_uniform(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Examples
    --------
    >>> bool(abs(glorot_uniform(Key.from_seed(0), (3, 3))).max() <= 1.0)
    True
    """
    fan_in, fan_out = fans(shape)
    return _symmetric(key, shape, math.sqrt(6.0 / (fan_in + fan_out)))


def he_uniform(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from U(-a, a) with a = sqrt(6 / fan_in), for layers before a relu."""
    return _symmetric(key, shape, math.sqrt(6.0 / fans(shape)[0]))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs and outputs a weight of this shape connects.

    The last two axes are in and out; axes before them are positions of a window.
    """
    if len(shape) < 2:
        size = max(1, math.prod(shape))
        return size, size
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _symmetric(key: Key, shape: tuple[int, ...], limit: float) -> NDArray[np.float64]:
    return ((2.0 * key.uniform(math.prod(shape)) - 1.0) * limit).reshape(shape)
