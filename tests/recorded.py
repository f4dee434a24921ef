"""Record a function of arrays and numbers, and run what was recorded on other ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import recording
from interactive_train.autodiff.tensor import Tensor
from interactive_train.kernels.scalars import scalars
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.table import Instruction, Table
from interactive_train.program.program import Home, Ref
from interactive_train.program.recorder import Recorder
from interactive_train.program.scalar import Cells, Scalar

Array = NDArray[Any]


class Recorded:
    """A function that was recorded at some arrays and numbers.

    Parameters
    ----------
    function : callable
        ``function(tensors, numbers) -> list of Tensor, Scalar or number``.
    arrays, numbers : sequence
        Where it was recorded.
    """

    def __init__(
        self,
        function: Callable[[list[Tensor], list[Any]], Sequence[Any]],
        arrays: Sequence[Array],
        numbers: Sequence[float] = (),
    ) -> None:
        self.recorder = Recorder()
        self.cells = Cells(self.recorder)
        with recording():
            given = [self.cells.input(number) for number in numbers]
            ghosts: list[Any] = [
                self.recorder.input(array.shape, array.dtype, Home("arrays", i))
                for i, array in enumerate(arrays)
            ]
            self.inputs = [ghost.number for ghost in ghosts]
            found = function([Tensor.wrap(ghost) for ghost in ghosts], list(given))
            self.results = [
                self.recorder.number(value) if isinstance(value, Tensor) else value
                for value in found
            ]

    def __call__(self, arrays: Sequence[Array], numbers: Sequence[float] = ()) -> list[Any]:
        """Return the results on these; raise RuntimeError with the status of a step that stops."""
        cells = np.array(self.cells.present)
        code = np.array(self.cells.code, np.int64).reshape(-1, 4)
        schedule = np.array(numbers, float).reshape(1, -1)
        rows, inputs = schedule.shape
        single = cells.astype(np.float32)
        cursor = np.zeros(1, np.int64)
        status = scalars(cells, single, schedule, cursor, code, rows, inputs, len(code), len(cells))
        if status:
            raise RuntimeError(f"status {status % 16}")
        held: list[Array] = []
        given = dict(zip(self.inputs, arrays, strict=True))
        for number, value in enumerate(self.recorder.values):
            if number in given:
                held.append(np.ascontiguousarray(given[number], value.dtype))
            elif value.constant is not None:
                held.append(value.constant)
            elif value.base >= 0:
                flat = held[value.base].reshape(-1)
                held.append(flat[value.start : value.start + value.size].reshape(value.shape))
            elif value.home is not None:
                held.append(np.array(cells[value.home.start], value.dtype))
            else:
                held.append(np.full(value.shape, 77, value.dtype))
        rows_of_table = [
            Instruction(
                op.kernel,
                op.floating,
                tuple(
                    _as(declared.dtype(op.floating), held[o.number]) if isinstance(o, Ref) else o
                    for declared, o in zip(op.kernel.operands, op.operands, strict=True)
                ),
            )
            for op in self.recorder.ops
        ]
        status = run_native(Table.build(rows_of_table), ControlBlock()) if rows_of_table else 0
        if status:
            raise RuntimeError(f"status {status % 16}")
        return [
            float(cells[result.cell])
            if isinstance(result, Scalar)
            else held[result]
            if type(result) is int
            else result
            for result in self.results
        ]


def _as(dtype: Any, array: Array) -> Array:
    """Return the same memory; kernels that only move values take int64 for float64."""
    return array.view(dtype) if array.dtype != dtype else array
