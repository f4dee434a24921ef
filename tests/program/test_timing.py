"""Timing rows of a table: alone, on the step's memory, which is put back in between."""

from __future__ import annotations

import math

import numpy as np

from interactive_train.kernels import elementwise
from interactive_train.kernels.indexing import TAKE_ROWS
from interactive_train.kernels.steps import ADVANCE
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.schedule import Schedule
from interactive_train.machine.table import Instruction, Table
from interactive_train.program.timing import (
    bandwidths,
    least_seconds,
    peak,
    row_seconds,
    step_seconds,
)

DOUBLE = np.dtype(np.float64)


def test_a_timed_row_leaves_what_one_run_of_it_makes() -> None:
    counters, by = np.array([5, 7]), np.array([1, 2])
    table = Table.build([Instruction(ADVANCE, DOUBLE, (counters, by, 2))])
    assert 0 < row_seconds(table, 0) < 1e-3
    assert counters.tolist() == [6, 9]


def test_a_row_that_fails_has_no_time() -> None:
    out, source, index = np.zeros((1, 2)), np.zeros((3, 2)), np.array([3])
    table = Table.build([Instruction(TAKE_ROWS, DOUBLE, (out, source, index, 1, 2, 3))])
    assert math.isnan(row_seconds(table, 0))


def test_more_work_takes_longer() -> None:
    add = elementwise.ADD.kernel("ff")
    rows = [
        Instruction(add, DOUBLE, (np.zeros(n), np.ones(n), np.ones(n), n)) for n in (16, 1 << 16)
    ]
    table = Table.build(rows)
    assert 5 * row_seconds(table, 0) < row_seconds(table, 1)


def test_a_step_is_timed_over_several_in_a_row() -> None:
    counters, by = np.array([0]), np.array([1])
    table = Table.build([Instruction(ADVANCE, DOUBLE, (counters, by, 1))])
    assert 0 < step_seconds(table, Schedule.serial(table), ControlBlock(), 1, 10, runs=2) < 1e-3
    assert counters[0] == 20


def test_the_machine_has_a_peak_and_nothing_can_be_quicker() -> None:
    assert 1e8 < peak("d") < 1e13
    assert min(bandwidths().values()) > 1e8
    assert least_seconds(int(peak("d")), 8, "d") > 0.9
    assert least_seconds(0, 10**9, "d") > 1e-4
