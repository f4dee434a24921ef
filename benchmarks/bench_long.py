"""What a long run leaves in memory: a million steps in a kernel, with a dashboard on them.

    python -m benchmarks.bench_long [--json FILE] [--steps N]

Half of the steps are taken first, so that everything that is made once is there; what the second
half adds is what a run costs as it goes on. The front end acknowledges each picture, as a page
does; the largest picture bounds what a page holds, since each one replaces the last.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench_dashboard import acknowledge
from tests.kernel.client import KernelClient

SETUP = """
import gc, json, os
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train_widgets import Dashboard

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

draw = np.random.default_rng(0)
x = draw.standard_normal((4096, 2)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(2, 16), nn.relu, nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(1e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(seed=0), (x, y), batch_size=64, shuffle=0, name="long",
                    validation=(x, y))
board = Dashboard(run)
display(board)
"""
LOOK = "print(json.dumps([run.step, resident(), len(board.saved)]))"
END = """
run.stop(); run.wait()
view = run.view()
print(json.dumps([len(run.history), view.snapshot_bytes, view.snapshot_limit]))
"""


def until(kernel: KernelClient, comm: str, steps: int, largest: list[int]) -> tuple[int, int]:
    """Read pictures until so many steps are taken; return them and the resident bytes."""
    seen = 0
    while True:
        kernel.collect(0.5)
        seen = acknowledge(kernel, comm, seen, largest)
        step, bytes_now, _ = json.loads(kernel.run(LOOK))
        if step >= steps:
            return step, bytes_now


def main() -> None:
    """Train, look at half of the way and at the end, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--steps", type=int, default=1_000_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kernel = KernelClient(Path(folder))
        try:
            shown = kernel.execute(SETUP).displays[0]
            comm: str = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
            kernel.send_custom(comm, {"kind": "ready", "view": "v", "rate": 10, "columns": 1200})
            begun, largest = time.monotonic(), [0]
            half, before = until(kernel, comm, given.steps // 2, largest)
            steps, after = until(kernel, comm, given.steps, largest)
            seconds = time.monotonic() - begun
            rows, kept, limit = json.loads(kernel.run(END))
        finally:
            kernel.stop()
    result: dict[str, Any] = {
        "steps": steps,
        "seconds": seconds,
        "resident_mb": {"half": before / 1e6, "end": after / 1e6},
        "bytes_a_step": (after - before) / (steps - half),
        "history_rows": rows,
        "snapshots_mb": kept / 1e6,
        "snapshot_limit_mb": limit / 1e6,
        "largest_picture_kb": largest[0] / 1e3,
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    if given.json:
        given.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
