"""Eager execution: one operation is a table of one row, run by the real executor.

What can be settled from types and shapes is settled once per `PreparedRow`: the
checks of `Instruction`, the adapter's address, the sizes. A call then fills in the
addresses of the arrays and enters the executor, on memory of the calling thread.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interactive_train.kernels import status
from interactive_train.kernels.compiler import address
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.control import LIMIT, STEP, WORDS, ControlBlock
from interactive_train.machine.executor import entry_points, run_checked
from interactive_train.machine.table import ROW_WORDS, Instruction, Table
from interactive_train.runtime.errors import refusal

Mode = Literal["native", "checked"]
_mode: ContextVar[Mode] = ContextVar("execution", default="native")

# Above this many elements a call lets other threads run; below, giving the GIL away
# and asking for it back costs more than the work (up to 5 ms when another thread is busy).
RELEASE_ABOVE = 20_000


@contextmanager
def execution(mode: Mode) -> Iterator[None]:
    """Run eager operations natively, or in checked Python that names the first NaN.

    Parameters
    ----------
    mode : {"native", "checked"}

    Raises
    ------
    ValueError
        For any other word.
    """
    if mode not in ("native", "checked"):
        raise ValueError(
            refusal("it.execution", 'the mode is "native" or "checked"', repr(mode), "")
        )
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


class IndexOutOfRange(IndexError):
    """An index that a kernel refused, with the row at which it stood."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}: the index is out of range")
        self.row = row


class _Lane(threading.local):
    """One thread's row, control block and executor operands."""

    def __init__(self) -> None:
        self.row = (ctypes.c_int64 * ROW_WORDS)()
        self.row_address = ctypes.addressof(self.row)
        block = ControlBlock()
        self.block = block
        self.control = (ctypes.c_int64 * WORDS).from_address(block.words.ctypes.data)
        self.control[LIMIT] = 1
        self.operands = (ctypes.c_int64 * 4)(self.row_address, 1, 1, block.words.ctypes.data)
        self.operands_address = ctypes.addressof(self.operands)
        self.holding, self.releasing = entry_points()


_lane = _Lane()


class PreparedRow:
    """A kernel call whose sizes are settled and whose arrays are still open.

    Parameters
    ----------
    kernel : Kernel
    dtype : numpy.dtype
        What `T` stands for.
    operands : sequence of int, ndarray or Slot
        In the kernel's order; a `Slot` is filled at each call.
    """

    __slots__ = ("_release", "_slots", "_template", "dtype", "kernel", "operands")

    def __init__(
        self,
        kernel: Kernel,
        dtype: np.dtype[np.generic],
        operands: Sequence[int | NDArray[Any] | Slot],
    ) -> None:
        self.kernel, self.dtype, self.operands = kernel, dtype, tuple(operands)
        words = np.zeros(ROW_WORDS, np.int64)
        words[0] = address(kernel, dtype)
        self._slots = []
        for position, operand in enumerate(self.operands, start=1):
            if isinstance(operand, Slot):
                self._slots.append((position, operand.index))
            else:
                words[position] = (
                    operand.ctypes.data if isinstance(operand, np.ndarray) else operand
                )
        self._template = words.tobytes()
        self._release = False

    def check(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Check arrays of the shapes that every later call will have, once."""
        views = self._instruction(arrays, "").views()
        largest = max((v.size for v in views if isinstance(v, np.ndarray)), default=0)
        self._release = largest > RELEASE_ABOVE or self.kernel.name == "gemm"

    def run(self, arrays: Sequence[NDArray[Any]], addresses: Sequence[int], label: str) -> None:
        """Execute on these arrays.

        Raises
        ------
        IndexOutOfRange
            If the kernel met an index that is out of range.
        """
        if _mode.get() == "checked":
            control = ControlBlock()
            run_checked(Table.build([self._instruction(arrays, label)]), control)
            code = control.status
        else:
            lane = _lane
            ctypes.memmove(lane.row_address, self._template, 8 * ROW_WORDS)
            row = lane.row
            for position, index in self._slots:
                row[position] = addresses[index]
            lane.control[STEP] = 0
            code = (lane.releasing if self._release else lane.holding)(lane.operands_address)
        if code:
            reason, at = status.decode(code)
            if reason == status.BAD_INDEX:
                raise IndexOutOfRange(at)
            raise RuntimeError(f"{label}: {status.MEANING[reason]}, row {at}.")

    def _instruction(self, arrays: Sequence[NDArray[Any]], label: str) -> Instruction:
        return Instruction(
            self.kernel,
            self.dtype,
            tuple(arrays[o.index] if isinstance(o, Slot) else o for o in self.operands),
            label,
        )


class Slot:
    """The place of an array that is known at the call only: 0 is the result, 1... the inputs."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


RESULT = Slot(0)
INPUTS = tuple(Slot(i) for i in range(1, 5))
