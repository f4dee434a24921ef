"""Layout: where the arrays of a fit lie in the memory of a recorded step.

All parameters of one type lie one behind another in a flat region, their gradients and each of
their moments at the same places of further regions, so neighbouring arrays are updated as one.
Every array begins at a cache line; what lies between two of them is zero and stays so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim.leaf import Leaf
from interactive_train.program.program import Home

LINE = 64  # bytes


@dataclass(frozen=True, slots=True)
class Place:
    """One array in a region."""

    home: Home
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def stop(self) -> int:
        """Where the next array of the region begins."""
        return self.home.start + padded(self.size, self.dtype)


class Layout:
    """The regions of a fit.

    Attributes
    ----------
    arrays : dict of str to Place
        The model's arrays by path.
    states : dict of (str, str) to Place
        Arrays of the optimiser's state by path and name.
    regions : dict of str to (dtype, elements)
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], leaves: Mapping[str, Leaf]) -> None:
        self.arrays: dict[str, Place] = {}
        self.states: dict[tuple[str, str], Place] = {}
        self.regions: dict[str, tuple[np.dtype[Any], int]] = {}
        for path, array in arrays.items():
            kind = "params" if path in leaves else "buffers"
            self.arrays[path] = self._add(f"{kind}.{array.dtype.char}", array.shape, array.dtype)
        for path, place in self.arrays.items():
            if path not in leaves:
                continue
            char = place.dtype.char
            self.regions[f"gradient.{char}"] = self.regions[f"params.{char}"]
            for name, value in leaves[path].state.items():
                if not isinstance(value, np.ndarray):
                    continue
                if value.shape == place.shape and value.dtype == place.dtype:
                    region = f"{name}.{char}"
                    self.regions[region] = self.regions[f"params.{char}"]
                    home = Home(region, place.home.start)
                    self.states[path, name] = Place(home, value.shape, value.dtype)
                else:
                    region = f"state.{value.dtype.char}"
                    self.states[path, name] = self._add(region, value.shape, value.dtype)

    def gradient(self, path: str) -> Home:
        """Return where the gradient of a parameter lies."""
        place = self.arrays[path]
        return Home(f"gradient.{place.dtype.char}", place.home.start)

    def add(self, region: str, shape: tuple[int, ...], dtype: Any) -> Place:
        """Return a place behind what the region holds so far."""
        return self._add(region, shape, np.dtype(dtype))

    def _add(self, region: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Place:
        _, used = self.regions.get(region, (dtype, 0))
        place = Place(Home(region, used), shape, dtype)
        self.regions[region] = (dtype, place.stop)
        return place


def padded(size: int, dtype: np.dtype[Any]) -> int:
    """Return a number of elements that fills whole cache lines."""
    items = max(1, LINE // dtype.itemsize)
    return -(-size // items) * items
