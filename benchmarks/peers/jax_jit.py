"""JAX with the whole step under `jit`: optax, donated parameters and moments."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.worker import Steps, serve, timed
from benchmarks.workloads import RATE, WEIGHT_DECAY, Workload


@dataclass(frozen=True)
class Step:
    """The step as a pure function, with what it starts from.

    Attributes
    ----------
    function : callable
        (state, (x, y)) -> (state, loss); a state is (params, moments, key).
    state : tuple
    batches : list of (x, y)
        In the layout and the types that the model reads.
    """

    function: Callable[[Any, Any], Any]
    state: Any
    batches: list[tuple[Any, Any]]


def step_of(workload: Workload) -> Step:
    """Return the step of a workload."""
    import jax
    import numpy as np
    import optax

    from benchmarks.peers.jax_models import build

    model = build(workload.shape)
    rule = optax.adam(RATE)
    if workload.rule == "adamw":
        rule = optax.adamw(RATE, weight_decay=WEIGHT_DECAY)
    if workload.clip is not None:
        rule = optax.chain(optax.clip_by_global_norm(workload.clip), rule)

    def loss_of(params: Any, x: Any, y: Any, key: Any) -> Any:
        logits = model.predict(params, x, key)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def function(state: Any, batch: Any) -> Any:
        params, moments, key = state
        used = key
        if model.random:
            key, used = jax.random.split(key)
        loss, gradients = jax.value_and_grad(loss_of)(params, *batch, used)
        updates, moments = rule.update(gradients, moments, params)
        return (optax.apply_updates(params, updates), moments, key), loss

    batches = []
    for x, y in workload.in_batches():
        x = model.layout(x) if x.dtype.kind == "f" else x.astype(np.int32)
        batches.append((x, y.astype(np.int32)))
    params = jax.tree.map(jax.numpy.array, model.params)
    return Step(function, (params, rule.init(params), jax.random.key(0)), batches)


def prepare(workload: Workload) -> Steps:
    """Return the timed loop; calls are queued as they come, the last one is waited for."""
    import jax

    step = step_of(workload)
    compiled = jax.jit(step.function, donate_argnums=0)
    endless = itertools.cycle([jax.tree.map(jax.numpy.array, batch) for batch in step.batches])
    state = step.state

    def loop(steps: int) -> None:
        nonlocal state
        loss = None
        for batch in itertools.islice(endless, steps):
            state, loss = compiled(state, batch)
        jax.block_until_ready((state, loss))

    return lambda steps: timed(lambda: loop(steps)) / steps


if __name__ == "__main__":
    serve(prepare)
