"""What is computed does not depend on where memory lies, nor on which process compiled it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from interactive_train.kernels import normalisation as n
from interactive_train.kernels import reduction as r
from interactive_train.kernels import softmax as s
from interactive_train.kernels.kernel import Kernel
from tests.kernels.fenced import FLOATING, run

SUMS = [
    *(r.SUM, r.SUM_OUTER_INNER, s.SOFTMAX, s.LOG_SOFTMAX, s.CROSS_ENTROPY_ROWS),
    *(s.CROSS_ENTROPY_ROWS_GRADIENT, s.CROSS_ENTROPY_ROWS_BOTH),
    *(n.NORMALISE_ROWS, n.NORMALISE_ROWS_GRADIENT, n.NORMALISE_RMS, n.NORMALISE_RMS_GRADIENT),
    *(n.CHANNEL_SQUARES, n.CHANNEL_PRODUCTS),
]


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize("kernel", SUMS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("length", [4, 5, 8, 13])
def test_a_short_sum_is_the_same_wherever_its_operands_lie(
    kernel: Kernel, dtype: np.dtype[Any], length: int
) -> None:
    """Vectors reach from one small array into its neighbour; `run` puts them side by side."""
    random = np.random.default_rng(length)
    lengths = {"columns": length, "inner": length, "outer": 1}
    if kernel is r.SUM:
        lengths = {"middle": length, "inner": 1}
    sizes = {o.name: lengths.get(o.name, 2) for o in kernel.operands if o.role == "size"}
    operands: list[Any] = []
    for operand in kernel.operands:
        if operand.role == "size":
            operands.append(sizes[operand.name])
        else:
            numbers = abs(random.normal(1.0, 2.0, operand.shape(sizes)))
            operands.append(numbers.astype(operand.dtype(dtype)) % 2)
    code, _ = run(kernel, dtype, *operands)
    assert code == 0


CODE = """
import hashlib
import numpy as np
from interactive_train.kernels import compiler, reduction
from interactive_train.kernels.source import adapter_source

made = []
compiler.save = lambda stored, source: made.append(stored.code)
kind = np.dtype("float32")
compiler.keep("it_sum", adapter_source(reduction.SUM, kind))
print(hashlib.sha256(made[0]).hexdigest())
"""


def test_every_start_compiles_the_same_code() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1
