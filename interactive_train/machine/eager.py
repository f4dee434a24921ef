"""Eager execution: one operation is a table of one row, run by the real executor.

What can be settled from types and shapes is settled once per `PreparedRow`: the
checks of `Instruction`, the adapter's address, the sizes. A call then takes one of the row's
blocks, fills in the addresses of the arrays and enters the executor. A block belongs to
one call at a time, whichever thread, signal handler or finaliser makes it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from interactive_train.kernels import status
from interactive_train.kernels.compiler import address
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.control import GUARDS, HISTORY, LIMIT, STEP, WORDS, ControlBlock
from interactive_train.machine.executor import OPERANDS, entry_points, run_checked
from interactive_train.machine.table import ROW_WORDS, Instruction, Table
from interactive_train.runtime.errors import refusal

Mode = Literal["native", "checked", "eager"]
_mode: ContextVar[Mode] = ContextVar("execution", default="native")

# Above this many elements, or multiplications of a matrix product, a call lets other threads
# run; below, giving the GIL away and asking for it back costs more than the work (up to 5 ms when
# another thread is busy). Both are about 10 to 50 us of work.
RELEASE_ABOVE = 20_000
RELEASE_ABOVE_PRODUCTS = 1_000_000


@contextmanager
def execution(mode: Mode) -> Iterator[None]:
    """Choose how steps and operations run, for comparison and to find what is wrong.

    "native" records the steps of a fit and runs them as a whole; "eager" takes them operation by
    operation, in native code as well, so that a debugger and ``print`` work in the loss; "checked"
    is eager in plain Python on bounds-checked views, and names the first NaN.

    The mode holds for the calling context; a thread started inside begins natively.

    Parameters
    ----------
    mode : {"native", "eager", "checked"}

    Raises
    ------
    ValueError
        For any other word.

    Examples
    --------
    >>> with execution("checked"):
    ...     pass
    """
    if mode not in ("native", "eager", "checked"):
        raise ValueError(
            refusal(
                "it.execution",
                'the mode is "native", "eager" or "checked"',
                repr(mode),
                "The last runs in Python and names the first NaN.",
            )
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


class _Block:
    """Memory of one call: the row, the control block, a schedule, the executor's operands."""

    __slots__ = ("address", "words")

    def __init__(self, template: bytes) -> None:
        self.words = (ctypes.c_int64 * (_OPERANDS + OPERANDS)).from_buffer_copy(template)
        row = ctypes.addressof(self.words)
        control = row + 8 * ROW_WORDS
        self.words[ROW_WORDS + LIMIT] = 1
        # No history and no guards; the words still point to memory, which is never touched.
        self.words[ROW_WORDS + HISTORY] = self.words[ROW_WORDS + GUARDS] = control
        self.words[_SCHEDULE:_OPERANDS] = [1, 0, 1]  # one phase, one shard, row 0
        self.words[_OPERANDS:] = [row, row + 8 * _SCHEDULE, 1, 1, control, 0]
        self.address = row + 8 * _OPERANDS


_SCHEDULE = ROW_WORDS + WORDS
_OPERANDS = _SCHEDULE + 3
_STEP = ROW_WORDS + STEP


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

    __slots__ = ("_blocks", "_call", "_releases", "_slots", "dtype", "kernel", "operands")

    def __init__(
        self,
        kernel: Kernel,
        dtype: np.dtype[np.generic],
        operands: Sequence[int | NDArray[Any] | Slot],
    ) -> None:
        self.kernel, self.dtype, self.operands = kernel, dtype, tuple(operands)
        self._slots = tuple(
            (position, operand.index)
            for position, operand in enumerate(self.operands, start=1)
            if isinstance(operand, Slot)
        )
        self._blocks: list[_Block] = []  # free ones; `pop` and `append` are atomic
        self._releases = False
        self._call: Callable[[int], int] | None = None

    def check(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Check arrays of the shapes that every later call will have, once."""
        instruction = self._instruction(arrays, "")
        views = instruction.views()
        largest = max((v.size for v in views if isinstance(v, np.ndarray)), default=0)
        sizes = instruction.sizes()
        products = sizes["batch"] * sizes["m"] * sizes["n"] * sizes["k"] if "m" in sizes else 0
        self._releases = largest > RELEASE_ABOVE or products > RELEASE_ABOVE_PRODUCTS
        self._call = None

    def run(self, addresses: Sequence[int], label: str) -> None:
        """Execute on the arrays at these addresses, natively.

        The caller keeps the arrays alive meanwhile; they have the shapes that were checked.

        Raises
        ------
        IndexOutOfRange
            If the kernel met an index that is out of range.
        """
        try:
            block = self._blocks.pop()
        except IndexError:
            block = self._new_block()
        words = block.words
        for position, index in self._slots:
            words[position] = addresses[index]
        words[_STEP] = 0
        code = (self._call or self._entry())(block.address)
        self._blocks.append(block)
        if code:
            _raise(code, label)

    def _new_block(self) -> _Block:
        words = np.zeros(_OPERANDS + OPERANDS, np.int64)
        words[0] = address(self.kernel, self.dtype)
        for position, operand in enumerate(self.operands, start=1):
            if isinstance(operand, np.ndarray):
                words[position] = operand.ctypes.data
            elif not isinstance(operand, Slot):
                words[position] = operand
        return _Block(words.tobytes())

    def _entry(self) -> Callable[[int], int]:
        self._call = entry_points()[self._releases]
        return self._call

    def run_checked(self, arrays: Sequence[NDArray[Any]], label: str) -> None:
        """Execute in Python on bounds-checked views.

        Raises
        ------
        FloatingPointError
            If a value that is not finite arises from finite input.
        IndexOutOfRange
            If the kernel met an index that is out of range.
        """
        control = ControlBlock()
        table = Table.build([self._instruction(arrays, label)], native=False)
        code = run_checked(table, control)
        if code:
            _raise(code, label)

    def _instruction(self, arrays: Sequence[NDArray[Any]], label: str) -> Instruction:
        return Instruction(
            self.kernel,
            self.dtype,
            tuple(arrays[o.index] if isinstance(o, Slot) else o for o in self.operands),
            label,
        )


def is_native() -> bool:
    """Whether steps of this context are recorded and run natively."""
    return _mode.get() == "native"


def is_checked() -> bool:
    """Whether operations of this context run in checked Python."""
    return _mode.get() == "checked"


def address_of(array: NDArray[Any]) -> int:
    """Return where an array's memory begins (five times as quick as ``array.ctypes.data``)."""
    try:
        return ctypes.addressof(_BYTE.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only or empty
        return int(array.ctypes.data)


_BYTE = ctypes.c_char


def _raise(code: int, label: str) -> NoReturn:
    reason, row = status.decode(code)
    if reason == status.BAD_INDEX:
        raise IndexOutOfRange(row)
    raise RuntimeError(f"{label}: {status.MEANING.get(reason, f'status {reason}')}, row {row}.")


class Slot:
    """The place of an array that is known at the call only: 0 is the result, 1... the inputs."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


RESULT = Slot(0)
INPUTS = tuple(Slot(i) for i in range(1, 5))
