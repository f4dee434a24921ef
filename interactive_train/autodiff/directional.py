"""Derivatives along a direction: J v and H v, made of reverse passes.

A reverse pass u -> J^T u is linear in u, so its own gradient in the direction v is J v;
no second set of rules is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tape import Node, backward, bare, leaf
from interactive_train.autodiff.tensor import Tensor, as_tensor
from interactive_train.autodiff.transforms import grad, vjp
from interactive_train.runtime.errors import refusal


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    """Return f(*primals) and its derivative along `tangents`.

    Parameters
    ----------
    f : callable
        Of arrays, returning one array.
    primals, tangents : sequences of array_like
        Of equal length and shapes, floating.

    Returns
    -------
    (Tensor, Tensor)
        Of the result's shape.

    Raises
    ------
    ValueError
        If a tangent has another shape than its primal.

    Examples
    --------
    >>> jvp(lambda x: x**2, [np.array(3.0)], [np.array(1.0)])
    (Tensor(9., dtype=float64), Tensor(6., dtype=float64))
    """
    points = [as_tensor(p, "it.jvp") for p in primals]
    directions = [as_tensor(t, "it.jvp") for t in tangents]
    shapes = [p.shape for p in points], [t.shape for t in directions]
    if shapes[0] != shapes[1]:
        raise ValueError(
            refusal(
                "it.jvp",
                "primals and tangents are lists of arrays of equal shapes",
                f"{shapes[0]} and {shapes[1]}",
                "Give one tangent per primal.",
            )
        )
    value, pull = vjp(f, *points)
    seed = leaf(Tensor.wrap(np.zeros(value.shape, value.dtype)))
    total: Any = None
    for part, direction in zip(pull(seed), directions, strict=True):
        if part is not None:
            term = (part * direction).sum()
            total = term if total is None else total + term
    derivative = None
    if total is not None:
        (derivative,) = backward(total, Tensor.wrap(np.ones((), total.dtype)), [seed])
    if derivative is None:
        derivative = Tensor.wrap(np.zeros(value.shape, value.dtype))
    outer = any(p.node is not None for p in points)
    return (value, derivative) if outer else (bare(value), bare(derivative))


def hvp(f: Callable[[Any], Any], params: Any, direction: Any) -> Any:
    """Return the Hessian of f at `params`, times `direction`.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``.
    params, direction : tree
        Of one structure.

    Returns
    -------
    tree
        Like `params`; None where the Hessian has no entry.

    Raises
    ------
    KeyError
        If `direction` lacks a path of `params`.

    Examples
    --------
    >>> hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    Tensor([6., 0.], dtype=float64)
    """

    def along(p: Any) -> Any:
        grads = grad(f)(p)
        total: Any = 0.0
        for path, _ in tree.flatten_with_paths(p):
            g = tree.get(grads, path, "it.hvp")
            if g is not None:
                total = total + (g * tree.get(direction, path, "it.hvp, direction")).sum()
        return total if isinstance(total, Tensor) else Tensor.wrap(np.zeros(()))

    return grad(along)(params)


def custom_vjp(
    f: Callable[..., Any], gradient: Callable[..., Sequence[Any]]
) -> Callable[..., Tensor]:
    """Return f with a gradient of one's own.

    Parameters
    ----------
    f : callable
        Of arrays, returning one array; it may compute as it likes, NumPy included.
    gradient : callable
        ``gradient(g, y, *inputs)`` returns one gradient per input, or None for it, where g is the
        gradient of the result y. Written with engine operations it is differentiable in turn.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        In the backward pass, if a gradient has another shape than its input, or one is missing.

    Examples
    --------
    >>> clipped = custom_vjp(lambda x: x * 1.0, lambda g, y, x: (np.clip(g, -1.0, 1.0),))
    >>> grad(lambda x: (clipped(x) * 5.0).sum())(np.array([1.0, 2.0]))
    Tensor([1., 1.], dtype=float64)
    """

    def one(position: int) -> Callable[..., Tensor]:
        def pull(g: Tensor, y: Tensor, *inputs: Tensor) -> Tensor:
            parts = gradient(g, y, *inputs)
            if not isinstance(parts, (tuple, list)) or len(parts) != len(inputs):
                raise ValueError(
                    refusal(
                        "it.custom_vjp",
                        f"the gradient returns a tuple of {len(inputs)}",
                        type(parts).__name__,
                        "One per input; None for an input without a gradient.",
                    )
                )
            part = parts[position]
            if part is None:
                return Tensor.wrap(np.zeros(inputs[position].shape, inputs[position].dtype))
            tensor = as_tensor(part, "it.custom_vjp")
            if tensor.shape != inputs[position].shape:
                raise ValueError(
                    refusal(
                        "it.custom_vjp",
                        f"gradient {position} has the input's shape {inputs[position].shape}",
                        str(tensor.shape),
                    )
                )
            return tensor

        return pull

    def wrapped(*args: Any) -> Tensor:
        inputs = tuple(as_tensor(a, "it.custom_vjp") for a in args)
        value = as_tensor(f(*[bare(t) for t in inputs]), "it.custom_vjp").data
        if not any(t.node is not None for t in inputs):
            return Tensor.wrap(value)
        return attach(inputs, value, [one(i) for i in range(len(inputs))])

    return wrapped


def attach(inputs: tuple[Tensor, ...], value: Any, vjps: Sequence[Callable[..., Tensor]]) -> Tensor:
    """Return a value whose gradients go back to `inputs` by `vjps`."""
    return Tensor.wrap(value, Node(inputs, value, vjps, {}))
