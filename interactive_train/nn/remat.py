"""remat: forget what a part of a model computed, and compute it again in the backward pass.

It trades time for memory: between the two passes only the inputs and the output are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from interactive_train import tree
from interactive_train.autodiff.directional import attach
from interactive_train.autodiff.tape import backward, bare, is_nested, leaf
from interactive_train.autodiff.tensor import FLOATS, Tensor, as_tensor
from interactive_train.nn.context import Call, calling, current
from interactive_train.nn.module import modules
from interactive_train.runtime.errors import refusal


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return f with its intermediate values recomputed in the backward pass.

    Parameters
    ----------
    f : callable
        Of trees of arrays (a model among them), returning one array. What it differentiates
        must come in as an argument. Dropout draws the same numbers again.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If f uses a value under differentiation that is no argument of it.

    Examples
    --------
    >>> import numpy as np
    >>> import interactive_train as it
    >>> it.grad(remat(lambda x: (np.tanh(x) ** 2).sum()))(np.zeros(2))
    Tensor([0., 0.], dtype=float64)
    """

    def wrapped(*args: Any) -> Any:
        leaves, structure = tree.flatten(list(args))
        bases = [getattr(arg, "_path", "") for arg in args]
        marked = [i for i, x in enumerate(leaves) if x.dtype.char in FLOATS]
        inputs = tuple(as_tensor(leaves[i], "it.remat") for i in marked)
        if not any(t.node is not None for t in inputs):
            return f(*args)
        call = current()
        before = None if call is None else replace(call, written={})

        def again(values: list[Tensor], during: Call | None) -> tuple[Tensor, list[Tensor]]:
            points = [leaf(value) for value in values]
            filled = list(leaves)
            for position, point in zip(marked, points, strict=True):
                filled[position] = point
            parts = structure.unflatten(filled)
            for base, part in zip(bases, parts, strict=True):
                for path, module in modules(part):  # dropout draws by path
                    module.__dict__["_path"] = tree.join(base, path) if path else base
            if during is None:
                return as_tensor(f(*parts), "it.remat"), points
            with calling(during):
                return as_tensor(f(*parts), "it.remat"), points

        value, points = again([bare(t) for t in inputs], call)
        if is_nested(value, points):
            raise ValueError(
                refusal(
                    "it.remat",
                    "what is differentiated comes in as an argument",
                    "a function that also uses a value from outside",
                    "Pass the model or the array as an argument of the function.",
                )
            )

        def pull(position: int) -> Callable[..., Tensor]:
            def vjp(g: Tensor, y: Tensor, *values: Tensor) -> Tensor:
                during = None if before is None else replace(before, written={})
                output, fresh = again(list(values), during)
                (part,) = backward(output, g, [fresh[position]])
                return values[position] * 0.0 if part is None else part

            return vjp

        return attach(inputs, value.data, [pull(i) for i in range(len(inputs))])

    return wrapped
