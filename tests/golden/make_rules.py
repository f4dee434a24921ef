"""Write rules.npz: where PyTorch and optax come from a start along random gradients, in float64.

Run it where both are installed: ``python tests/golden/make_rules.py``.
``start`` and ``gradients`` are what every rule begins with; each other array holds the parameters
after every step under the name that tests/optim/test_rules_oracles.py gives to our rule.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

STEPS = 60
Values = dict[str, NDArray[np.float64]]


def path() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the start (4, 3) and the gradients (STEPS, 4, 3), sparse ones among them."""
    rng = np.random.default_rng(20260815)
    gradients = rng.normal(size=(STEPS, 4, 3)) * 10.0 ** rng.uniform(-2, 1, size=(1, 4, 3))
    gradients[:, 0, 0] *= rng.random(STEPS) < 0.3  # most of them 0
    return rng.normal(size=(4, 3)), gradients


def torch_values() -> Values:
    """Return PyTorch's trajectories."""
    import torch

    start, gradients = path()

    def follow(make: Callable[[list[Any]], Any], shape: tuple[int, ...] = (4, 3)) -> Any:
        x = torch.tensor(start.reshape(shape), requires_grad=True)
        optimizer = make([x])
        found = []
        for g in gradients:
            x.grad = torch.tensor(g.reshape(shape))
            optimizer.step()
            found.append(x.detach().numpy().reshape(4, 3).copy())
        return np.array(found)

    o = torch.optim
    values = {
        "torch SGD decay": follow(lambda p: o.SGD(p, lr=0.01, momentum=0.8, weight_decay=0.1)),
        "torch RMSprop": follow(lambda p: o.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-8)),
        "torch RMSprop momentum": follow(
            lambda p: o.RMSprop(p, lr=0.01, alpha=0.8, eps=1e-7, momentum=0.7)
        ),
        "torch RMSprop centered": follow(
            lambda p: o.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.5, centered=True)
        ),
        "torch Rprop": follow(
            lambda p: o.Rprop(p, lr=0.05, etas=(0.4, 1.3), step_sizes=(1e-3, 0.2))
        ),
        # eps=0, since PyTorch adds it to |g| and Flux to the denominator
        "torch Adamax": follow(lambda p: o.Adamax(p, lr=0.01, betas=(0.8, 0.99), eps=0.0)),
        "torch Adagrad": follow(
            lambda p: o.Adagrad(p, lr=0.1, initial_accumulator_value=0.1, eps=1e-8)
        ),
        "torch Adadelta": follow(lambda p: o.Adadelta(p, lr=1.0, rho=0.9, eps=1e-6)),
        "torch Adafactor": follow(
            lambda p: o.Adafactor(p, lr=0.02, eps=(1e-6, 1e-2), d=1.5, weight_decay=0.1)
        ),
        "torch Adafactor vector": follow(lambda p: o.Adafactor(p, lr=0.3, eps=(1e-6, 1e-3)), (12,)),
        "torch Adafactor cube": follow(lambda p: o.Adafactor(p, eps=(1e-7, 1e-3)), (2, 2, 3)),
    }
    # Muon computes in bfloat16; in float64 instead, it can be compared. Its rows are outputs, so
    # the layer (4, 3) of ours is the transpose of the matrix there.
    with mock.patch.object(torch.Tensor, "bfloat16", lambda self: self.double().clone()):
        values["torch Muon"] = follow(lambda p: o.Muon(p, lr=0.02))
        values["torch Muon plain"] = follow(
            lambda p: o.Muon(p, lr=0.02, nesterov=False, weight_decay=0.0, ns_steps=3)
        )
    return values


def optax_values() -> Values:
    """Return optax's trajectories."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import optax

    start, gradients = path()

    def follow(transform: Any) -> Any:
        x = jnp.array(start)
        state = transform.init(x)
        found = []
        for g in gradients:
            updates, state = transform.update(jnp.array(g), state, x)
            x = optax.apply_updates(x, updates)
            found.append(np.array(x))
        return np.array(found)

    root = np.sqrt(0.99)
    return {
        "optax AdamW uncoupled": follow(
            optax.chain(optax.scale_by_adam(), optax.scale(-0.01), optax.add_decayed_weights(-0.02))
        ),
        "optax RAdam": follow(optax.radam(0.01, b1=0.8, b2=0.9, eps=1e-6, threshold=4.0)),
        "optax RAdam slow": follow(optax.radam(0.01, threshold=4.0)),
        # dx = sqrt(beta2) sqrt(v^) + eps in Flux: lr and eps over sqrt(beta2) here
        "optax NAdam": follow(optax.nadam(0.01 / root, b1=0.8, b2=0.99, eps=1e-6 / root)),
        # eps is added to s at every step in Flux, as eps_root is here
        "optax AdaBelief": follow(optax.adabelief(0.01, eps=1e-8, eps_root=1e-8)),
        "optax Lion": follow(optax.lion(0.01, b1=0.9, b2=0.99, weight_decay=0.1)),
        "optax Lamb": follow(optax.lamb(0.01, eps=1e-6, weight_decay=0.1)),
        # Its first step has no step before it, whereas Flux takes 0 for it: made up for by hand
        "optax OAdam": follow(
            optax.chain(
                optax.scale_by_adam(b1=0.5, b2=0.9), optax.scale(-0.01), _optimistic_from_zero()
            )
        ),
        "optax clipped": follow(
            optax.chain(optax.clip(2.0), optax.clip_by_global_norm(1.5), optax.sgd(0.1, 0.9))
        ),
        "optax accumulated": follow(
            optax.MultiSteps(
                optax.adam(0.01), 3, accumulator_dtype=jnp.float64
            ).gradient_transformation()
        ),
    }


def _optimistic_from_zero() -> Any:
    import jax.numpy as jnp
    import optax

    inner = optax.scale_by_optimistic_gradient(alpha=1.0, beta=1.0)

    def init(params: Any) -> Any:
        return inner.update(jnp.zeros_like(params), inner.init(params))[1]

    return optax.GradientTransformation(init, inner.update)


if __name__ == "__main__":
    start, gradients = path()
    golden: dict[str, Any] = {**torch_values(), **optax_values()}
    golden |= {"start": start, "gradients": gradients}
    np.savez(Path(__file__).with_name("rules.npz"), **golden)
