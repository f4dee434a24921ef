"""What an element of data is: how it is handed to a function, and how several become a batch.

An element that is a tuple is splatted, anything else is one argument;
everywhere in the package. Stacking follows the same structure: tuples and dicts
of arrays become tuples and dicts of stacked arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import shown
from interactive_train.runtime.errors import refusal


def call_with(f: Callable[..., Any], element: object, *before: object, **options: object) -> Any:
    """Call `f` with an element: splatted if it is a tuple, else as one argument.

    Examples
    --------
    >>> call_with(max, (3, 5)), call_with(max, [3, 5])
    (5, 5)
    """
    if isinstance(element, tuple):
        return f(*before, *element, **options)
    return f(*before, element, **options)


def stack(elements: Sequence[Any], where: str = "Data.batch") -> Any:
    """Stack elements on a new first axis.

    Parameters
    ----------
    elements : sequence
        At least one; all arrays (or numbers) of one shape, all tuples of one length,
        or all dicts with the same keys, whose parts stack.
    where : str
        The call, for the message.

    Returns
    -------
    ndarray, tuple or dict
        As the elements are; new arrays.

    Raises
    ------
    TypeError
        If an element is nothing that an array can hold.
    ValueError
        If the elements differ in structure or shape.

    Examples
    --------
    >>> stack([(1.0, 0), (2.0, 1)])
    (array([1., 2.]), array([0, 1]))
    """
    first = elements[0]
    if isinstance(first, tuple):
        _alike(elements, where, lambda e: isinstance(e, tuple) and len(e) == len(first), "tuples")
        parts = [stack([e[i] for e in elements], where) for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if isinstance(first, dict):
        _alike(elements, where, lambda e: isinstance(e, dict) and e.keys() == first.keys(), "dicts")
        return {key: stack([e[key] for e in elements], where) for key in first}
    arrays = [_array(element, where) for element in elements]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                refusal(
                    where,
                    "elements of a batch have one shape",
                    f"{arrays[0].shape} and, {i} further, {array.shape}",
                    "Pad them with map, or give collate=list.",
                )
            )
    return np.stack(arrays)


def iterable_of(value: object, where: str) -> Iterable[Any]:
    """Return `value` if it gives elements in an order, or refuse it.

    Raises
    ------
    TypeError
        If it cannot be iterated, or is a text, a dict or a set.
    """
    if isinstance(value, (str, bytes, dict, set, frozenset)) or not (
        hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    ):
        raise TypeError(
            refusal(
                where,
                "data must be arrays (x, y), it.Data, a list of elements or another iterable",
                shown(value),
                "Use for example it.batches(x, y, batch_size=64).",
            )
        )
    return cast(Iterable[Any], value)


def _array(element: object, where: str) -> NDArray[Any]:
    """Return one element, or part of one, as an array that holds plain numbers or text."""
    try:
        array = np.asarray(element)
    except ValueError:  # a ragged list
        array = np.asarray(None)
    if array.dtype.kind == "O":
        raise TypeError(
            refusal(
                where,
                "elements stack if they are arrays, numbers, or tuples or dicts of these",
                shown(element),
                "Give collate=list, or a function that makes a batch of a list of elements.",
            )
        )
    return array


def _alike(
    elements: Sequence[Any], where: str, same: Callable[[Any], bool], structure: str
) -> None:
    """Refuse elements that are not all built as the first one is."""
    for element in elements:
        if not same(element):
            raise ValueError(
                refusal(
                    where,
                    f"elements of a batch are alike; the first ones are {structure} "
                    f"of {len(elements[0])}",
                    shown(element),
                    "Make them alike with map, or give collate=list.",
                )
            )
