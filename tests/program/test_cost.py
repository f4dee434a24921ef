"""Costs of kernel calls: what the loops say, and what formulas say of the coarse kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.kernels import catalogue, elementwise, steps
from interactive_train.kernels.attention import ATTENTION, ATTENTION_GRADIENT
from interactive_train.kernels.convolution import CONVOLVE_PLAIN, CONVOLVE_WEIGHT_PLAIN
from interactive_train.kernels.gemm import GEMM
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.lstm import LSTM_SCAN
from interactive_train.kernels.movement import COPY, GATHER_VIEW
from interactive_train.kernels.normalisation import CHANNEL_PRODUCTS
from interactive_train.kernels.reduction import SUM
from interactive_train.program.cost import counted, flops, nbytes, seconds
from interactive_train.program.program import Op

SINGLE = np.dtype(np.float32)


def call(kernel: Kernel, **sizes: int) -> Op:
    """Return a call with these sizes, 1 for the others; its arrays are never looked at."""
    empty: Any = np.zeros(0, np.float32)
    return Op(
        kernel,
        SINGLE,
        tuple(sizes.get(d.name, 1) if d.role == "size" else empty for d in kernel.operands),
    )


def test_an_elementwise_loop_costs_its_operations_per_element() -> None:
    op = call(elementwise.ADD.kernel("ff"), n=10)
    assert (flops(op), nbytes(op)) == (10, 3 * 40)


def test_a_copy_moves_bytes_and_computes_nothing() -> None:
    assert (flops(call(COPY, n=10)), nbytes(call(COPY, n=10))) == (0, 80)


def test_a_product_has_two_operations_for_each_of_its_multiplications() -> None:
    assert flops(call(GEMM, batch=3, m=4, n=5, k=6)) == 2 * 3 * 4 * 5 * 6


def test_a_sum_has_about_one_operation_per_element() -> None:
    assert 600 <= flops(call(SUM, outer=1, middle=60, inner=10)) <= 700


def test_of_two_ways_through_a_kernel_the_one_that_the_sizes_choose_is_counted() -> None:
    flat = flops(call(CHANNEL_PRODUCTS, outer=10, channels=4, inner=1))
    deep = flops(call(CHANNEL_PRODUCTS, outer=10, channels=4, inner=100))
    assert 3 * 40 <= flat <= 5 * 40
    assert 3 * 4000 <= deep <= 4 * 4000


def test_a_convolution_and_the_gradients_of_it_cost_alike() -> None:
    shape = {"images": 2, "sources": 3, "targets": 5, "height": 8, "width": 9, "rows": 8,
             "columns": 9, "taps_y": 3, "taps_x": 3}  # fmt: skip
    wanted = 2 * (2 * 5 * 8 * 9) * (3 * 3 * 3)
    assert flops(call(CONVOLVE_PLAIN, **shape, depth=3, filters=5, transposed=0)) == wanted
    assert flops(call(CONVOLVE_WEIGHT_PLAIN, **shape, depth=3)) == wanted
    back = shape | {"sources": 5, "targets": 3}
    assert flops(call(CONVOLVE_PLAIN, **back, depth=3, filters=5, transposed=1)) == wanted


def test_a_scan_costs_one_product_per_step_and_a_little_more() -> None:
    product = 2 * 4 * 7 * 16 * (4 * 16)
    assert product < flops(call(LSTM_SCAN, batch=4, steps=7, hidden=16)) < 1.5 * product


def test_causal_attention_counts_only_pairs_that_may_look_at_each_other() -> None:
    sizes = {"batch": 2, "queries": 8, "keys": 8, "heads": 3, "kv_heads": 3, "head": 16}
    every, half = (flops(call(ATTENTION, **sizes, causal=c)) for c in (0, 1))
    assert every * 36 == half * 64
    assert flops(call(ATTENTION_GRADIENT, **sizes, causal=0)) > 2 * every


def test_a_view_moves_what_it_gathers_and_not_all_that_it_could_see() -> None:
    assert nbytes(call(GATHER_VIEW, rows=4, columns=5, span=10**6)) == 2 * 20 * 4


def test_what_a_generated_loop_reads_and_replaces_counts_twice() -> None:
    text = "def fused_x(x0, n):\n    for i in range(n):\n        v0 = x0[i]\n        x0[i] = v0\n"
    kernel = Kernel("fused_x", lambda x0, n: 0, "x0=T[n] n", text=text + "    return 0\n")
    assert nbytes(call(kernel, n=10)) == 80


@pytest.mark.parametrize(
    "kernel",
    [k for m in (catalogue, steps) for k in vars(m).values() if isinstance(k, Kernel)],
    ids=lambda kernel: kernel.name,
)
def test_every_kernel_has_a_cost(kernel: Kernel) -> None:
    op = call(kernel, **{d.name: 4 for d in kernel.operands if d.role == "size"})
    assert flops(op) >= 0
    assert nbytes(op) > 0
    assert seconds(op) > 0
    assert all(count >= 0 for count, _ in counted(kernel))
