"""Programs for tests: recorded from functions, lowered for the checked executor, and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import recording
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Tensor
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_checked
from interactive_train.machine.table import Table
from interactive_train.program import lower as lowering
from interactive_train.program.compile import build, optimised
from interactive_train.program.lower import Lowered
from interactive_train.program.program import Home, Program
from interactive_train.program.recorder import Recorder

Array = NDArray[Any]
Function = Callable[..., Sequence[Tensor]]


def recorded(function: Function, arrays: Sequence[Array], batched: Sequence[int] = ()) -> Program:
    """Record a function of tensors; its inputs lie in regions "in.0", ..., results are "0", ..."""
    recorder = Recorder()
    with recording():
        ghosts = [
            recorder.input(a.shape, a.dtype, Home(f"in.{i}"), i in batched)
            for i, a in enumerate(arrays)
        ]
        found = function(*(Tensor.wrap(g) for g in ghosts))  # type: ignore[arg-type]
        for number, tensor in enumerate(found):
            recorder.output(str(number), tensor)
    return recorder.program()


def regions_of(arrays: Sequence[Array]) -> dict[str, Array]:
    """Return copies of arrays as the regions of a recorded function."""
    return {f"in.{i}": np.ascontiguousarray(a).reshape(-1).copy() for i, a in enumerate(arrays)}


class _Unlinked(Table):
    """A table without native addresses: nothing is compiled for it."""

    @classmethod
    def build(cls, *arguments: Any, **options: Any) -> Table:
        return Table.build(*arguments, **{**options, "native": False})


def lowered(program: Program, regions: dict[str, Array], batch: int, shards: int) -> Lowered:
    """Build a program for the checked executor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "Table", _Unlinked)
        return build(program, regions, batch, shards)


def run(
    program: Program, arrays: Sequence[Array], shards: int = 1, batch: int = 0, steps: int = 1
) -> list[Array]:
    """Return the results of a program that went through the passes, by the checked executor."""
    return [found.copy() for found in _run(program, regions_of(arrays), shards, batch, steps)]


def _run(
    program: Program, regions: dict[str, Array], shards: int, batch: int, steps: int
) -> list[Array]:
    made = lowered(program, regions, batch, shards)
    control = ControlBlock()
    control.limit = steps
    with np.errstate(all="ignore"):
        code = run_checked(made.table, control, made.schedule)
    assert code == 0, f"status {code}"
    return [made.outputs[str(n)] for n in range(len(made.outputs))]


def results(
    function: Function,
    arrays: Sequence[Array],
    batched: Sequence[int] = (),
    shards: int = 1,
    without: Sequence[str] = (),
) -> list[Array]:
    """Record, optimise and run a function."""
    batch = len(arrays[batched[0]]) if batched else 0
    program = optimised(recorded(function, arrays, batched), without)
    return run(program, arrays, shards, batch)


def eagerly(function: Function, arrays: Sequence[Array]) -> list[Array]:
    """Return what the function gives on plain tensors."""
    return [t.numpy() for t in function(*(Tensor(a) for a in arrays))]


def with_gradients(loss: Callable[..., Any], *of: int) -> Function:
    """Return the function that gives a loss and its gradients by some of its arguments."""

    def function(*tensors: Tensor) -> list[Tensor]:
        points = [leaf(t) if i in of else t for i, t in enumerate(tensors)]
        value = loss(*points)
        seed = Tensor.wrap(np.ones(value.shape, value.dtype))
        found = backward(value, seed, [points[i] for i in of])
        return [value, *(tensors[i] * 0.0 if g is None else g
                         for i, g in zip(of, found, strict=True))]  # fmt: skip

    return function
