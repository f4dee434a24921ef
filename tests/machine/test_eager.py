"""Eager calls: any thread, any nesting, native and checked, with the GIL held or given away."""

from __future__ import annotations

import contextvars
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import Tensor
from interactive_train.kernels.elementwise import ADD
from interactive_train.kernels.gemm import GEMM, gemm_sizes
from interactive_train.machine import eager
from interactive_train.machine.eager import INPUTS, RESULT, PreparedRow, execution, is_checked

F4 = np.dtype(np.float32)


def test_two_threads_use_the_engine_at_once() -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        draw = np.random.default_rng(seed)
        for _ in range(200):
            n = int(draw.integers(1, 40))
            a, b = draw.normal(size=(n, n)), draw.normal(size=(n, n))
            got = (Tensor(a) @ Tensor(b) + Tensor(a)).numpy()
            if not np.allclose(got, a @ b + a):
                wrong.append(f"seed {seed}, n {n}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_operation_may_run_inside_another_ones_call() -> None:
    """A finaliser that computes while a row is being filled in must not disturb it."""
    row = PreparedRow(ADD.kernel("ff"), F4, (RESULT, *INPUTS[:2], 3))
    out, a, b = (np.full(3, v, np.float32) for v in (0.0, 1.0, 2.0))

    class Addresses(list[int]):
        def __getitem__(self, index: Any) -> Any:
            inner = [np.full(3, v, np.float32) for v in (0.0, 10.0, 20.0)]
            row.run([x.ctypes.data for x in inner], "inner")
            assert inner[0].tolist() == [30.0] * 3
            return super().__getitem__(index)

    row.run(Addresses(x.ctypes.data for x in (out, a, b)), "outer")
    assert out.tolist() == [3.0] * 3


def test_checked_names_the_operation_that_made_the_first_nan() -> None:
    x: Any = Tensor([1.0, 0.0])
    with execution("checked"), pytest.raises(FloatingPointError, match="log: the first value"):
        np.log(x)
    assert np.log(x).numpy().tolist() == [0.0, -np.inf]


def test_checked_and_native_agree() -> None:
    x = Tensor(np.random.default_rng(0).normal(size=(4, 3)))

    def f() -> Any:
        return (np.tanh(x @ x.T) + np.sum(x, axis=1)).numpy()

    native = f()
    with execution("checked"):
        assert is_checked()
        checked = f()
    np.testing.assert_allclose(checked, native, rtol=1e-13)
    assert not is_checked()


def test_the_mode_ends_with_the_block_also_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="inside"), execution("checked"):
        raise RuntimeError("inside")
    assert not is_checked()


def test_the_mode_belongs_to_the_context() -> None:
    seen: list[bool] = []
    with execution("checked"):
        thread = threading.Thread(target=lambda: seen.append(is_checked()))
        thread.start()
        thread.join()
        copied = threading.Thread(
            target=contextvars.copy_context().run, args=(lambda: seen.append(is_checked()),)
        )
        copied.start()
        copied.join()
    assert seen == [False, True]


def test_an_unknown_mode_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r'it\.execution: the mode is "native", "eager" or'),
        execution("fast"),  # type: ignore[arg-type]
    ):
        pass


def test_small_calls_keep_the_gil_and_large_ones_give_it_away() -> None:
    def releases(kernel: Any, arrays: list[Any], *sizes: int) -> bool:
        row = PreparedRow(kernel, F4, (RESULT, *INPUTS[:2], *sizes))
        row.check(arrays)
        return row._releases

    small, large = np.zeros(100, np.float32), np.zeros(50_000, np.float32)
    add = ADD.kernel("ff")
    assert not releases(add, [small, small.copy(), small.copy()], 100)
    assert releases(add, [large, large.copy(), large.copy()], 50_000)
    for n, expected in ((64, False), (128, True)):
        sizes = gemm_sizes(1, (n, n, n), 0, 0, 1)
        square = [np.zeros((1, n, n), np.float32) for _ in range(3)]
        assert releases(GEMM, square, *sizes) is expected


def test_a_block_of_memory_serves_many_calls() -> None:
    row = PreparedRow(ADD.kernel("ff"), F4, (RESULT, *INPUTS[:2], 1))
    x = np.ones(1, np.float32)
    out = np.zeros(1, np.float32)
    for _ in range(10):
        row.run([out.ctypes.data, x.ctypes.data, x.ctypes.data], "add")
    assert len(row._blocks) == 1


def test_addresses_of_odd_arrays() -> None:
    array = np.zeros((2, 3))
    assert eager.address_of(array) == array.ctypes.data
    array.flags.writeable = False
    assert eager.address_of(array) == array.ctypes.data
    assert isinstance(eager.address_of(np.zeros((0, 3))), int)


def test_the_plan_keeps_no_array_of_a_call_alive() -> None:
    array = np.ones(7)
    gone = weakref.ref(array)
    result = Tensor.wrap(array) + Tensor(np.ones(7))
    del array
    assert gone() is None
    assert result.shape == (7,)
