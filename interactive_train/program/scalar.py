"""Scalar: a hyperparameter or a counter while a step is recorded - a number known at the step only.

Arithmetic on it is noted as three-address code over cells (`kernels.scalars`). A comparison is
answered with the number's present value and remembered as a condition of the recording: a step that
finds it otherwise stops before it changes anything, and another recording takes over. So rules may
branch on their hyperparameters as in any Python.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from interactive_train.autodiff.ghost import Ghost, looked_at
from interactive_train.autodiff.tensor import Tensor
from interactive_train.kernels import scalars as code
from interactive_train.program.program import Home, Value
from interactive_train.program.recorder import Recorder

CELLS = {"d": "cells", "f": "single"}  # the regions in which a number lies, by type


class Cells:
    """The numbers of one recording, and the code that computes them.

    Attributes
    ----------
    present : list of float
        The value of each cell while recording.
    inputs : int
        How many of the first are set anew in every step.
    code : list of (operation, cell, cell, cell)
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.present: list[float] = []
        self.inputs = 0
        self.code: list[tuple[int, int, int, int]] = []
        self._known: dict[Any, int] = {}

    def input(self, value: float) -> Scalar:
        """Return a number that the schedule sets in each step; before all others."""
        assert self.inputs == len(self.present), "inputs come first"
        self.inputs += 1
        return self._cell(value)

    def kept(self, value: float) -> Scalar:
        """Return a number that is kept from step to step."""
        return self._cell(value)

    def constant(self, value: float) -> int:
        """Return the cell of a constant."""
        key = (value, math.copysign(1.0, value))
        if key not in self._known:
            self._known[key] = self._cell(value).cell
        return self._known[key]

    def compute(self, operation: int, x: Any, y: Any, value: float) -> Scalar:
        """Return the result of an operation, whose present value is given."""
        key = (operation, self._of(x), self._of(y))
        if key not in self._known:
            out = self._cell(value)
            self.code.append((*key, out.cell))
            self._known[key] = out.cell
        return Scalar(self, self._known[key], value)

    def require(self, operation: int, x: Any, y: Any, holds: bool) -> bool:
        """Remember that a comparison came out as it did."""
        self.code.append((operation, self._of(x), self._of(y), int(holds)))
        return holds

    def _cell(self, value: float) -> Scalar:
        self.present.append(value)
        return Scalar(self, len(self.present) - 1, value)

    def _of(self, x: Any) -> int:
        return x.cell if isinstance(x, Scalar) else self.constant(float(x))


class Scalar:
    """A number that is known at the step only; see the module."""

    __slots__ = ("cell", "cells", "present")

    def __init__(self, cells: Cells, cell: int, present: float) -> None:
        self.cells, self.cell, self.present = cells, cell, present

    def __tensor__(self, dtype: np.dtype[Any]) -> Tensor:
        """Return the number as a 0-d value of a floating type."""
        recorder = self.cells.recorder
        home = Home(CELLS[dtype.char], self.cell)
        number = len(recorder.values)
        recorder.values.append(Value((), dtype, home))
        ghost: Any = Ghost(recorder, number, (), dtype)
        return Tensor.wrap(ghost)

    # Arithmetic ---------------------------------------------------------------------------

    def _binary(self, operation: int, x: Any, y: Any) -> Any:
        for other in (x, y):
            if not isinstance(other, (Scalar, int, float, np.floating, np.integer)):
                return NotImplemented
        return self.cells.compute(operation, x, y, _calculate(operation, _now(x), _now(y)))

    def _unary(self, operation: int) -> Scalar:
        return self.cells.compute(operation, self, self, _calculate(operation, self.present, 0.0))

    def __add__(self, other: Any) -> Any:
        return self._binary(code.ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._binary(code.ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._binary(code.SUBTRACT, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary(code.SUBTRACT, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._binary(code.MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary(code.MULTIPLY, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._binary(code.DIVIDE, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary(code.DIVIDE, other, self)

    def __pow__(self, other: Any) -> Any:
        return self._binary(code.POWER, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary(code.POWER, other, self)

    def __neg__(self) -> Scalar:
        return self._unary(code.NEGATIVE)

    def __pos__(self) -> Scalar:
        return self

    def __abs__(self) -> Scalar:
        return self._unary(code.ABSOLUTE)

    def __floor__(self) -> Scalar:
        return self._unary(code.FLOOR)

    def sqrt(self) -> Scalar:
        """Return the square root; ``np.sqrt`` calls it."""
        return self._unary(code.SQRT)

    # Conditions ---------------------------------------------------------------------------

    def _compare(self, operation: int, x: Any, y: Any) -> Any:
        for other in (x, y):
            if not isinstance(other, (Scalar, int, float, np.floating, np.integer)):
                return NotImplemented
        now = _now(x), _now(y)
        holds = now[0] < now[1] if operation == code.LESS else now[0] <= now[1]
        if operation == code.EQUAL:
            holds = now[0] == now[1]
        return self.cells.require(operation, x, y, holds)

    def __lt__(self, other: Any) -> Any:
        return self._compare(code.LESS, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(code.LESS, other, self)

    def __le__(self, other: Any) -> Any:
        return self._compare(code.LESS_EQUAL, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(code.LESS_EQUAL, other, self)

    def __eq__(self, other: object) -> Any:
        return self._compare(code.EQUAL, self, other)

    def __ne__(self, other: object) -> Any:
        equal = self._compare(code.EQUAL, self, other)
        return equal if equal is NotImplemented else not equal

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return not self._compare(code.EQUAL, self, 0.0)

    def __float__(self) -> NoReturn:
        raise looked_at("a hyperparameter is turned into a plain number")

    __int__ = __index__ = __float__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        operation = _UFUNCS.get(ufunc.__name__)
        if method != "__call__" or options or operation is None:
            return NotImplemented
        if any(isinstance(x, (np.ndarray, Tensor)) for x in inputs):
            from interactive_train.autodiff.tensor import OPERATIONS

            return OPERATIONS[ufunc.__name__](*inputs)
        if operation >= code.LESS:
            return self._compare(operation, *inputs)
        return self._unary(operation) if len(inputs) == 1 else self._binary(operation, *inputs)

    def __repr__(self) -> str:
        return f"<a number, now {self.present:g}>"


_UFUNCS = {
    "add": code.ADD,
    "subtract": code.SUBTRACT,
    "multiply": code.MULTIPLY,
    "divide": code.DIVIDE,
    "power": code.POWER,
    "minimum": code.MINIMUM,
    "maximum": code.MAXIMUM,
    "negative": code.NEGATIVE,
    "absolute": code.ABSOLUTE,
    "sqrt": code.SQRT,
    "exp": code.EXP,
    "log": code.LOG,
    "floor": code.FLOOR,
    "less": code.LESS,
    "less_equal": code.LESS_EQUAL,
    "equal": code.EQUAL,
}


def _now(x: Any) -> float:
    return x.present if isinstance(x, Scalar) else float(x)


def _calculate(operation: int, x: float, y: float) -> float:
    """Return what the kernel will compute: one cell, by its plain loop."""
    cells = np.array([x, y, 0.0])
    empty = np.zeros((0, 0))
    with np.errstate(all="ignore"):
        words = np.array([[operation, 0, 1, 2]])
        code.scalars(cells, np.zeros(3), empty, np.zeros(1, np.int64), words, 0, 0, 1, 3)
    return float(cells[2])
