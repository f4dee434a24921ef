"""Run one kernel on copies of its operands that lie between canaries, natively or in Python.

A native kernel runs twice more, on operands that touch each other: bits may not depend on where
memory lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.table import Instruction, Table

FENCE = 64  # bytes on either side
CANARY = 0xA5
FLOATING: list[np.dtype[Any]] = [np.dtype(np.float32), np.dtype(np.float64)]
WAYS = ["native", "plain"]


class Fenced:
    """A copy of an array with canaries before and behind it."""

    def __init__(self, array: NDArray[Any]) -> None:
        size = array.nbytes
        room = FENCE + size + FENCE + 64
        self.memory = np.full(room, CANARY, np.uint8)
        start = FENCE + (-(self.memory.ctypes.data + FENCE)) % 64
        self.start, self.stop = start, start + size
        self.array = self.memory[start : start + size].view(array.dtype).reshape(array.shape)
        self.array[...] = array

    def is_intact(self) -> bool:
        around = (self.memory[: self.start], self.memory[self.stop :])
        return all(bool((part == CANARY).all()) for part in around)


def run(
    kernel: Kernel,
    dtype: np.dtype[Any],
    *operands: NDArray[Any] | int,
    way: str = "native",
    in_place: bool = False,
) -> tuple[int, NDArray[Any]]:
    """Return the status code and the first written array; everything else must be untouched."""
    fenced = [Fenced(o) if isinstance(o, np.ndarray) else None for o in operands]
    given = [o if f is None else f.array for o, f in zip(operands, fenced, strict=True)]
    roles = [operand.role for operand in kernel.operands]
    written = roles.index("written")
    if in_place:
        given[written] = given[roles.index("read")]
    instruction = Instruction(kernel, dtype, tuple(given), in_place=in_place)
    if way == "native":
        code = run_native(Table.build([instruction]), ControlBlock())
    else:
        with np.errstate(all="ignore"):
            code = int(kernel.function(*instruction.views()))
    for role, before, now in zip(roles, operands, fenced, strict=True):
        if now is not None:
            assert now.is_intact(), f"{kernel.name} wrote beside an array"
            if role == "read" and not in_place:
                np.testing.assert_array_equal(now.array, before)
    result = given[written]
    assert isinstance(result, np.ndarray)
    if way == "native" and not in_place and not code:
        for order in (1, -1):
            touching = _touching(operands, order)
            assert (
                run_native(Table.build([Instruction(kernel, dtype, touching)]), ControlBlock()) == 0
            )
            for role, there, here in zip(roles, given, touching, strict=True):
                if role == "written":
                    told = f"{kernel.name} depends on where its operands lie"
                    assert there.tobytes() == here.tobytes(), told  # type: ignore[union-attr]
    return code, result.copy()


def _touching(operands: Sequence[NDArray[Any] | int], order: int) -> tuple[Any, ...]:
    """Return copies of the arrays, each right behind another, at an odd multiple of 8 bytes."""
    given: list[Any] = list(operands)
    arrays = [i for i, operand in enumerate(given) if isinstance(operand, np.ndarray)][::order]
    memory = np.empty(sum(given[i].nbytes + 8 for i in arrays) + 128, np.uint8)
    at = 8 - memory.ctypes.data % 64 + 64
    for i in arrays:
        array = given[i]
        at += -(memory.ctypes.data + at) % array.itemsize
        given[i] = memory[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
        given[i][...] = array
        at += array.nbytes
    return tuple(given)


def close(got: NDArray[Any], want: Any, dtype: np.dtype[Any], scale: float = 1.0) -> None:
    """Compare with an oracle's float64 result; NaN equals NaN."""
    rtol = scale * (2e-6 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(got, np.asarray(want), rtol=rtol, atol=rtol)
