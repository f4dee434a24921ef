"""Ours: `trainer.fit` over shuffled `it.batches`, as a notebook calls it.

The time of a step is the wall time of a fit over its steps behind the first one: the shortest
time that a fit of a single batch took so far is subtracted.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.worker import Steps, serve, timed
from benchmarks.workloads import Workload


def prepare(workload: Workload) -> Steps:
    """Return the timed loop, which runs whole passes over the data only."""
    import interactive_train as it
    from benchmarks.peers.ours_models import trainer_of

    x, y = workload.arrays()
    batch = workload.batch
    trainer = trainer_of(workload)
    data = it.batches(x, y, batch_size=batch, shuffle=0)
    one = it.batches(x[:batch], y[:batch], batch_size=batch, shuffle=0)
    state = trainer.init(seed=0)

    def fit(over: Any, epochs: int) -> None:
        nonlocal state
        state = trainer.fit(state, over, epochs=epochs, clip_norm=workload.clip, progress=False)

    shortest = float("inf")

    def steps(count: int) -> float:
        nonlocal shortest
        shortest = min(shortest, timed(lambda: fit(one, 1)))
        if count < 2:
            return shortest
        passes = max(1, round(count / workload.batches))
        return (timed(lambda: fit(data, passes)) - shortest) / (passes * workload.batches - 1)

    return steps


if __name__ == "__main__":
    serve(prepare)
