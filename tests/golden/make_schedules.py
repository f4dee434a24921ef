"""Write schedules.npz: what optax and PyTorch say of schedules that we have too.

Run it where both are installed: ``python tests/golden/make_schedules.py``.
Each array holds the values at steps 0, 1, ..., STEPS - 1 in float64, under the name
that tests/schedules/test_oracles.py gives to our schedule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 60
Values = dict[str, NDArray[np.float64]]


def optax_values() -> Values:
    """Return optax's values; its schedules take the count that we call the step."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    schedules = {
        "optax cosine_decay": optax.cosine_decay_schedule(0.3, 40, alpha=0.1),
        "optax linear": optax.linear_schedule(0.3, 0.01, 40),
        "optax warmup_linear": optax.linear_schedule(0.0, 0.3, 25),
        "optax polynomial_decay": optax.polynomial_schedule(0.3, 0.01, 2.5, 40),
        "optax exponential_decay": optax.exponential_decay(0.3, 7, 0.8),
        # decay_steps counts from step 0 there: 10 of warmup and 40 of decay
        "optax warmup_cosine_decay": optax.warmup_cosine_decay_schedule(
            0.02, 0.3, warmup_steps=10, decay_steps=50, end_value=0.01
        ),
        "optax join": optax.join_schedules(
            [optax.linear_schedule(0.0, 0.3, 10), optax.cosine_decay_schedule(0.3, 40)], [10]
        ),
    }
    return {
        name: np.array([float(schedule(step)) for step in range(STEPS)])
        for name, schedule in schedules.items()
    }


def torch_values() -> Values:
    """Return PyTorch's values: the rate after 0, 1, ... calls of ``scheduler.step()``."""
    import torch
    from torch.optim import lr_scheduler

    def rates(make: Any, lr: float = 0.3) -> NDArray[np.float64]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
        scheduler = make(optimizer)
        values = []
        for _ in range(STEPS):
            values.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        return np.array(values)

    return {
        "torch cosine_decay": rates(
            lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.01)
        ),
        "torch warmup_linear": rates(
            lambda o: lr_scheduler.LinearLR(o, start_factor=0.1, end_factor=1.0, total_iters=25)
        ),
        "torch exponential_decay": rates(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.95)),
        "torch polynomial_decay": rates(
            lambda o: lr_scheduler.PolynomialLR(o, total_iters=40, power=2.0)
        ),
        "torch step_decay": rates(lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.8)),
        "torch piecewise_constant": rates(
            lambda o: lr_scheduler.MultiStepLR(o, milestones=[10, 30], gamma=0.1)
        ),
        "torch triangular": rates(
            lambda o: lr_scheduler.CyclicLR(
                o, base_lr=0.05, max_lr=0.3, step_size_up=6, mode="triangular2"
            )
        ),
        "torch cosine_decay_restarts": rates(
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=7, T_mult=2, eta_min=0.03)
        ),
    }


if __name__ == "__main__":
    golden: dict[str, Any] = {**optax_values(), **torch_values()}
    np.savez(Path(__file__).with_name("schedules.npz"), **golden)
