"""Where indexed pipelines begin: arrays, a list, a function of the index, one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.data.stage import Indices, Stage
from interactive_train.runtime.checks import function, name_of, shown, whole_number
from interactive_train.runtime.errors import refusal


class _Indexed(Stage):
    """A source whose elements are samples that can be taken in any order, pass after pass."""

    indexed = True
    one_shot = False
    unit = True


class ArraySource(_Indexed):
    """Rows of one array, or tuples of rows of several arrays of equal length.

    The arrays are held, not copied: whoever changes them changes the data. (Rows that
    do not lie one after the other in memory are copied once, here, since ``np.take``
    would copy the whole array for every batch.) Batches are gathered with one
    ``np.take`` per array into new arrays.
    """

    def __init__(self, arrays: Sequence[object], where: str) -> None:
        if not arrays:
            raise TypeError(refusal(where, "there must be an array", "none", "Give x, or x and y."))
        self.arrays = tuple(
            _column(array, argument_name(i), where) for i, array in enumerate(arrays)
        )
        self.size: int = len(self.arrays[0])
        for i, array in enumerate(self.arrays):
            if len(array) != self.size:
                raise ValueError(
                    refusal(
                        where,
                        "the arrays must have equal first dimensions",
                        f"{argument_name(0)} with {self.size} rows and "
                        f"{argument_name(i)} with {len(array)}",
                        "Give one row of each per example.",
                    )
                )
        columns = ", ".join(f"{a.dtype}{list(a.shape)}" for a in self.arrays)
        self.text = f"Data.from_arrays({columns})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the rows with these indices."""
        if len(self.arrays) == 1:
            return list(np.take(self.arrays[0], indices, axis=0))
        columns = [np.take(array, indices, axis=0) for array in self.arrays]
        return list(zip(*columns, strict=True))

    def take_stacked(self, pass_index: int, indices: Indices) -> Any:
        """Return them stacked, gathered in one go."""
        columns = tuple(np.take(array, indices, axis=0) for array in self.arrays)
        return columns if len(columns) > 1 else columns[0]


class ListSource(_Indexed):
    """The items of a list, as they are. The list is copied, its items are not."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = tuple(items)
        self.size: int = len(self.items)
        self.text = f"Data.from_list([{self.size} items])"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the items with these indices."""
        return [self.items[i] for i in indices]


class FunctionSource(_Indexed):
    """``f(0), ..., f(n - 1)``, computed anew on every pass."""

    def __init__(self, n: object, f: object, where: str) -> None:
        self.size: int = whole_number(n, "n", where, low=0)
        self.f: Callable[[int], Any] = function(
            f, "f", where, fix=f"Write {where}(n, f), f a function of the index."
        )
        self.text = f"Data.from_fn({self.size}, {name_of(self.f)})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return what the function makes of these indices."""
        return [self.f(int(i)) for i in indices]


class RepeatSource(_Indexed):
    """One value, n times."""

    def __init__(self, n: object, value: object, where: str) -> None:
        self.size: int = whole_number(n, "n", where, low=0)
        self.value = value
        self.text = f"Data.repeat_value({self.size}, ...)"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the value as often as there are indices."""
        return [self.value] * len(indices)


def argument_name(index: int) -> str:
    """Return what messages call the array with this index: x, y, array 3, ..."""
    return ("x", "y")[index] if index < 2 else f"array {index + 1}"


def _column(value: object, name: str, where: str) -> NDArray[Any]:
    """Return an array-like with rows as an array that holds plain numbers or text."""
    fix = "Give an array (or list of numbers, Series, DataFrame) with one row per example."
    if isinstance(value, (tuple, dict)):
        fix = "Give the arrays themselves, one by one: x, y."
        raise TypeError(refusal(where, f"{name} must be an array", shown(value), fix))
    if isinstance(value, np.ma.MaskedArray):
        fix = "Fill or leave out what is masked first, for example with x.filled(0)."
        raise TypeError(refusal(where, f"{name} must be a plain array", "a masked one", fix))
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            refusal(where, f"{name} must be an array of equal rows", str(error), fix)
        ) from error
    if array.ndim == 0 or array.dtype.kind == "O":
        got = f"{shown(value)}" if array.ndim == 0 else f"{type(value).__name__} of objects"
        raise TypeError(refusal(where, f"{name} must be an array with rows", got, fix))
    return np.ascontiguousarray(array)
