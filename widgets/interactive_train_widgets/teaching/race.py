"""A race of optimisers on a surface: each rule of the library walks from the same start. Pure.

The walk is the library's own: gradients by its tape, steps by its rules, in float64. Equal
arguments give equal tracks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interactive_train import optim
from interactive_train.autodiff import value_and_grad
from interactive_train.optim import Rule

FAR = 1e4  # a point that is farther away has left for good


class Track(NamedTuple):
    """Where a rule went: points of shape (steps + 1, 2) and their heights; NaN once it has left."""

    points: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def length(self) -> int:
        """Steps until it left, or all."""
        return int(np.isfinite(self.values).sum()) - 1


def track(
    f: Callable[[Any, Any], Any],
    rule: Rule,
    start: tuple[float, float],
    steps: int,
    lr: float | None = None,
) -> Track:
    """Return the track of one rule.

    Parameters
    ----------
    f : callable
        ``f(x, y)``, written with operators and NumPy's functions.
    rule : Rule
    start : (float, float)
    steps : int
    lr : float, optional
        Instead of the rule's own.

    Examples
    --------
    >>> found = track(lambda x, y: x**2 + y**2, optim.SGD(0.25), (4.0, 0.0), 3)
    >>> found.points[:, 0], found.values
    (array([4. , 2. , 1. , 0.5]), array([16.  ,  4.  ,  1.  ,  0.25]))
    """
    place = {"point": np.array(start, dtype=np.float64)}
    state = optim.setup(rule, place)
    if lr is not None:
        optim.adjust(state, lr=lr)
    slope = value_and_grad(lambda p: f(p["point"][0], p["point"][1]))
    points = np.full((steps + 1, 2), np.nan)
    values = np.full(steps + 1, np.nan)
    with np.errstate(all="ignore"):
        for step in range(steps + 1):
            height, grads = slope(place)
            value = float(height)
            if not np.isfinite(value) or np.abs(place["point"]).max() > FAR:
                break
            points[step], values[step] = place["point"], value
            if step == steps or not np.isfinite(np.asarray(grads["point"])).all():
                break
            try:
                optim.update(state, place, grads)
            except FloatingPointError:  # a rule that guards its norms
                break
    return Track(points, values)
