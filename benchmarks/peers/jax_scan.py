"""JAX's step under `lax.scan`: many steps over batches in memory as one call."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.jax_jit import step_of
from benchmarks.peers.worker import Steps, serve, timed
from benchmarks.workloads import Workload


def prepare(workload: Workload) -> Steps:
    """Return the timed loop, which runs whole scans only."""
    import jax
    import numpy as np

    step = step_of(workload)
    turns = [step.batches[i % len(step.batches)] for i in range(workload.scan)]
    stacked = tuple(jax.numpy.array(np.stack(part)) for part in zip(*turns, strict=True))

    def scan(state: Any, batches: Any) -> Any:
        return jax.lax.scan(step.function, state, batches)

    compiled = jax.jit(scan, donate_argnums=0)
    state = step.state

    def loop(scans: int) -> None:
        nonlocal state
        losses = None
        for _ in range(scans):
            state, losses = compiled(state, stacked)
        jax.block_until_ready((state, losses))

    def steps(count: int) -> float:
        scans = max(1, round(count / workload.scan))
        return timed(lambda: loop(scans)) / (scans * workload.scan)

    return steps


if __name__ == "__main__":
    serve(prepare)
