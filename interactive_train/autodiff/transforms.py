"""Transforms over the tape: functions in, functions out.

`value_and_grad` is the one that works; `grad` and `vjp` are read off it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tape import backward, bare, is_nested, leaf, walk
from interactive_train.autodiff.tensor import FLOATS, Tensor, as_tensor
from interactive_train.runtime.errors import refusal


def value_and_grad(
    f: Callable[..., Any], has_aux: bool = False, *, zero: bool = True
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes f and its gradient for the first argument.

    Parameters
    ----------
    f : callable
        ``f(params, *args) -> loss``, a floating scalar; with `has_aux`, ``(loss, aux)``.
        `params` is any tree of arrays: a model, a dict, a list, one array.
    has_aux : bool
        Whether f returns something beside the loss.
    zero : bool
        For a `Duplicated` model: clear its buffers before they receive the gradient; else
        the gradient is added to what they hold.

    Returns
    -------
    callable
        ``(loss, grads)`` or ``((loss, aux), grads)``. `grads` has the structure of
        `params`; each floating leaf is a Tensor, or None where the loss does not depend on it.

    Raises
    ------
    TypeError
        If the loss is no floating scalar, or no array of `params` is floating.

    Examples
    --------
    >>> loss, grads = value_and_grad(lambda p: np.sum(p["w"] ** 2))({"w": np.array([1.0, 3.0])})
    >>> float(loss), grads
    (10.0, {'w': Tensor([2., 6.], dtype=float64)})
    """

    def transformed(params: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        leaves, structure = tree.flatten(params)
        lifted, marked = lift(leaves)
        if not marked:
            raise TypeError(
                refusal(
                    "it.value_and_grad",
                    "the first argument holds at least one floating array",
                    f"{type(params).__name__} without one",
                    "Give arrays such as np.array(2.0), of float32 or float64.",
                )
            )
        result = f(structure.unflatten(lifted), *args, **kwargs)
        loss, aux = split_aux(result, has_aux)
        points = [lifted[i] for i in marked]
        gradients, nested = walk(loss, _one(loss), points)
        if not nested:  # who keeps a loss shall not keep its whole step
            loss = bare(loss)
        if has_aux:
            aux = _without_history(aux, points)
        slots: list[Tensor | None] = [None] * len(leaves)
        for position, gradient in zip(marked, gradients, strict=True):
            slots[position] = gradient
        grads = structure.unflatten(slots)
        receive = getattr(params, "receive_gradients", None)
        if receive is not None:
            receive(dict(zip(structure.paths, slots, strict=True)), zero)
        return ((loss, aux) if has_aux else loss), grads

    return transformed


def _without_history(aux: Any, points: list[Tensor]) -> Any:
    """Return aux with bare Tensors, but where an outer gradient listens."""
    try:
        leaves, structure = tree.flatten(aux)
    except ValueError:  # no tree, say a dict with numbers for keys: returned as it is
        return aux
    if not any(isinstance(x, Tensor) and x.node is not None for x in leaves):
        return aux
    kept = [bare(x) if isinstance(x, Tensor) and not is_nested(x, points) else x for x in leaves]
    return structure.unflatten(kept)


def lift(leaves: list[Any]) -> tuple[list[Any], list[int]]:
    """Make every floating leaf a fresh point to differentiate at; say which ones those are."""
    lifted: list[Any] = []
    marked: list[int] = []
    for position, value in enumerate(leaves):
        if value.dtype.char not in FLOATS:
            lifted.append(value)
            continue
        marked.append(position)
        lifted.append(leaf(as_tensor(value, "it.grad")))
    return lifted, marked


def split_aux(result: Any, has_aux: bool) -> tuple[Tensor, Any]:
    """Check what a loss function returned and take it apart."""
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                refusal(
                    "it.value_and_grad",
                    "with has_aux=True the function returns (loss, aux)",
                    type(result).__name__,
                    "Return a tuple of two.",
                )
            )
        loss, aux = result
    else:
        loss, aux = result, None
    return scalar_loss(loss, "it.value_and_grad"), aux


def scalar_loss(loss: Any, where: str) -> Tensor:
    """Return the loss as a scalar Tensor, or refuse it."""
    if isinstance(loss, tuple):
        raise TypeError(
            refusal(where, "the loss is one scalar", "a tuple", "For extras use has_aux=True.")
        )
    if loss is None:
        raise TypeError(
            refusal(where, "the loss function returns the loss", "None", "Is a return missing?")
        )
    tensor = loss if isinstance(loss, Tensor) else as_tensor(loss, where)
    if tensor.size != 1 or tensor.dtype.char not in FLOATS:
        raise TypeError(
            refusal(
                where,
                "the loss is one floating number",
                f"shape {tensor.shape}, {tensor.dtype}",
                "Reduce it, for example with np.mean.",
            )
        )
    return tensor


def grad(f: Callable[..., Any], has_aux: bool = False, *, zero: bool = True) -> Callable[..., Any]:
    """Return a function that computes the gradient of f for its first argument.

    Parameters
    ----------
    f : callable
    has_aux, zero : bool
        See `value_and_grad`; with `has_aux` the result is ``(grads, aux)``.

    Returns
    -------
    callable

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0 * np.ones(()))
    Tensor(12., dtype=float64)
    >>> grad(grad(lambda x: x**3))(2.0 * np.ones(()))
    Tensor(12., dtype=float64)
    """
    both = value_and_grad(f, has_aux, zero=zero)

    def transformed(params: Any, *args: Any, **kwargs: Any) -> Any:
        value, grads = both(params, *args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return transformed


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Tensor, Callable[[Any], tuple[Any, ...]]]:
    """Return f(*primals) and the function that pulls a cotangent back to the primals.

    Parameters
    ----------
    f : callable
        Of arrays, returning one array.
    *primals : array_like
        Floating arrays.

    Returns
    -------
    (Tensor, callable)
        The callable takes an array of the result's shape, and returns one gradient
        per primal, None where there is no dependence.

    Raises
    ------
    ValueError
        By the callable, if the cotangent has another shape.

    Examples
    --------
    >>> y, pull = vjp(lambda a, b: a * b, np.array([2.0]), np.array([5.0]))
    >>> pull(np.array([1.0]))
    (Tensor([5.], dtype=float64), Tensor([2.], dtype=float64))
    """
    lifted = [leaf(as_tensor(p, "it.vjp")) for p in primals]
    result = as_tensor(f(*lifted), "it.vjp")

    def pull(cotangent: Any) -> tuple[Any, ...]:
        seed = as_tensor(cotangent, "it.vjp")
        if seed.shape != result.shape:
            raise ValueError(
                refusal(
                    "it.vjp",
                    f"the cotangent has the result's shape {result.shape}",
                    f"{seed.shape}",
                    "It weighs each element of the result.",
                )
            )
        return tuple(backward(result, seed, lifted))

    return result, pull


def stop_gradient(x: Any) -> Tensor:
    """Return the value of x as a constant: no gradient flows through it.

    Examples
    --------
    >>> grad(lambda x: x * stop_gradient(x))(np.array(3.0))
    Tensor(3., dtype=float64)
    """
    return bare(x) if isinstance(x, Tensor) else Tensor(x)


def _one(loss: Tensor) -> Tensor:
    return Tensor.wrap(np.ones(loss.shape, loss.dtype))
