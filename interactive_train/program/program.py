"""Program: a recorded step as data - values, and the kernel calls that make them.

A value is made once and never changed (what is *kept* between steps is written by the commits at
the end). Passes take a Program and return one; `lower` turns the last one into a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.kernels.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Ref:
    """An operand that is a value of the program, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Home:
    """A fixed place in memory that outlives the step: a region, and where in it, in elements."""

    region: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """One value.

    Attributes
    ----------
    shape, dtype
    home : Home or None
        Where it lies when the step begins (parameters, moments, data), or where the instruction
        that makes it has to put it (gradients); None for what the planner may place.
    base, start : int
        With base >= 0 no memory of its own: the elements of that value from `start` on.
    constant : ndarray or None
        Memory that somebody else holds and that is read in every step.
    batched : bool
        Whether the first axis counts the examples of the batch.
    pieces : tuple of int
        Values that lie side by side within this one's home: it is there when they are.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    home: Home | None = None
    base: int = -1
    start: int = 0
    constant: NDArray[Any] | None = None
    batched: bool = False
    pieces: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return self.size * self.dtype.itemsize


Operand = Ref | int | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Op:
    """One kernel call.

    Attributes
    ----------
    kernel : Kernel
    floating : numpy.dtype
        What the kernel's `T` stands for.
    operands : tuple
        In the kernel's order: values, sizes, and constant arrays.
    name, label : str
        The operation, and where in the model it stands.
    late : bool
        Whether it writes what the step leaves behind, and so comes after the guard.
    """

    kernel: Kernel
    floating: np.dtype[Any]
    operands: tuple[Operand, ...]
    name: str = ""
    label: str = ""
    late: bool = False

    def arrays(self) -> Iterator[tuple[Any, Operand]]:
        """Yield (declared operand, value or constant) for all that are arrays."""
        for declared, operand in zip(self.kernel.operands, self.operands, strict=True):
            if declared.role != "size":
                yield declared, operand

    @property
    def reads(self) -> tuple[int, ...]:
        """The values that it reads."""
        return tuple(o.number for d, o in self.arrays() if d.role == "read" and isinstance(o, Ref))

    @property
    def writes(self) -> tuple[int, ...]:
        """The values that it makes."""
        return tuple(
            o.number for d, o in self.arrays() if d.role == "written" and isinstance(o, Ref)
        )

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by name."""
        return {
            d.name: o
            for d, o in zip(self.kernel.operands, self.operands, strict=True)
            if d.role == "size" and isinstance(o, int)
        }

    def renamed(self, numbers: Mapping[int, int]) -> Op:
        """Return the call with other values in place of some."""
        return replace(
            self,
            operands=tuple(
                Ref(numbers.get(o.number, o.number)) if isinstance(o, Ref) else o
                for o in self.operands
            ),
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """What a step leaves behind: a value that is written to a home after the guard."""

    value: int
    home: Home


@dataclass(frozen=True)
class Program:
    """A recorded step.

    Attributes
    ----------
    values : tuple of Value
        By number.
    ops : tuple of Op
        In an order in which each value is made before it is read.
    outputs : dict of str to int
        Values that somebody looks at behind the step: the loss, the norm, what a loss returned
        beside the loss.
    commits : tuple of Commit
    """

    values: tuple[Value, ...]
    ops: tuple[Op, ...]
    outputs: Mapping[str, int] = field(default_factory=dict)
    commits: tuple[Commit, ...] = ()

    def root(self, number: int) -> tuple[int, int]:
        """Return the value that owns the memory of another, and where in it that begins."""
        start = 0
        value = self.values[number]
        while value.base >= 0:
            start += value.start
            number = value.base
            value = self.values[number]
        return number, start

    def sources(self, number: int) -> Iterator[int]:
        """Yield the owners of the memory that a value is read from: its pieces, if it has some."""
        owner = self.root(number)[0]
        pieces = self.values[owner].pieces
        if pieces:
            for piece in pieces:
                yield from self.sources(piece)
        else:
            yield owner

    def wanted(self) -> set[int]:
        """Return the owners of all that is asked for behind the step."""
        asked = (*self.outputs.values(), *(c.value for c in self.commits))
        return {source for n in asked for source in self.sources(n)}

    def makers(self) -> dict[int, int]:
        """Return, for each value that an instruction makes, the position of that instruction."""
        return {n: at for at, op in enumerate(self.ops) for n in op.writes}

    def __str__(self) -> str:
        lines = []
        for op in self.ops:
            shown = [_shown(self, o) for d, o in op.arrays() if d.role == "read"]
            made = ", ".join(f"%{n}{list(self.values[n].shape)}" for n in op.writes)
            lines.append(f"{made} = {op.name or op.kernel.name}({', '.join(shown)})  # {op.label}")
        for commit in self.commits:
            lines.append(f"{commit.home.region}[{commit.home.start}] <- %{commit.value}")
        return "\n".join(lines)


def _shown(program: Program, operand: Operand) -> str:
    if not isinstance(operand, Ref):
        return f"constant{list(operand.shape)}" if isinstance(operand, np.ndarray) else str(operand)
    value = program.values[operand.number]
    if value.home is not None and value.base < 0:
        return f"{value.home.region}[{value.home.start}]"
    return f"%{operand.number}" if value.constant is None else f"constant{list(value.shape)}"
