"""A model as one vector and back: for solvers, samplers and line searches that want a vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.nn.module import declared, trainables
from interactive_train.runtime.checks import shown
from interactive_train.runtime.errors import refusal


class Rebuild:
    """From a vector to a model: ``rebuild(vector)``; ``len(rebuild)`` is the vector's length.

    Each array gets its own shape and type, tied ones are tied again, and what does not train is the
    original model's.

    Attributes
    ----------
    paths : tuple of str
        Of the arrays, in the order of the vector.
    """

    def __init__(self, model: Any) -> None:
        self._leaves, self._structure = tree.flatten(model)
        pairs = trainables(model, paths=True)
        self.paths = tuple(path for path, _ in pairs)
        self._specs = [(leaf.shape, np.dtype(leaf.dtype)) for _, leaf in pairs]
        self._size: int = sum(math.prod(shape) for shape, _ in self._specs)

    def __len__(self) -> int:
        return self._size

    def __call__(self, vector: Any) -> Any:
        """Return the model with the numbers of a vector.

        Parameters
        ----------
        vector : ndarray or Tensor
            Of shape ``(len(rebuild),)``. From a Tensor comes a model of Tensors, through which
            gradients flow back to the vector.

        Raises
        ------
        ValueError
            For another shape.
        """
        flat = vector if isinstance(vector, Tensor) else np.asarray(vector)
        if flat.shape != (self._size,) or flat.dtype.kind != "f":
            raise (ValueError if flat.dtype.kind == "f" else TypeError)(
                refusal(
                    "rebuild",
                    f"needs a floating vector of length {self._size}",
                    f"shape {flat.shape}, {flat.dtype}" if flat.dtype != object else shown(vector),
                    "Its order is that of rebuild.paths.",
                )
            )
        found: dict[str, Any] = {}
        start = 0
        for path, (shape, dtype) in zip(self.paths, self._specs, strict=True):
            stop = start + math.prod(shape)
            part = flat[start:stop].reshape(shape)
            start = stop
            if isinstance(part, Tensor):
                found[path] = part if part.dtype == dtype else part.astype(dtype)
            else:
                found[path] = np.array(part, dtype)
        return self._structure.unflatten(
            [
                found.get(path, leaf)
                for path, leaf in zip(self._structure.paths, self._leaves, strict=True)
            ]
        )

    def __repr__(self) -> str:
        return f"Rebuild({len(self.paths)} arrays, {self._size} numbers)"


def destructure(model: Any) -> tuple[Any, Rebuild]:
    """Return a model's trainable numbers as one vector, and the way back.

    Parameters
    ----------
    model : tree
        Tied arrays stand once in the vector. Of Tensors, as within a gradient, the vector is a
        Tensor too, and gradients flow through it.

    Returns
    -------
    (ndarray or Tensor, Rebuild)
        The vector, a copy, in the widest type of the arrays, and a function ``rebuild(vector)``.

    Raises
    ------
    ValueError
        If the model is not filled yet.

    Examples
    --------
    >>> flat, rebuild = destructure({"w": np.array([[1.0, 2.0]]), "b": np.array([3.0])})
    >>> flat
    array([1., 2., 3.])
    >>> rebuild(flat * 10)
    {'w': array([[10., 20.]]), 'b': array([30.])}
    """
    if missing := declared(model):
        raise ValueError(
            refusal(
                "it.destructure",
                "the model must be filled",
                f"only a declaration at {missing[0][0]!r}",
                "Call model = it.init(model, seed=0) first.",
            )
        )
    leaves = trainables(model)
    if any(isinstance(leaf, Tensor) for leaf in leaves):
        flat: Any = OPERATIONS["concatenate"]([leaf.reshape((-1,)) for leaf in leaves])
    elif leaves:
        flat = np.concatenate([np.asarray(leaf).reshape(-1) for leaf in leaves])
    else:
        flat = np.zeros(0, np.float32)
    return flat, Rebuild(model)
