"""Surfaces to race on: functions of two numbers with the names that the field gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import did_you_mean, refusal

Range = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    """A function of x and y, and where it is looked at.

    Attributes
    ----------
    f : callable
        ``f(x, y) -> height``, of Tensors and arrays alike.
    x, y : (float, float)
        The part that is drawn.
    start : (float, float)
        Where a race begins unless told otherwise.
    minima : tuple of (float, float)
        Known ones, marked in the picture.
    """

    name: str
    f: Callable[[Any, Any], Any]
    x: Range = (-3.0, 3.0)
    y: Range = (-3.0, 3.0)
    start: Range = (-2.0, 2.0)
    minima: tuple[Range, ...] = ()


SURFACES = {
    "rosenbrock": Surface(
        "Rosenbrock's valley",
        lambda x, y: (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2,
        (-2.0, 2.0),
        (-1.0, 3.0),
        (-1.5, 2.5),
        ((1.0, 1.0),),
    ),
    "himmelblau": Surface(
        "Himmelblau's four pits",
        lambda x, y: (x**2 + y - 11.0) ** 2 + (x + y**2 - 7.0) ** 2,
        (-5.5, 5.5),
        (-5.5, 5.5),
        (-0.3, -0.8),
        ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)),
    ),
    "beale": Surface(
        "Beale's plateau",
        lambda x, y: (
            (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
        ),
        (-2.0, 4.5),
        (-2.0, 2.0),
        (1.0, 1.6),
        ((3.0, 0.5),),
    ),
    "saddle": Surface(
        "A saddle",
        lambda x, y: x**2 - y**2 + 0.1 * y**4,
        (-2.5, 2.5),
        (-3.0, 3.0),
        (-2.0, 0.02),
        ((0.0, 5.0**0.5), (0.0, -(5.0**0.5))),
    ),
}


def surface(given: object, where: str, x: Range | None = None, y: Range | None = None) -> Surface:
    """Return a surface by its name, or around a function ``f(x, y)``.

    Raises
    ------
    TypeError, ValueError
        If there is none of that name, or it is neither name nor function.
    """
    if isinstance(given, Surface):
        found = given
    elif callable(given):
        found = Surface(getattr(given, "__name__", "surface").replace("<lambda>", "surface"), given)
    elif isinstance(given, str):
        if given not in SURFACES:
            raise ValueError(
                refusal(where, "surface must be known", repr(given), did_you_mean(given, SURFACES))
            )
        found = SURFACES[given]
    else:
        raise TypeError(
            refusal(
                where,
                "surface is a name or a function of x and y",
                type(given).__name__,
                "Write lambda x, y: x**2 + 10 * y**2.",
            )
        )
    return Surface(found.name, found.f, x or found.x, y or found.y, found.start, found.minima)


def heights(f: Callable[[Any, Any], Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the heights over a grid, shape (len(y), len(x)); NaN where they are not finite."""
    grid = np.meshgrid(x, y)
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(f(*grid), dtype=np.float64)
        except (TypeError, ValueError):  # a function of single numbers
            found = np.array([[float(f(a, b)) for a in x] for b in y])
    found = np.broadcast_to(found, grid[0].shape)
    return np.where(np.isfinite(found), found, np.nan)
