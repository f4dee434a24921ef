"""A step as data: instructions, and the table of 64-bit words that the executor runs.

An instruction names a kernel, a floating type and its operands: arrays and sizes.
Building a table checks every operand against the kernel's declared signature once -
type, contiguity, extent - so that a table that would touch foreign memory is never made. The table
keeps the arrays alive that its words point to.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.kernels.compiler import address, prepare
from interactive_train.kernels.kernel import Kernel

ROW_WORDS = 32  # the adapter's address and up to 31 operands: four cache lines


@dataclass(frozen=True, slots=True)
class Instruction:
    """One kernel call: arrays and sizes in the order of the kernel's signature.

    Attributes
    ----------
    kernel : Kernel
    dtype : numpy.dtype
        What the kernel's `T` stands for.
    operands : tuple of ndarray and int
    label : str
        What a person calls it (``"layers.2 gelu"``).
    in_place : bool
        Whether the first array written is the memory of the first array read. Without it, no
        written array may share memory with another operand.
    """

    kernel: Kernel
    dtype: np.dtype[np.generic]
    operands: tuple[NDArray[Any] | int, ...]
    label: str = ""
    in_place: bool = False

    def sizes(self) -> dict[str, int]:
        """Return the sizes by name."""
        return {
            operand.name: _size(f"{self.kernel.name}, operand {operand.name}", value)
            for operand, value in zip(self.kernel.operands, self.operands, strict=True)
            if operand.role == "size"
        }

    def views(self) -> list[Any]:
        """Return the operands as the plain loop takes them: shaped views and ints.

        Raises
        ------
        ValueError
            If an array has another type than declared, is not contiguous, is not
            writable where it is written, or is smaller than the kernel may touch; if a
            written array overlaps another operand.
        """
        if len(self.operands) != len(self.kernel.operands):
            raise ValueError(
                f"{self.kernel.name}: takes {len(self.kernel.operands)} operands; "
                f"got {len(self.operands)}."
            )
        sizes = self.sizes()
        views: list[Any] = []
        for operand, value in zip(self.kernel.operands, self.operands, strict=True):
            if operand.role == "size":
                views.append(sizes[operand.name])
                continue
            where = f"{self.kernel.name}, operand {operand.name}"
            wanted = operand.dtype(self.dtype)
            if not isinstance(value, np.ndarray) or value.dtype != wanted:
                got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
                raise ValueError(f"{where}: must be an array of {wanted}; got {got}.")
            if not value.flags.aligned or not value.dtype.isnative:
                raise ValueError(f"{where}: must be aligned, in the machine's byte order.")
            if not value.flags.c_contiguous:
                raise ValueError(f"{where}: must be C-contiguous; got strides {value.strides}.")
            if operand.role == "written" and not value.flags.writeable:
                raise ValueError(f"{where}: is written; got a read-only array.")
            shape = operand.shape(sizes)
            if min(shape, default=0) < 0 or operand.count(sizes) > value.size:
                raise ValueError(
                    f"{where}: the kernel may touch {shape} elements; got {value.size}."
                )
            views.append(value.reshape(-1)[: operand.count(sizes)].reshape(shape))
        self._check_overlap(views)
        if self.kernel.fits is not None:
            named = {o.name: v for o, v in zip(self.kernel.operands, views, strict=True)}
            if not self.kernel.fits(named):
                raise ValueError(
                    f"{self.kernel.name}: steps and strides must stay within the operands; "
                    f"got {sizes}."
                )
        return views

    def _check_overlap(self, views: list[Any]) -> None:
        arrays = [(o, v) for o, v in zip(self.kernel.operands, views, strict=True) if o.extents]
        same = None
        if self.in_place:
            (out, written), (read, given) = (
                next((o, v) for o, v in arrays if o.role == role) for role in ("written", "read")
            )
            same = (out, read)
            address = written.ctypes.data
            if (out.type, out.extents, address) != (read.type, read.extents, given.ctypes.data):
                raise ValueError(
                    f"{self.kernel.name}: in place, {out.name} is the memory of {read.name} and "
                    "has its type and extents; got two different operands."
                )
        for position, (first, one) in enumerate(arrays):
            for second, other in arrays[position + 1 :]:
                written_to = "written" in (first.role, second.role)
                if written_to and (first, second) != same and np.may_share_memory(one, other):
                    raise ValueError(
                        f"{self.kernel.name}: operands {first.name} and {second.name} share "
                        "memory, and one of them is written. Use in_place or other memory."
                    )


def _size(where: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(
            f"{where}: is a size, a whole number; got {type(value).__name__}."
        ) from None


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Checked instructions as words; `commit` is the first row after the guard.

    The instructions keep alive what the words point to.
    """

    instructions: tuple[Instruction, ...]
    commit: int
    words: NDArray[np.int64]

    @classmethod
    def build(
        cls,
        instructions: Sequence[Instruction],
        commit: int | None = None,
        native: bool = True,
    ) -> Table:
        """Check the instructions and lower them.

        Parameters
        ----------
        instructions : sequence of Instruction
        commit : int, optional
            How many rows belong to the compute section; all of them by default. The rows
            behind run only when every guarded value is finite.
        native : bool
            Whether to look up the adapters' addresses; the checked executor needs none.

        Raises
        ------
        ValueError
            If an operand does not fit its kernel's signature, or `commit` is no row.
        """
        rows = tuple(instructions)
        if commit is not None and not 0 <= commit <= len(rows):
            raise ValueError(f"Table: commit lies in 0 ... {len(rows)}; got {commit}.")
        words = np.zeros((len(rows), ROW_WORDS), np.int64)
        if native:
            prepare((i.kernel, i.dtype, i.in_place) for i in rows)
        for word, instruction in zip(words, rows, strict=True):
            instruction.views()
            if native:
                word[0] = address(instruction.kernel, instruction.dtype, instruction.in_place)
            for position, value in enumerate(instruction.operands, start=1):
                word[position] = value.ctypes.data if isinstance(value, np.ndarray) else value
        return cls(rows, len(rows) if commit is None else commit, words)
