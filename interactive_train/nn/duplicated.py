"""Duplicated: a model paired with gradient buffers of the same shapes, refilled in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.nn.module import trainables
from interactive_train.runtime.errors import refusal


class Duplicated:
    """A model and a tree of gradients like it.

    ``it.train(loss, it.Duplicated(model), data, opt_state)`` leaves the gradient of every step
    in `grads`; ``it.grad(f)(duplicated)`` fills it as well, and with ``zero=False`` adds to it. An
    optimiser state of the plain model serves.

    Parameters
    ----------
    model : tree
        Filled.

    Attributes
    ----------
    model : tree
    grads : tree
        Like the model; the same ndarrays for ever. A leaf that got no gradient holds zeros.

    Examples
    --------
    >>> import interactive_train as it
    >>> pair = Duplicated({"w": np.array([1.0, 2.0])})
    >>> _ = it.grad(lambda m: (m["w"] ** 2).sum())(pair)
    >>> pair.grads
    {'w': array([2., 4.])}
    """

    def __init__(self, model: Any) -> None:
        if isinstance(model, Duplicated):
            raise TypeError(refusal("it.Duplicated", "pairs a plain model", "a Duplicated", ""))
        if not trainables(model):
            raise ValueError(
                refusal(
                    "it.Duplicated",
                    "the model holds trainable arrays",
                    type(model).__name__,
                    "Fill it first: model = it.init(model, seed=0).",
                )
            )
        self.model = model
        self.grads = tree.zeros_like(model)

    def __call__(self, *inputs: Any) -> Any:
        """Run the model."""
        return self.model(*inputs)

    def tree_children(self) -> tree.Children:
        """Return the parts of the model: paths are those of the plain model."""
        return tree.children(self.model) or []

    def tree_rebuild(self, parts: Sequence[Any], path: str) -> Any:
        """Return a plain model with other parts."""
        return tree.rebuild(self.model, parts, path)

    def receive_gradients(self, gradients: dict[str, Any], zero: bool) -> None:
        """Take the gradients that `it.grad` found."""
        self.fill(gradients, zero)

    def fill(self, gradients: dict[str, Any], zero: bool = True) -> None:
        """Write gradients by path into the buffers, or add them with ``zero=False``."""
        for path, buffer in tree.flatten_with_paths(self.grads):
            if zero:
                buffer[...] = 0.0
            if gradients.get(path) is not None:
                buffer += np.asarray(gradients[path])

    def __repr__(self) -> str:
        squares = sum(float(np.sum(np.square(g))) for g in tree.flatten(self.grads)[0])
        return f"Duplicated({self.model!r})  # norm of the gradient {squares**0.5:.4g}"


def plain(model: Any) -> Any:
    """Return the model of a Duplicated, anything else as it is."""
    return model.model if isinstance(model, Duplicated) else model
