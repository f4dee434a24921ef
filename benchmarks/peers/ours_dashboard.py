"""Ours with a dashboard attached: a run in a Jupyter kernel, its pictures acknowledged.

The kernel trains in the background at full speed and is asked for its step at the beginning
and at the end of a block. In between this process is the page: it acknowledges each picture at
once. The page's own drawing is not on the kernel's side and is left out; memory is the kernel's.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.worker import Steps, serve
from benchmarks.workloads import Workload

SETUP = """
import sys, time
sys.path.insert(0, {root!r})
import interactive_train as it
from benchmarks.peers.ours_models import trainer_of
from benchmarks.peers.worker import own_peak
from benchmarks.workloads import WORKLOADS
from interactive_train_widgets import Dashboard

workload = WORKLOADS[{name!r}]
trainer = trainer_of(workload)
data = it.batches(*workload.arrays(), batch_size=workload.batch, shuffle=0)
run = trainer.start(trainer.init(seed=0), data, clip_norm=workload.clip, name="bench")
board = Dashboard(run)
display(board)
while run.step < 1 and run.status == "running":
    time.sleep(0.001)
if run.status == "failed":
    raise run.error
run.pause().wait()
"""
LOOK = """
if run.status not in ("running", "paused"):
    raise run.error or RuntimeError(f"the run is {run.status}")
print([run.step, time.perf_counter()])
"""
STUCK = 60.0  # seconds without a step after which the run is given up


class Page:
    """The kernel, with a front end in which the dashboard is seen."""

    def __init__(self, workload: Workload, folder: Path) -> None:
        from tests.kernel.client import KernelClient

        root = str(Path(__file__).resolve().parents[2])
        self.kernel = KernelClient(folder)
        execution = self.kernel.execute(SETUP.format(root=root, name=workload.name))
        if execution.status != "ok":
            self.kernel.stop()
            raise RuntimeError(execution.error.splitlines()[-1])
        view: Any = execution.displays[0]["application/vnd.jupyter.widget-view+json"]
        self.comm: str = view["model_id"]
        self.kernel.send_custom(
            self.comm, {"kind": "ready", "view": "v", "rate": 10, "columns": 700}
        )

    def show(self, seconds: float) -> None:
        """Take in pictures for some time, and acknowledge each."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = len(self.kernel.messages)
            self.kernel.collect(min(0.02, seconds))
            for message in self.kernel.messages[seen:]:
                content = message["content"]
                if message["msg_type"] == "comm_msg" and content.get("comm_id") == self.comm:
                    sequence = content["data"].get("content", {}).get("sequence")
                    if sequence is not None:
                        self.kernel.send_custom(self.comm, {"kind": "ack", "sequence": sequence})
            del self.kernel.messages[:]

    def look(self) -> tuple[int, float]:
        """Return the run's step and the kernel's clock."""
        step, clock = json.loads(self.kernel.run(LOOK))
        return step, clock

    def steps(self, count: int) -> float:
        """Let the run go on for about so many steps; return seconds per step."""
        self.kernel.run("run.resume().wait()")
        begun, start = step, clock = self.look()
        while step - begun < count:
            passed, done = clock - start, step - begun
            if not done and passed > STUCK:
                raise RuntimeError(f"the run stands at step {step} since {passed:.0f} s")
            guess = passed / done * (count - done) if done else 0.05
            self.show(min(max(guess, 0.02), 2.0))
            step, clock = self.look()
        self.kernel.run("run.pause().wait()")
        return (clock - start) / (step - begun)

    def peak(self) -> float:
        """Return the kernel's peak memory in MB."""
        return float(self.kernel.run("print(own_peak())"))


def main() -> None:
    """Serve, and stop the kernel at the end."""
    pages: list[Page] = []

    def prepare(workload: Workload) -> Steps:
        pages.append(Page(workload, Path(folder)))
        return lambda count: pages[0].steps(count) if count > 1 else 0.0

    with tempfile.TemporaryDirectory() as folder:
        try:
            serve(prepare, lambda: pages[0].peak())
        finally:
            for page in pages:
                page.kernel.stop()


if __name__ == "__main__":
    main()
