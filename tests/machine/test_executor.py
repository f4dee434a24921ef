"""The two executors do the same: steps, limit, mailbox, guard, commit, codes, history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.elementwise import ADD, DIVIDE, LOG, TO_FLOAT64
from interactive_train.kernels.indexing import TAKE_ROWS
from interactive_train.kernels.status import BAD_INDEX, INTERRUPTED, NONFINITE, decode
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_checked, run_native
from interactive_train.machine.table import Instruction, Table

F4 = np.dtype(np.float32)
F8 = np.dtype(np.float64)
Run = Callable[[Table, ControlBlock], int]
BOTH = pytest.mark.parametrize("run", [run_native, run_checked], ids=["native", "checked"])


class Counter:
    """A step that adds `by` to x, guards its first number, and commits it to `kept`."""

    def __init__(self, capacity: int = 0, start: float = 0.0) -> None:
        self.x = np.full(1, start, np.float32)
        self.by = np.ones(1, np.float32)
        self.kept = np.zeros(1, np.float32)
        self.control = ControlBlock(guards=1, capacity=capacity)
        add = Instruction(ADD.kernel("ff"), F4, (self.x, self.x, self.by, 1), "count", True)
        tell = Instruction(TO_FLOAT64.kernel("f"), F4, (self.control.guards, self.x, 1))
        zero = np.zeros(1, np.float32)
        keep = Instruction(ADD.kernel("ff"), F4, (self.kept, self.x, zero, 1), "commit")
        self.table = Table.build([add, tell, keep], commit=2)


@BOTH
def test_it_runs_up_to_the_limit_and_can_go_on(run: Run) -> None:
    counter = Counter()
    counter.control.limit = 5
    assert run(counter.table, counter.control) == 0
    assert (counter.control.step, float(counter.kept[0])) == (5, 5.0)
    assert run(counter.table, counter.control) == 0
    assert counter.control.step == 5
    counter.control.limit = 7
    run(counter.table, counter.control)
    assert (counter.control.step, float(counter.kept[0])) == (7, 7.0)


@BOTH
def test_the_history_holds_as_many_losses_as_fit(run: Run) -> None:
    counter = Counter(capacity=3)
    counter.control.limit = 5
    run(counter.table, counter.control)
    assert counter.control.losses.tolist() == [1.0, 2.0, 3.0]


@BOTH
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_leaves_nothing_behind(run: Run, poison: float) -> None:
    counter = Counter(capacity=4)
    counter.control.limit = 2
    run(counter.table, counter.control)
    counter.by[0] = poison
    counter.control.limit = 4
    code = run(counter.table, counter.control)
    assert decode(code) == (NONFINITE, 0)
    assert counter.control.status == code
    assert (counter.control.step, float(counter.kept[0])) == (2, 2.0)
    assert counter.control.losses.tolist() == [1.0, 2.0, 0.0, 0.0]


@BOTH
def test_without_a_commit_section_the_guard_stands_at_the_end(run: Run) -> None:
    control = ControlBlock(guards=2)
    value = np.full(1, np.nan)
    keep = Instruction(ADD.kernel("ff"), F8, (control.guards[1:], value, np.zeros(1), 1))
    code = run(Table.build([keep]), control)
    assert (decode(code), control.step) == ((NONFINITE, 1), 0)


@BOTH
def test_a_posted_mailbox_stops_before_the_next_step(run: Run) -> None:
    counter = Counter()
    counter.control.limit = 5
    counter.control.post()
    assert run(counter.table, counter.control) == INTERRUPTED
    assert counter.control.step == 0
    counter.control.clear()
    assert counter.control.status == 0
    assert run(counter.table, counter.control) == 0
    assert (counter.control.step, counter.control.status) == (5, 0)


@BOTH
def test_a_new_run_forgets_the_last_status(run: Run) -> None:
    counter = Counter()
    counter.control.post()
    run(counter.table, counter.control)
    counter.control.words[4] = 0  # the mailbox alone
    assert run(counter.table, counter.control) == 0
    assert counter.control.status == 0


def test_another_thread_stops_a_native_run_between_two_steps() -> None:
    counter = Counter()
    counter.control.limit = 2**60
    worker = threading.Thread(target=run_native, args=(counter.table, counter.control))
    worker.start()
    deadline = time.monotonic() + 20
    while counter.control.step == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    counter.control.post()
    worker.join(20)
    assert not worker.is_alive()
    assert counter.control.status == INTERRUPTED
    assert counter.control.step > 0
    assert counter.kept[0] == counter.x[0]


@BOTH
def test_a_code_names_instruction_and_row(run: Run) -> None:
    table, index = np.zeros((3, 2), np.float32), np.array([0, 7], np.int64)
    out = np.zeros((2, 2), np.float32)
    first = Instruction(ADD.kernel("ff"), F4, (np.zeros(1, "f"), np.zeros(1, "f"), out[0], 1))
    take = Instruction(TAKE_ROWS, F4, (np.zeros((2, 2), "f"), table, index, 2, 2, 3), "embedding")
    control = ControlBlock()
    code = run(Table.build([first, take]), control)
    assert decode(code) == (BAD_INDEX, 1)
    assert control.row == 1
    assert control.status == code


@BOTH
def test_a_table_without_rows_counts_steps(run: Run) -> None:
    control = ControlBlock()
    control.limit = 3
    assert run(Table.build([]), control) == 0
    assert control.step == 3


def one(kernel: Any, x: float, *more: float) -> Table:
    values = [np.full(2, v, np.float32) for v in (x, *more)]
    operands: tuple[Any, ...] = (np.zeros(2, np.float32), *values, 2)
    return Table.build([Instruction(kernel, F4, operands, "layers.2 gelu")])


def test_checked_names_the_first_value_that_is_not_finite() -> None:
    with pytest.raises(FloatingPointError, match=r"layers\.2 gelu: .*out\[0\] = -inf; every input"):
        run_checked(one(LOG.kernel("f"), 0.0), ControlBlock())
    with pytest.raises(FloatingPointError, match=r"layers\.2 gelu: .*out\[0\] = nan"):
        run_checked(one(DIVIDE.kernel("ff"), 0.0, 0.0), ControlBlock())


def test_checked_blames_no_instruction_for_what_it_was_given() -> None:
    assert run_checked(one(LOG.kernel("f"), np.nan), ControlBlock()) == 0


def test_checked_needs_no_native_code() -> None:
    kernel = LOG.kernel("f")
    operands = (np.zeros(1, "f"), np.ones(1, "f"), 1)
    table = Table.build([Instruction(kernel, F4, operands)], native=False)
    assert not table.words[:, 0].any()
    assert run_checked(table, ControlBlock()) == 0
    with pytest.raises(ValueError, match="holds no addresses; build it with native=True"):
        run_native(table, ControlBlock())
