"""A table that would touch foreign memory cannot be built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels.elementwise import ADD, EXP
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.reduction import SUM
from interactive_train.kernels.signature import parse
from interactive_train.machine.table import ROW_WORDS, Instruction, Table

F4 = np.dtype(np.float32)


def zeros(*shape: int, dtype: Any = np.float32) -> NDArray[Any]:
    return np.zeros(shape, dtype)


def readonly() -> NDArray[Any]:
    array = zeros(4)
    array.flags.writeable = False
    return array


def unaligned() -> NDArray[Any]:
    return np.zeros(17, np.uint8)[1:].view(np.float32)


WRONG = {
    "another type": (
        (zeros(4), zeros(4, dtype=np.float64), zeros(4), 4),
        "array of float32; got f",
    ),
    "no array": ((zeros(4), [0.0] * 4, zeros(4), 4), "must be an array of float32; got list"),
    "too small": ((zeros(4), zeros(3), zeros(4), 4), r"may touch \(4,\) elements; got 3"),
    "result too small": ((zeros(3), zeros(4), zeros(4), 4), r"may touch \(4,\) elements; got 3"),
    "strides": ((zeros(4), zeros(8)[::2], zeros(4), 4), r"C-contiguous; got strides \(8,\)"),
    "read-only result": ((readonly(), zeros(4), zeros(4), 4), "is written; got a read-only array"),
    "negative size": ((zeros(4), zeros(4), zeros(4), -1), "elements; got 4"),
    "size as float": ((zeros(4), zeros(4), zeros(4), 4.0), "is a size, a whole number; got float"),
    "array as size": ((zeros(4), zeros(4), zeros(4), zeros(4)), "a whole number; got ndarray"),
    "one too few": ((zeros(4), zeros(4), zeros(4)), "takes 4 operands; got 3"),
    "byte order": ((zeros(4), zeros(4, dtype=">f4"), zeros(4), 4), "of float32; got >f4"),
    "unaligned": ((zeros(4), unaligned(), zeros(4), 4), "must be aligned"),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_refuses(case: str) -> None:
    operands, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        Table.build([Instruction(ADD.kernel("ff"), F4, operands)])  # type: ignore[arg-type]


def test_read_only_memory_may_be_read() -> None:
    Table.build([Instruction(ADD.kernel("ff"), F4, (zeros(4), readonly(), readonly(), 4))])


def test_a_result_that_overlaps_an_operand_needs_the_adapter_in_place() -> None:
    memory = zeros(6)
    with pytest.raises(ValueError, match="operands out and x0 share memory"):
        Table.build([Instruction(ADD.kernel("ff"), F4, (memory[:4], memory[1:5], zeros(4), 4))])
    with pytest.raises(ValueError, match="operands out and x1 share memory"):
        Table.build([Instruction(ADD.kernel("ff"), F4, (memory[:4], zeros(4), memory[:4], 4))])
    Table.build(
        [Instruction(ADD.kernel("ff"), F4, (memory[:4], memory[:4], zeros(4), 4), in_place=True)]
    )


def test_in_place_is_the_same_memory_in_the_same_extents() -> None:
    with pytest.raises(ValueError, match="in place, out is the memory of x0"):
        Table.build([Instruction(EXP.kernel("f"), F4, (zeros(4), zeros(4), 4), in_place=True)])
    memory = zeros(2, 3)
    with pytest.raises(ValueError, match="in place, out is the memory of x"):
        Table.build([Instruction(SUM, F4, (memory, memory, 1, 2, 3), in_place=True)])


def test_the_commit_row_lies_in_the_table() -> None:
    with pytest.raises(ValueError, match=r"commit lies in 0 \.\.\. 0; got 1"):
        Table.build([], commit=1)


def test_words_hold_addresses_and_sizes() -> None:
    out, x = zeros(2, 2), zeros(4)
    table = Table.build([Instruction(EXP.kernel("f"), F4, (out, x, 4))])
    assert table.words.shape == (1, ROW_WORDS)
    assert table.words[0, 1:5].tolist() == [out.ctypes.data, x.ctypes.data, 4, 0]
    assert table.words[0, 0] != 0
    assert table.instructions[0].operands[0] is out


def test_a_signature_names_its_sizes() -> None:
    operands = parse("loss=T[rows] logits:T[rows,columns] labels:i8[rows] rows columns")
    assert [o.role for o in operands] == ["written", "read", "read", "size", "size"]
    assert operands[1].count({"rows": 3, "columns": 4}) == 12
    with pytest.raises(ValueError, match="'n' is no size"):
        parse("out=T[n] m")
    with pytest.raises(ValueError, match="'out=' is no operand"):
        parse("out= n")


def test_a_kernel_must_leave_room_for_its_operands_in_a_row() -> None:
    from interactive_train.kernels import catalogue

    assert max(len(kernel.operands) for kernel in catalogue.kernels()) < ROW_WORDS


def test_kernels_are_equal_by_name() -> None:
    one = Kernel("same", lambda out, n: 0, "out=T[n] n")
    assert one == Kernel("same", lambda out, n: 1, "out=T[n] n")
    assert one != Kernel("other", lambda out, n: 0, "out=T[n] n")
    assert len({one, Kernel("same", lambda out, n: 1, "out=T[n] n")}) == 1
