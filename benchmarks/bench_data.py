"""How fast batches are gathered: an epoch of 60 000 rows of 784 float32, 128 at a time.

    python benchmarks/bench_data.py [--json FILE] [--epochs N] [--rows N]

The ceiling is ``np.take`` of the whole array in one call, shuffled and in order; GB/s count the
bytes of the batches, which are read once and written once.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

import interactive_train as it

COLUMNS, BATCH = 784, 128


def best_of(times: int, work: Callable[[], Any]) -> float:
    """Return the shortest of several times in seconds, after one that warms up."""
    work()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def drain(data: Iterable[Any]) -> None:
    for _ in data:
        pass


def measure(rows: int, epochs: int) -> dict[str, float]:
    """Return GB/s by what was measured."""
    rng = np.random.default_rng(0)
    x = rng.random((rows, COLUMNS), dtype=np.float32)
    y = rng.integers(0, 10, rows)
    order = rng.permutation(rows)
    ordered = np.arange(rows)
    used = rows // BATCH * BATCH
    gigabytes = used * COLUMNS * x.itemsize / 1e9
    out = np.empty_like(x)

    def split(array: Any) -> None:
        for i in range(0, used, BATCH):
            np.take(x, array[i : i + BATCH], axis=0)

    cases: dict[str, Callable[[], Any]] = {
        "ceiling, in order: one np.take of all rows": lambda: np.take(
            x, ordered, axis=0, out=out, mode="clip"
        ),
        "ceiling, shuffled: one np.take of all rows": lambda: np.take(
            x, order, axis=0, out=out, mode="clip"
        ),
        "a bare loop of np.take, shuffled": lambda: split(order),
        "batches, in order": lambda: drain(it.batches(x, y, batch_size=BATCH)),
        "batches, shuffled": lambda: drain(it.batches(x, y, batch_size=BATCH, shuffle=0)),
        "batches, shuffled, prefetch(2)": lambda: drain(
            it.batches(x, y, batch_size=BATCH, shuffle=0).prefetch(2)
        ),
        "row by row: from_arrays, map, batch": lambda: drain(
            it.Data.from_arrays(x[:2000], y[:2000]).map(lambda a, b: (a, b)).batch(BATCH)
        ),
    }
    scale = {"row by row: from_arrays, map, batch": 2000 / used}
    return {
        name: gigabytes * scale.get(name, 1.0) / best_of(epochs, work)
        for name, work in cases.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--epochs", type=int, default=5, help="how many times each is measured")
    parser.add_argument("--rows", type=int, default=60_000)
    options = parser.parse_args()
    found = measure(options.rows, options.epochs)
    print(f"{options.rows} x {COLUMNS} float32, batches of {BATCH}: best of {options.epochs}")
    for name, speed in found.items():
        print(f"  {name:45s} {speed:7.2f} GB/s")
    if options.json is not None:
        report = {
            "benchmark": "data",
            "unit": "GB/s",
            "rows": options.rows,
            "batch_size": BATCH,
            "numpy": np.__version__,
            "machine": platform.machine(),
            "results": found,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
