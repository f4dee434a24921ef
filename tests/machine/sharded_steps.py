"""Steps in shards that tests run: four shards, a sum, a commit that needs all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.elementwise import ADD, MULTIPLY, TANH, TO_FLOAT64
from interactive_train.kernels.reduction import SUM
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_checked
from interactive_train.machine.sharded import Schedule, run
from interactive_train.machine.table import Instruction, Table

F4 = np.dtype(np.float32)
SHARDS = 4
Runner = Callable[[Table, Schedule, ControlBlock], int]


def checked(table: Table, schedule: Schedule, control: ControlBlock) -> int:
    return run_checked(table, control, schedule)


def on(threads: int) -> Runner:
    return lambda table, schedule, control: run(table, schedule, control, threads)


ALL = pytest.mark.parametrize(
    "runner", [on(1), on(2), on(4), checked], ids=["1 thread", "2 threads", "4 threads", "checked"]
)


def row(kernel: Any, *operands: Any, in_place: bool = False) -> Instruction:
    return Instruction(kernel, F4, operands, kernel.name, in_place)


class Model:
    """Four shards of x <- tanh(x w + b) and their sums; one row adds them; shards commit w."""

    def __init__(self, n: int = 37, capacity: int = 0) -> None:
        self.draw = np.random.default_rng(0)
        self.x = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.w = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.b = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.sums = np.zeros((SHARDS, 1), np.float32)
        self.total = np.zeros(1, np.float32)
        self.control = ControlBlock(guards=1, capacity=capacity)
        self.rows: list[Instruction] = []
        phases: list[list[list[int]]] = []

        def phase(*shards: list[Instruction]) -> None:
            spans = []
            for rows in shards:
                spans.append([len(self.rows), len(self.rows) + len(rows)])
                self.rows += rows
            phases.append(spans + [[0, 0]] * (SHARDS - len(shards)))

        phase(
            *(
                [
                    row(MULTIPLY.kernel("ff"), x, x, w, n, in_place=True),
                    row(ADD.kernel("ff"), x, x, b, n, in_place=True),
                    row(TANH.kernel("f"), x, x, n, in_place=True),
                    row(SUM, s, x, 1, n, 1),
                ]
                for x, w, b, s in zip(self.x, self.w, self.b, self.sums, strict=True)
            )
        )
        phase(
            [
                row(SUM, self.total, self.sums, 1, SHARDS, 1),
                row(TO_FLOAT64.kernel("f"), self.control.guards, self.total, 1),
            ]
        )
        # Each shard takes the x of its neighbour: wrong if the phases before were not done.
        phase(
            *(
                [row(ADD.kernel("ff"), w, w, self.x[(i + 1) % SHARDS], n, in_place=True)]
                for i, w in enumerate(self.w)
            )
        )
        self.table = Table.build(self.rows)
        self.schedule = Schedule(np.array(phases, np.int64), guard=2)

    def run(self, runner: Runner, steps: int) -> int:
        self.control.limit = self.control.step + steps
        return runner(self.table, self.schedule, self.control)

    def state(self) -> bytes:
        return self.x.tobytes() + self.w.tobytes() + self.total.tobytes()
