"""What a dashboard costs the kernel: steps a second with it and without it, in turn.

    python -m benchmarks.bench_dashboard [--json FILE] [--rounds N] [--layers]

A kernel trains the quickstart's network at full speed. In every other round a dashboard is
there and a front end that acknowledges each picture at once, as a page does; the page's
own drawing is not on the kernel's side and is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.kernel.client import KernelClient

SETUP = """
import json, time
import interactive_train as it
from interactive_train.training.demo import digits_trainer
from interactive_train_widgets import Dashboard

(x, y), test = it.datasets.digits()

def one(seconds):
    trainer = digits_trainer(10**6)
    run = trainer.start(trainer.init(seed=0), (x, y), batch_size=64, shuffle=0, name="bench")
    return trainer, run
"""
BEGIN = "trainer, run = one(0); board = Dashboard(run) if {board} else None; display(board)"
MEASURE = """
begun, cpu, mine = run.step, time.process_time(), board.publisher_cpu_seconds if board else 0.0
time.sleep({seconds})
cpu = time.process_time() - cpu
mine = (board.publisher_cpu_seconds if board else 0.0) - mine
print(json.dumps([(run.step - begun) / {seconds}, mine / cpu]))
"""
END = "run.stop(); run.wait(); board and board.close()"


def acknowledge(
    kernel: KernelClient, comm: str, seen: int, largest: list[int] | None = None
) -> int:
    """Say that pictures have arrived, from number `seen` on; return how many there were.

    `largest` holds one number, the bytes of the largest picture.
    """
    messages = kernel.published("comm_msg", comm)
    for message in messages[seen:]:
        content = message["content"]["data"].get("content", {})
        if content.get("sequence") is not None:
            kernel.send_custom(comm, {"kind": "ack", "sequence": content["sequence"]})
        if largest is not None:
            size = len(json.dumps(content)) + sum(len(part) for part in message["buffers"])
            largest[0] = max(largest[0], size)
    return len(messages)


def measure(
    kernel: KernelClient, board: bool, seconds: float, layers: bool = False
) -> tuple[float, float]:
    """Return (steps a second, publisher's share of the CPU time) of one round."""
    execution = kernel.execute(BEGIN.format(board=board))
    if board:
        shown = execution.displays[0]["application/vnd.jupyter.widget-view+json"]
        comm: str = shown["model_id"]
        view = {"kind": "ready", "view": "v", "rate": 10, "columns": 700}
        kernel.send_custom(comm, view | {"sections": ["layers"] if layers else []})
    kernel.collect(0.5)
    request = kernel.send_code(MEASURE.format(seconds=seconds))
    answer = ""
    seen = 0
    deadline = time.monotonic() + seconds + 20
    while not answer and time.monotonic() < deadline:
        kernel.collect(0.02)
        if board:
            seen = acknowledge(kernel, comm, seen)
        answer = next(
            (
                m["content"]["text"]
                for m in kernel.messages
                if m["msg_type"] == "stream" and m["parent_header"].get("msg_id") == request
            ),
            "",
        )
    kernel.run(END)
    rate, share = json.loads(answer)
    return rate, share


def main() -> None:
    """Interleave rounds with and without a dashboard; print medians and their ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--layers", action="store_true", help="with the layers unfolded")
    given = options.parse_args()
    rounds: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        kernel = KernelClient(Path(folder))
        try:
            kernel.run(SETUP)
            measure(kernel, False, 1.0)
            for _ in range(given.rounds):
                for board in (False, True):
                    rounds[board].append(measure(kernel, board, given.seconds, given.layers))
        finally:
            kernel.stop()
    off = statistics.median(rate for rate, _ in rounds[False])
    on = statistics.median(rate for rate, _ in rounds[True])
    pairs = [b[0] / a[0] for a, b in zip(rounds[False], rounds[True], strict=True)]
    share = statistics.median(share for _, share in rounds[True])
    result: dict[str, Any] = {
        "steps_per_second": {"off": off, "on": on},
        "ratio_median_of_pairs": statistics.median(pairs),
        "publisher_share_of_cpu": share,
    }
    print(f"without dashboard {off:8.0f} steps/s\nwith dashboard    {on:8.0f} steps/s")
    print(f"ratio, median of {len(pairs)} pairs: {statistics.median(pairs):.3f}")
    print(f"publisher's share of the kernel's CPU time: {100 * share:.2f} %")
    if given.json:
        given.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
