"""What this machine can do at most: products per second and bytes per second.

    python -m benchmarks.roofline

Prints JSON: the best rate of sgemm with our BLAS (each usable thread with products of its own,
512 to 1024 a side) and of ``a = b + s * c`` over arrays of several sizes: a step whose numbers
stay in a cache is limited by that cache, so its bandwidth is taken at its own footprint.
"""

from __future__ import annotations

import ctypes
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from interactive_train.runtime.blas import blas
from interactive_train.runtime.cpu import usable_cores

SIDES = (512, 768, 1024)
FOOTPRINTS = tuple(2**power for power in (18, 20, 22, 24, 26, 28))  # 256 KiB ... 256 MiB
ROW_MAJOR, PLAIN = 101, 111


def together(threads: int, make: Callable[[], Callable[[], None]], times: int) -> float:
    """Return the best wall time in which every thread finishes its own call once."""
    calls = [make() for _ in range(threads)]
    for call in calls:
        call()
    best = float("inf")
    for _ in range(times):
        gate = threading.Barrier(threads + 1)

        def work(call: Callable[[], None], gate: threading.Barrier = gate) -> None:
            gate.wait()
            call()
            gate.wait()

        workers = [threading.Thread(target=work, args=(call,)) for call in calls]
        for worker in workers:
            worker.start()
        gate.wait()
        begun = time.perf_counter()
        gate.wait()
        best = min(best, time.perf_counter() - begun)
        for worker in workers:
            worker.join()
    return best


def sgemm_rate(threads: int) -> float:
    """Return FLOP per second."""
    routine = blas().library.scipy_cblas_sgemm
    routine.restype = None
    integer, single, array = ctypes.c_int, ctypes.c_float, ctypes.c_void_p

    def of(side: int) -> float:
        repeats = max(1, 2 * 1024**3 // side**3)

        def make() -> Callable[[], None]:
            a, b, c = (np.ones((side, side), np.float32) for _ in range(3))
            n = integer(side)
            arguments: list[Any] = [integer(ROW_MAJOR), integer(PLAIN), integer(PLAIN), n, n, n]
            arguments += [single(1.0), array(a.ctypes.data), n, array(b.ctypes.data), n]
            arguments += [single(0.0), array(c.ctypes.data), n]

            def call(kept: Any = (a, b, c)) -> None:
                for _ in range(repeats):
                    routine(*arguments)

            return call

        return threads * repeats * 2 * side**3 / together(threads, make, 5)

    return max(of(side) for side in SIDES)


def bandwidths(threads: int) -> dict[int, float]:
    """Return bytes per second, read and written, by the bytes that all threads touch."""

    def loop(a: Any, b: Any, c: Any, repeats: int) -> None:
        for turn in range(repeats):
            s = np.float32(turn)
            for i in range(a.size):
                a[i] = b[i] + s * c[i]

    floats = numba.float32[::1]
    triad = numba.njit((floats, floats, floats, numba.int64), nogil=True)(loop)

    def of(footprint: int) -> float:
        size = footprint // (3 * 4 * threads)
        repeats = max(1, 2**28 // footprint)

        def make() -> Callable[[], None]:
            a, b, c = (np.ones(size, np.float32) for _ in range(3))
            return lambda: triad(a, b, c, repeats)

        return threads * repeats * 3 * 4 * size / together(threads, make, 3)

    return {footprint: of(footprint) for footprint in FOOTPRINTS}


def main() -> None:
    """Measure and print."""
    threads = usable_cores()
    found = {"flops": sgemm_rate(threads), "bandwidth": bandwidths(threads), "threads": threads}
    print(json.dumps(found | {"core": blas().core}))


if __name__ == "__main__":
    main()
