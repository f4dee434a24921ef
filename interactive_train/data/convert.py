"""What a trainer does first with the data it is given: make it `Data`, insist on elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from interactive_train.data.elements import iterable_of
from interactive_train.data.pipeline import Data
from interactive_train.data.prepare import prepared
from interactive_train.runtime.errors import refusal


def as_data(
    value: Any,
    where: str,
    *,
    batch_size: int | None = None,
    shuffle: int | None = None,
    drop_last: bool = True,
) -> Data:
    """Return anything that one may train on as `Data`.

    ============================  ==================================================
    `Data`                        itself
    an array, a DataFrame         `batches` of its rows
    a tuple with arrays in it     `batches` of these columns, ``(x, y)``
    any other list or tuple       its items are the elements
    any other iterable            its items, asked anew each pass; iterators pass once
    ============================  ==================================================

    Parameters
    ----------
    value : object
        As in the table. pandas objects count as arrays.
    where : str
        The call that received it, for the message.
    batch_size, shuffle, drop_last
        As in `batches`, for arrays (64 rows, or all of fewer, when omitted); anything else is
        batched already.

    Raises
    ------
    TypeError
        If `value` is nothing that gives elements, or `batch_size` or `shuffle` come with
        something else than arrays.

    Examples
    --------
    >>> import numpy as np
    >>> as_data((np.zeros((100, 2)), np.zeros(100)), "trainer.fit", batch_size=25)
    Data.from_arrays(float64[100, 2], float64[100]).batch(25, drop_last=True)  # 4 elements a pass
    >>> as_data([(1.0, 2.0)], "train")
    Data.from_list([1 items])  # 1 elements a pass
    """
    columns = value if isinstance(value, tuple) else (value,)
    if any(_has_rows(column) for column in columns):
        rows = min(np.shape(column)[0] for column in columns if _has_rows(column))
        size = max(1, min(64, rows)) if batch_size is None else batch_size
        return Data(prepared(columns, where, size, shuffle, drop_last))
    if batch_size is not None or shuffle is not None:
        option = f"batch_size={batch_size}" if shuffle is None else f"shuffle={shuffle}"
        raise TypeError(
            refusal(
                where,
                "batch_size and shuffle are for arrays",
                f"{option} with {type(value).__name__}",
                "Use it.batches(x, y, batch_size=..., shuffle=...), or data.shuffle(seed) and "
                "data.batch(n).",
            )
        )
    if isinstance(value, Data):
        return value
    if isinstance(value, (list, tuple)):
        return Data.from_list(value)
    return Data.from_iterable(iterable_of(value, where))


def require_elements(
    elements: Iterator[Any], data: Data, where: str, position: int = 0
) -> Iterator[Any]:
    """Pass a pass's elements on, and refuse one that has none.

    Parameters
    ----------
    elements : iterator
        What ``data.iterate(pass_index, position)`` returned.
    data : Data
        Where they come from, for the message.
    where : str
        Who trains on them, for the message.
    position : int
        Where the pass was begun; a rest that was resumed may be empty.

    Raises
    ------
    ValueError
        If there is none: at once where the number is known, else when the first is asked for.

    Examples
    --------
    >>> empty = Data.from_list([])
    >>> require_elements(empty.iterate(), empty, "trainer.fit")
    Traceback (most recent call last):
        ...
    ValueError: trainer.fit: there must be an element to train on; got none from \
Data.from_list([0 items]). Check what the pipeline is made from.
    """
    if position == 0 and data.steps_per_pass == 0:
        raise ValueError(_empty(data, where))
    return _required(elements, data, where) if position == 0 else elements


def _required(elements: Iterator[Any], data: Data, where: str) -> Iterator[Any]:
    """Yield the elements; raise if there was none."""
    empty = True
    for element in elements:
        empty = False
        yield element
    if empty:
        raise ValueError(_empty(data, where))


def _empty(data: Data, where: str) -> str:
    """Return the message about an empty pass."""
    source = repr(data).partition("  #")[0]
    fix = "Check what the pipeline is made from."
    if data.is_one_shot:
        fix = "An iterator that was used up before is empty too: give a list, or make it anew."
    return refusal(where, "there must be an element to train on", f"none from {source}", fix)


def _has_rows(value: object) -> bool:
    """Return whether a value is an array, or converts to one, with a first dimension."""
    return hasattr(value, "__array__") and getattr(value, "ndim", 0) >= 1
