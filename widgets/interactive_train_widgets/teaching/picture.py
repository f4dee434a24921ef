"""A teaching view at one moment: plain numbers, and how they travel in one binary buffer.

In: what a view computed. Out: head and buffers of a frame, which `js/teaching/view.js` takes
apart again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers

TYPES = {"f": "<f4", "i": "<i4", "u": "<u4", "b": "|u1"}  # by NumPy's kind
SMALL = {1: "|u1", 2: "<u2"}  # unsigned integers of so many bytes


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a picture, for who cannot see it or wants to copy them."""

    caption: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a page draws at one step boundary.

    Attributes
    ----------
    head : dict
        What JSON carries: names, labels, ranges.
    arrays : mapping of str to array
        What travels as bytes: real numbers as float32, integers as int32, booleans as bytes,
        unsigned integers as they are.
    text : str
        The picture in one or two sentences: its text alternative.
    table : Table
    step : int
        Completed steps of the state that the numbers come from; the run may have gone on.
    trouble : str
        Why there is nothing to draw, in words.
    """

    head: Head
    arrays: Mapping[str, NDArray[Any]]
    text: str
    table: Table
    step: int
    trouble: str = ""


def pack(picture: Picture) -> tuple[Head, Buffers]:
    """Return head and buffers of a frame: all arrays in one buffer, each from a multiple of 8.

    Examples
    --------
    >>> import numpy as np
    >>> table = Table("", (), ())
    >>> head, buffers = pack(Picture({}, {"grid": np.zeros((2, 3))}, "Two rows.", table, 0))
    >>> head["arrays"], len(buffers[0])
    ({'grid': {'at': 0, 'shape': [2, 3], 'type': 'f4'}}, 24)
    """
    about: Head = {}
    parts: list[bytes] = []
    at = 0
    for name, array in picture.arrays.items():
        kind = array.dtype.kind
        sent = SMALL.get(array.itemsize, "<u4") if kind == "u" else TYPES[kind]
        data = np.ascontiguousarray(array, dtype=sent)
        about[name] = {"at": at, "shape": list(array.shape), "type": sent[1:]}
        part = data.tobytes()
        parts.append(part + b"\0" * (-len(part) % 8))
        at += len(parts[-1])
    table = picture.table
    head = {
        "data": picture.head,
        "arrays": about,
        "text": picture.text,
        "trouble": picture.trouble,
        "table": {
            "caption": table.caption,
            "titles": list(table.titles),
            "rows": [list(row) for row in table.rows],
        },
        "curves": [],
    }
    return head, [memoryview(b"".join(parts)), memoryview(b"")]
