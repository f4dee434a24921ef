"""Norms of gradients: of one array, of many, and of trees; and clipping a tree by its norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.runtime.checks import real_number
from interactive_train.runtime.errors import refusal


def root_of_squares(arrays: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of all numbers in some arrays, a 0-d float64 Tensor.

    Squares are taken and summed in float64, so that no finite float32 overflows.
    """
    total = Tensor.wrap(np.zeros(()))
    for array in arrays:
        if array.size:
            total = total + np.sum(np.square(array.astype(np.float64)))
    root: Tensor = OPERATIONS["sqrt"](total)
    return root


def global_norm(grads: Any) -> float:
    """Return the Euclidean norm of all numbers in a tree of gradients.

    Parameters
    ----------
    grads : tree
        Floating arrays; None stands for no gradient. An object that stands at two places counts
        once. Summed in float64.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        For integers; names the path.

    Examples
    --------
    >>> global_norm({"w": np.array([3.0, 4.0]), "b": np.array([0.0]), "frozen": None})
    5.0
    """
    return math.sqrt(math.fsum(_squares(grads, "optim.global_norm").values()))


def clip_by_global_norm(max_norm: float, grads: Any) -> Any:
    """Return a tree of gradients whose global norm is at most `max_norm`.

    g <- g max_norm / n for a norm n above `max_norm`; otherwise `grads` itself.

    Parameters
    ----------
    max_norm : float
        Above 0.
    grads : tree
        As in `global_norm`, which tells the norm.

    Raises
    ------
    TypeError
        For integers; names the path.
    ValueError
        For a `max_norm` that is not above 0.
    FloatingPointError
        If the norm is not finite; names the first path that is to blame.

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks. 2013.

    Examples
    --------
    >>> clip_by_global_norm(2.5, {"w": np.array([3.0, 4.0])})
    {'w': array([1.5, 2. ])}
    """
    where = "optim.clip_by_global_norm"
    limit = real_number(
        max_norm,
        "max_norm",
        where,
        low=0.0,
        open_low=True,
        fix="It comes first: clip_by_global_norm(1.0, grads).",
    )
    squares = _squares(grads, where)
    norm = math.sqrt(math.fsum(squares.values()))
    if not math.isfinite(norm):
        path, square = next((p, s) for p, s in squares.items() if not math.isfinite(s))
        raise FloatingPointError(
            refusal(
                where,
                "the gradients must be finite",
                f"a norm of {math.sqrt(square)} at {path!r}",
                "Skip this step, or look for the cause with a smaller learning rate.",
            )
        )
    if norm <= limit:
        return grads
    factor = limit / norm
    return tree.map(lambda g: g * g.dtype.type(factor), grads)


def _squares(grads: Any, where: str) -> dict[str, float]:
    """Return each path's sum of squares."""
    found: dict[str, float] = {}
    for path, g in tree.flatten_with_paths(grads):
        if g.dtype.kind != "f":
            raise TypeError(
                refusal(where, "gradients are floating", f"{g.dtype} at {path!r}", "See it.grad.")
            )
        array = g.data if isinstance(g, Tensor) else np.asarray(g)
        with np.errstate(over="ignore", invalid="ignore"):
            found[path] = float(np.multiply(array, array, dtype=np.float64).sum())
    return found
