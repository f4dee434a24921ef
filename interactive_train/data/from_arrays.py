"""The short way from arrays to batches, the one most training uses."""

from __future__ import annotations

from typing import Any

from interactive_train.data.pipeline import Data
from interactive_train.runtime.keywords import suggests


@suggests("it.batches")
def batches(
    *arrays: Any, batch_size: int = 64, shuffle: int | None = None, drop_last: bool = True
) -> Data:
    """Return the batches of arrays: ``(x[rows], y[rows])``, the rows gathered at memory speed.

    Each batch is a new array that the consumer owns, shuffled or not, so what is
    done to it never reaches the data. ``for x, y in batches(...)`` is one pass; every
    pass draws a new permutation, and the same seed gives the same permutations again.

    Parameters
    ----------
    *arrays : array_like
        Arrays of equal first dimension: ``x``, or ``x, y``, or more. One array gives
        arrays, several give tuples. They are held, not copied (unless
        their rows do not lie one after the other in memory), and keep their dtypes.
    batch_size : int
        How many rows make a batch.
    shuffle : int or None
        A seed, 0 included; None keeps the order.
    drop_last : bool
        Whether a shorter last batch is left out (another one each pass, when shuffled).

    Returns
    -------
    Data
        ``len`` of it is the number of batches.

    Raises
    ------
    TypeError
        If an argument is no array, no integer, or a bool where a seed is due.
    ValueError
        If first dimensions differ, `batch_size` is below 1, or no batch would be left.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 2, 3, 4])
    >>> data = batches(x, y, batch_size=2, shuffle=0)
    >>> len(data)
    2
    >>> for xb, yb in data:
    ...     print(xb.shape, yb)
    (2, 2) [4 3]
    (2, 2) [0 1]
    >>> batches(x, y, batch_size=8)
    Traceback (most recent call last):
        ...
    ValueError: batches: with drop_last=True batch_size is at most the number of examples; \
got batch_size=8 for 5 of them, which leaves no batch. Give batch_size=5, or drop_last=False.
    """
    return Data.prepare(*arrays, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
