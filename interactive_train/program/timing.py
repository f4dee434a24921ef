"""Timing: how long one row of a table takes, and what the machine can do at most.

A row runs alone, natively, on the memory that it has in the step; before every run, what it
writes is put back. The rows of a table are timed in their order, so that each finds what those
before it have made. The best of several runs counts: other processes only make a run longer.
"""

from __future__ import annotations

import math
import time
from functools import cache
from typing import Any

import numpy as np

from interactive_train.kernels.gemm import GEMM, gemm_sizes
from interactive_train.kernels.movement import COPY
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.schedule import Schedule
from interactive_train.machine.sharded import run
from interactive_train.machine.table import Instruction, Table
from interactive_train.runtime.blas import blas

ENOUGH = 30e-6  # seconds that one measurement takes at least, so that the clock does not matter
BUDGET = 4e-3  # seconds for one row
MOST_RUNS, MOST_REPEATS = 40, 4096
SIDE = 512  # of the square product that shows the peak
FOOTPRINTS = tuple(1 << power for power in (14, 18, 21, 25))  # bytes: 16 KiB ... 32 MiB


def row_seconds(table: Table, row: int, budget: float = BUDGET) -> float:
    """Return how long a row of a table takes alone, and leave what it makes; NaN if it fails.

    Parameters
    ----------
    table : Table
    row : int
    budget : float
        Seconds to spend; one run is made in any case.
    """
    instruction = table.instructions[row]
    own = Table((instruction,), 1, table.words[row : row + 1])
    schedule, control = Schedule.serial(own), ControlBlock()
    written = [
        value
        for declared, value in zip(instruction.kernel.operands, instruction.operands, strict=True)
        if declared.role == "written" and isinstance(value, np.ndarray)
    ]
    before = [array.copy() for array in written]

    def timed(repeats: int) -> float:
        control.step, control.limit = 0, repeats
        for array, kept in zip(written, before, strict=True):
            array[...] = kept
        begun = time.perf_counter()
        code = run_native(own, control, schedule)
        taken = (time.perf_counter() - begun) / repeats
        return math.nan if code else taken

    blas().use_one_thread()
    if math.isnan(timed(1)):  # also brings code and memory near
        return math.nan
    best, repeats = timed(1), 1
    while best * repeats < ENOUGH and repeats < MOST_REPEATS:
        repeats *= 4
        best = timed(repeats)
    runs = int(budget / max(best * repeats, ENOUGH / 4))
    for _ in range(max(1, min(MOST_RUNS, runs))):
        best = min(best, timed(repeats))
    timed(1)
    return best


def step_seconds(
    table: Table, schedule: Schedule, control: ControlBlock, threads: int, steps: int, runs: int = 5
) -> float:
    """Return the time of one step, as the best of some calls of several steps; NaN without one.

    The steps are taken: whoever owns the memory has to put it back, or to do without it.
    """
    best = math.inf
    for _ in range(runs):
        control.step, control.limit = 0, steps
        begun = time.perf_counter()
        code = run(table, schedule, control, threads)
        taken = time.perf_counter() - begun
        control.clear()
        if control.step:
            best = min(best, taken / control.step)
        if code:
            break
    return best if math.isfinite(best) else math.nan


def _one(kernel: Any, dtype: np.dtype[Any], operands: tuple[Any, ...]) -> float:
    return row_seconds(Table.build([Instruction(kernel, dtype, operands)]), 0, 30e-3)


@cache
def peak(char: str) -> float:
    """Return the FLOP/s of one core in a large product of type "f" or "d"."""
    dtype = np.dtype(char)
    a, b, out = (np.ones((SIDE, SIDE), dtype) for _ in range(3))
    sizes = gemm_sizes(1, (SIDE, SIDE, SIDE), 0, 0, blas().gemm(dtype))
    return float(2 * SIDE**3 / _one(GEMM, dtype, (out, a, b, *sizes)))


@cache
def bandwidths() -> dict[int, float]:
    """Return the bytes per second that one core copies, by the bytes that it touches."""
    found = {}
    for footprint in FOOTPRINTS:
        n = footprint // 8
        x, out = np.ones(n, np.float32), np.ones(n, np.float32)
        found[footprint] = footprint / _one(COPY, np.dtype(np.float32), (out, x, n))
    return found


def bandwidth(nbytes: int) -> float:
    """Return the bandwidth of the memory that can hold so many bytes."""
    known = bandwidths()
    for footprint, rate in known.items():
        if nbytes <= footprint:
            return rate
    return known[FOOTPRINTS[-1]]


def least_seconds(flops: int, nbytes: int, char: str) -> float:
    """Return what a call would take if either products or memory went at their peak."""
    return max(flops / peak(char), nbytes / bandwidth(nbytes))
