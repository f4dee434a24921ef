"""PyTorch as most people run it: eager, with the fused CPU optimiser."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from benchmarks.peers.worker import Steps, serve, timed
from benchmarks.workloads import RATE, WEIGHT_DECAY, Workload


def prepare(
    workload: Workload, compiled: Callable[[Any], Any] = lambda function: function
) -> Steps:
    """Return the timed loop; `compiled` transforms the forward with its loss."""
    import torch
    from torch.nn import functional

    from benchmarks.peers.torch_models import build, tensor

    model = build(workload.shape)
    parameters = list(model.parameters())
    rule: Any
    if workload.rule == "adamw":
        rule = torch.optim.AdamW(parameters, lr=RATE, weight_decay=WEIGHT_DECAY, fused=True)
    else:
        rule = torch.optim.Adam(parameters, lr=RATE, fused=True)
    batches = [(tensor(x), tensor(y)) for x, y in workload.in_batches()]

    def forward(x: Any, y: Any) -> Any:
        predictions = model(x)
        return functional.cross_entropy(predictions.flatten(0, -2), y.flatten())

    loss_of = compiled(forward)
    endless = itertools.cycle(batches)

    def loop(steps: int) -> None:
        for x, y in itertools.islice(endless, steps):
            rule.zero_grad()
            loss_of(x, y).backward()
            if workload.clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, workload.clip)
            rule.step()

    return lambda steps: timed(lambda: loop(steps)) / steps


if __name__ == "__main__":
    serve(prepare)
