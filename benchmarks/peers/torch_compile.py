"""PyTorch with `torch.compile` over forward, loss and (by its autograd) backward."""

from __future__ import annotations

from benchmarks.peers import torch_eager
from benchmarks.peers.worker import Steps, serve
from benchmarks.workloads import Workload


def prepare(workload: Workload) -> Steps:
    """Return the timed loop; the optimiser is the fused one, which is compiled C++ already."""
    import torch

    return torch_eager.prepare(workload, torch.compile)


if __name__ == "__main__":
    serve(prepare)
