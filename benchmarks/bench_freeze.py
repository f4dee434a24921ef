"""What freezing saves: the time of a training step with more and more layers frozen.

A frozen layer's gradients are not computed, and below the lowest layer that trains nothing
is propagated back. ``python benchmarks/bench_freeze.py`` prints one line per state; it exits
with 1 if freezing all but the head saves less than a fifth of a step.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np

import interactive_train as it
from interactive_train import losses, nn, optim

WIDTH, BATCH, ROUNDS, STEPS = 512, 128, 7, 6


def main() -> int:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, WIDTH)).astype(np.float32)
    y = rng.integers(0, 10, BATCH)
    layers: list[Any] = []
    for _ in range(4):
        layers += [nn.Linear(WIDTH, WIDTH), nn.relu]
    layers.append(nn.Linear(WIDTH, 10))
    model = it.init(nn.Sequential(*layers), seed=0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy_sparse(model(x), y)

    cases: dict[str, list[str]] = {
        "nothing frozen": [],
        "the last two of five frozen": ["layers.6", "layers.8"],  # gradients pass through them
        "the first two frozen": ["layers.0", "layers.2"],
        "all but the head frozen": ["layers.0", "layers.2", "layers.4", "layers.6"],
    }
    states = {name: it.setup(optim.Adam(1e-4), model) for name in cases}
    for name, paths in cases.items():
        for path in paths:
            it.freeze(states[name], path)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(ROUNDS + 1):  # in turns, so that a busy neighbour hits all alike
        for name, state in states.items():
            start = time.perf_counter()
            it.train(loss, model, [(x, y)] * STEPS, state, progress=False)
            if round_:  # the first round compiles and warms up
                times[name].append((time.perf_counter() - start) / STEPS)
    full = statistics.median(times["nothing frozen"])
    for name in cases:
        median = statistics.median(times[name])
        print(f"{name:30} {1e3 * median:7.2f} ms a step, {100 * (1 - median / full):3.0f} % saved")
    head = statistics.median(times["all but the head frozen"])
    return 0 if head < 0.8 * full else 1


if __name__ == "__main__":
    sys.exit(main())
