"""Memory: the regions of a fit that all its tables share, and the traffic with the stepper.

`load` copies the stepper's arrays in when they are newer, `settle` copies them out when somebody
wants to see what recorded steps left. Which of the two is ahead is known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.program.program import Home
from interactive_train.training.recorded.prepared import Prepared

if TYPE_CHECKING:
    from interactive_train.training.step.stepper import Stepper


class Memory:
    """Parameters, moments, gradients and layer state of one fit.

    Attributes
    ----------
    regions : dict of str to ndarray
    ahead : bool
        Whether the regions hold what the stepper's arrays do not have yet.
    """

    def __init__(self) -> None:
        self.regions: dict[str, NDArray[Any]] = {}
        self.ahead = False
        self._loaded = -1  # the stepper's edition that the regions were equal to last

    def load(self, stepper: Stepper, prepared: Prepared) -> None:
        """Copy the stepper's arrays into the regions, if they are newer."""
        if self.ahead or self._loaded == stepper.edition:
            return
        layout = prepared.recording.layout
        for path, place in layout.arrays.items():
            self._put(place.home, stepper.arrays[path])
        for (path, name), place in layout.states.items():
            self._put(place.home, stepper.places()[path].state[name])
        take_numbers(prepared)
        self._loaded = stepper.edition

    def settle(self, stepper: Stepper, prepared: Prepared) -> None:
        """Copy what recorded steps left into the stepper's arrays and leaves."""
        if not self.ahead:
            return
        self.ahead = False
        leave_numbers(prepared)
        layout = prepared.recording.layout
        for path, place in layout.arrays.items():
            stepper.arrays[path] = self._at(place.home, place.shape)
        done: set[int] = set()
        for path, leaf in stepper.places().items():
            if id(leaf) in done or path not in layout.arrays:
                continue
            done.add(id(leaf))
            for name in list(leaf.state):
                own = layout.states.get((path, name))
                if own is not None:
                    home = _shared_home(prepared, path, name) or own.home
                    array = self._at(home, own.shape)
                    array.flags.writeable = False
                    leaf.state[name] = array
        self._loaded = stepper.edition

    def gradients(self, prepared: Prepared) -> dict[str, NDArray[Any]]:
        """Return copies of the last step's gradients by path."""
        layout = prepared.recording.layout
        return {
            path: self._at(layout.gradient(path), layout.arrays[path].shape)
            for group in prepared.recording.groups
            for path in group
        }

    def _put(self, home: Home, array: NDArray[Any]) -> None:
        self.regions[home.region][home.start : home.start + array.size] = array.reshape(-1)

    def _at(self, home: Home, shape: tuple[int, ...]) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=np.int64))
        return self.regions[home.region][home.start : home.start + size].reshape(shape).copy()


def leave_numbers(prepared: Prepared) -> None:
    """Write the numbers that a table kept into the leaves whose state they are."""
    cells = prepared.regions["cells"]
    for leaves, name, cell in prepared.recording.kept:
        for leaf in leaves:
            leaf.state[name] = type(leaf.state[name])(cells[cell])


def take_numbers(prepared: Prepared) -> None:
    """Read them from there, for a table that goes on."""
    for leaves, name, cell in prepared.recording.kept:
        value = float(leaves[0].state[name])
        prepared.regions["cells"][cell] = value
        prepared.regions["single"][cell] = value


def _shared_home(prepared: Prepared, path: str, name: str) -> Home | None:
    """Return where a group keeps a number-like array of the state, at its first member."""
    layout = prepared.recording.layout
    if layout.states[path, name].shape == layout.arrays[path].shape:
        return None
    for group in prepared.recording.groups:
        if path in group:
            return layout.states[group[0], name].home
    return None
