"""Recorder: notes every primitive that meets a ghost, and so writes a Program.

What depends on no ghost is computed at once, as always, and becomes a constant of the
program: constant folding needs no pass of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import Ghost, NotRecordableError, users_line
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import Slot
from interactive_train.program.program import Commit, Home, Op, Operand, Program, Ref, Value


class Recorder:
    """One recording.

    Attributes
    ----------
    where : str
        The place in the model whose operations are being noted.
    """

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.outputs: dict[str, int] = {}
        self.commits: list[Commit] = []
        self.where = ""
        self._constants: dict[tuple[int, Any], int] = {}
        self._labels: dict[int, str] = {}
        self._thread = threading.get_ident()

    # What goes in and out -----------------------------------------------------------------

    def input(self, shape: tuple[int, ...], dtype: Any, home: Home, batched: bool = False) -> Ghost:
        """Return a value that lies at a home when the step begins."""
        return self._ghost(Value(shape, np.dtype(dtype), home, batched=batched))

    def joined(self, pieces: Sequence[Tensor], size: int, home: Home) -> Tensor:
        """Return the flat value of tensors that were placed side by side from a home on."""
        numbers = tuple(self.number(t) for t in pieces)
        found: Any = self._ghost(
            Value((size,), self.values[numbers[0]].dtype, home, pieces=numbers)
        )
        return Tensor.wrap(found)

    def output(self, name: str, tensor: Tensor, home: Home | None = None) -> None:
        """Ask for a value behind the step, at a place of its own if one is given."""
        self.outputs[name] = self._placed(tensor, home) if home else self.number(tensor)

    def place(self, tensor: Tensor, home: Home) -> Tensor:
        """Return a value that is the same and lies at a home; whoever makes it puts it there."""
        number = self._placed(tensor, home)
        value = self.values[number]
        return Tensor.wrap(Ghost(self, number, value.shape, value.dtype))  # type: ignore[arg-type]

    def commit(self, tensor: Tensor, home: Home) -> None:
        """Let the step leave a value at a home."""
        number = self.number(tensor)
        own, root = self.values[number], self.values[number]
        start = 0
        while root.base >= 0:
            start, root = start + root.start, self.values[root.base]
        if root.home is not None:  # what lies there may be overwritten before it is copied
            if (root.home.region, root.home.start + start) == (home.region, home.start):
                return
            copy = self.fresh(own.shape, own.dtype)
            self._copy(number, copy.number, own)
            number = copy.number
        self.commits.append(Commit(number, home))

    def program(self) -> Program:
        """Return what was recorded."""
        return Program(tuple(self.values), tuple(self.ops), dict(self.outputs), tuple(self.commits))

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        """Label what is noted meanwhile."""
        before, self.where = self.where, where
        try:
            yield
        finally:
            self.where = before

    # What primitives call -----------------------------------------------------------------

    def note(
        self, primitive: Primitive, plan: Plan, inputs: Sequence[Tensor], attributes: Any
    ) -> Ghost:
        """Note one application; return its value."""
        if threading.get_ident() != self._thread:
            raise NotRecordableError(f"{users_line()}: a value is used in another thread")
        if plan.kernel is None:
            return self.view(self._lifted(inputs[0]), plan.shape)
        if plan.spread:
            inputs = list(inputs)
            for position, shape in plan.spread:
                inputs[position] = OPERATIONS["broadcast_to"](inputs[position], shape)
        result = self._ghost(Value(plan.shape, plan.dtype))
        operands: list[Operand] = []
        for operand in plan.operands:
            if isinstance(operand, Slot):
                at = operand.index
                operands.append(Ref(result.number if at == 0 else self.number(inputs[at - 1])))
            else:
                operands.append(operand)
        self.call(plan.kernel, plan.floating, operands, primitive.name)
        self._labels[result.number] = self.where
        return result

    def call(
        self, kernel: Kernel, floating: np.dtype[Any], operands: Sequence[Operand], name: str = ""
    ) -> None:
        """Note a kernel call whose operands are known."""
        self.ops.append(Op(kernel, floating, tuple(operands), name or kernel.name, self.where))

    def fresh(self, shape: tuple[int, ...], dtype: Any, home: Home | None = None) -> Ghost:
        """Return a value that a `call` will make."""
        return self._ghost(Value(shape, np.dtype(dtype), home))

    def view(self, of: Ghost, shape: tuple[int, ...]) -> Ghost:
        """Return the same elements in another shape."""
        before = self.values[of.number]
        batched = before.batched and shape[:1] == before.shape[:1]
        found = self._ghost(Value(shape, of.dtype, base=of.number, batched=batched))
        self._labels[found.number] = self.where
        return found

    def differentiate(self, value: Ghost) -> None:
        """Label what follows as the gradient of what made a value."""
        label = self._labels.get(value.number, "")
        self.where = label if label.endswith("'") else label + "'"

    def number(self, tensor: Tensor) -> int:
        """Return the number of a value; an array from outside becomes a constant."""
        return self._lifted(tensor).number

    # ----------------------------------------------------------------------------------------

    def _lifted(self, tensor: Tensor) -> Ghost:
        data: Any = tensor.data
        if type(data) is Ghost:
            if data.recorder is not self:
                raise NotRecordableError(f"{users_line()}: a value of another recording is used")
            return data
        key = (tensor.address, tensor.spec)
        number = self._constants.get(key)
        if number is None:
            found = self._ghost(Value(tensor.shape, data.dtype, constant=data))
            number = self._constants[key] = found.number
        return Ghost(self, number, tensor.shape, data.dtype)

    def _ghost(self, value: Value) -> Ghost:
        self.values.append(value)
        return Ghost(self, len(self.values) - 1, value.shape, value.dtype)

    def _placed(self, tensor: Tensor, home: Home) -> int:
        """Give a value a home; copy one that has a place already, or shares another's memory."""
        number = self.number(tensor)
        root, start, value = number, 0, self.values[number]
        while value.base >= 0:
            root, start = value.base, start + value.start
            value = self.values[root]
        same = value.size == self.values[number].size
        if same and value.home is None and value.constant is None:
            self.values[root] = replace(value, home=home)
            return number
        own = self.values[number]
        copy = self.fresh(own.shape, own.dtype, home)
        self._copy(number, copy.number, own)
        return copy.number

    def _copy(self, source: int, target: int, value: Value) -> None:
        from interactive_train.kernels.movement import COPY

        floating = np.dtype(np.float32) if value.dtype.itemsize == 4 else np.dtype(np.float64)
        self.call(COPY, floating, (Ref(target), Ref(source), value.size), "copy")


def constant_arrays(program: Program) -> list[NDArray[Any]]:
    """Return the constants of a program, to compare two recordings of one function."""
    found = [v.constant for v in program.values if v.constant is not None]
    found += [o for op in program.ops for o in op.operands if isinstance(o, np.ndarray)]
    return found
