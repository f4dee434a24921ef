"""The declared signature of a kernel: which operands it has, of which type and extent.

One line of text stands under every kernel::

    loss=T[rows] logits:T[rows,columns] labels:i8[rows] rows columns

``name=type[extents]`` is an array that the kernel writes, ``name:type[extents]``
one that it reads, a bare name is a size. `T` is the floating type for which the
adapter is made; ``i8``, ``u8``, ``f4``, ``f8`` and ``b1`` are fixed. From this line come the
C-ABI adapter, the bounds check of the instruction table and the checked views.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

FIXED_TYPES: dict[str, np.dtype[np.generic]] = {
    "i8": np.dtype(np.int64),
    "u8": np.dtype(np.uint64),
    "f4": np.dtype(np.float32),
    "f8": np.dtype(np.float64),
    "b1": np.dtype(np.bool_),
}

_OPERAND = re.compile(r"(?P<name>\w+)(?:(?P<role>[:=])(?P<type>T|\w\d)\[(?P<extents>[^\]]*)\])?$")


@dataclass(frozen=True, slots=True)
class Operand:
    """One parameter of a kernel: an array read or written, or a size."""

    name: str
    role: Literal["read", "written", "size"]
    type: str = ""
    extents: tuple[str, ...] = ()

    def dtype(self, floating: np.dtype[np.generic]) -> np.dtype[np.generic]:
        """Return the element type when `T` is `floating`."""
        return floating if self.type == "T" else FIXED_TYPES[self.type]

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return the extents as numbers."""
        return tuple(int(e) if e.isdigit() else sizes[e] for e in self.extents)

    def count(self, sizes: Mapping[str, int]) -> int:
        """Return how many elements the kernel may touch."""
        return math.prod(self.shape(sizes))


def parse(text: str) -> tuple[Operand, ...]:
    """Read a signature line.

    Raises
    ------
    ValueError
        If an operand is malformed or an extent is no size of the kernel.

    Examples
    --------
    >>> [operand.role for operand in parse("out=T[n] x:T[n] n")]
    ['written', 'read', 'size']
    """
    operands = []
    for word in text.split():
        found = _OPERAND.match(word)
        if not found:
            raise ValueError(f"kernel signature: {word!r} is no operand; in {text!r}")
        if not found["role"]:
            operands.append(Operand(found["name"], "size"))
            continue
        operands.append(
            Operand(
                found["name"],
                "written" if found["role"] == "=" else "read",
                found["type"],
                tuple(found["extents"].split(",")),
            )
        )
    sizes = {operand.name for operand in operands if operand.role == "size"}
    for operand in operands:
        for extent in operand.extents:
            if not extent.isdigit() and extent not in sizes:
                raise ValueError(f"kernel signature: {extent!r} is no size; in {text!r}")
    return tuple(operands)
