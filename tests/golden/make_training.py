"""Write training.npz: what PyTorch says of rules, layers, losses and of a whole fit, in float64.

Run it where PyTorch is installed: ``python tests/golden/make_training.py``. Names of arrays are
``<case>/<what>``; tests/optim, tests/nn, tests/losses and tests/training read them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
STEPS = 60
# Case -> (class in torch.optim, its options); tests/optim/test_oracles.py has ours.
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.05}),
    "sgd momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "sgd nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam options": ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw options": (
        "AdamW",
        {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-6, "weight_decay": 0.3},
    ),
}


def numbers(seed: int, *shape: int) -> NDArray[np.float64]:
    """Return normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def rules() -> Arrays:
    """Return the course of one array under each rule, with random gradients."""
    import torch

    start = numbers(0, 4, 3)
    gradients = numbers(1, STEPS, 4, 3) * np.geomspace(1e-3, 1e2, STEPS)[:, None, None]
    found: Arrays = {"rules/start": start, "rules/gradients": gradients}
    for case, (name, options) in RULES.items():
        x = torch.tensor(start, requires_grad=True)
        optimizer = getattr(torch.optim, name)([x], **options)
        course = []
        for gradient in gradients:
            x.grad = torch.tensor(gradient)
            optimizer.step()
            course.append(x.detach().numpy().copy())
        found[f"rules/{case}"] = np.stack(course)
    return found


def functions() -> Arrays:
    """Return values and gradients of layers and losses."""
    import torch
    from torch.nn import functional

    found: Arrays = {}

    def case(name: str, f: Callable[..., Any], *arrays: NDArray[np.float64]) -> None:
        inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
        value = f(*inputs)
        weights = torch.tensor(numbers(99, *value.shape))
        (value * weights).sum().backward()
        found[f"{name}/value"] = value.detach().numpy()
        found[f"{name}/weights"] = weights.numpy()
        for i, (array, tensor) in enumerate(zip(arrays, inputs, strict=True)):
            found[f"{name}/input {i}"] = array
            found[f"{name}/gradient {i}"] = tensor.grad.numpy()

    x = numbers(2, 6, 5) * 3.0
    case("gelu", functional.gelu, x)
    case(
        "layer norm",
        lambda x, w, b: functional.layer_norm(x, (5,), w, b, 1e-5),
        x,
        numbers(3, 5),
        numbers(4, 5),
    )
    case("linear", lambda x, w, b: functional.linear(x, w.T, b), x, numbers(5, 5, 4), numbers(6, 4))
    labels = np.random.default_rng(7).integers(0, 5, 6)
    soft = np.random.default_rng(8).dirichlet(np.ones(5), 6)
    found |= {"labels": labels, "soft": soft}
    for scale in (1.0, 1e4):
        case(
            f"cross entropy sparse {scale:g}",
            lambda z: functional.cross_entropy(z, torch.tensor(labels)),
            x * scale,
        )
        case(
            f"cross entropy {scale:g}",
            lambda z: functional.cross_entropy(z, torch.tensor(soft)),
            x * scale,
        )
    case("mse", lambda p: functional.mse_loss(p, torch.tensor(soft)), x)
    return found


def fit() -> Arrays:
    """Return the losses and the last weights of 50 steps of a small network under AdamW."""
    import torch
    from torch import nn

    inputs, labels = numbers(10, 50, 16, 6), np.random.default_rng(11).integers(0, 4, (50, 16))
    model = nn.Sequential(
        nn.Linear(6, 12),
        nn.ReLU(),
        nn.LayerNorm(12),
        nn.Linear(12, 8),
        nn.GELU(),
        nn.Dropout(0.0),
        nn.Linear(8, 4),
    ).double()
    found: Arrays = {"fit/inputs": inputs, "fit/labels": labels}
    with torch.no_grad():
        for i, (name, p) in enumerate(model.named_parameters()):
            p.copy_(torch.tensor(numbers(20 + i, *p.shape) * 0.5))
            found[f"fit/start/{name}"] = _ours(p)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.05)
    losses = []
    for x, y in zip(inputs, labels, strict=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    found["fit/losses"] = np.array(losses)
    for name, p in model.named_parameters():
        found[f"fit/end/{name}"] = _ours(p)
    return found


def _ours(p: Any) -> NDArray[np.float64]:
    """Return a parameter as we keep it: a weight is (in, out)."""
    array: NDArray[np.float64] = p.detach().numpy().copy()
    return array.T.copy() if array.ndim == 2 else array


def main() -> None:
    """Write the file beside this one."""
    path = Path(__file__).with_name("training.npz")
    np.savez_compressed(path, **rules(), **functions(), **fit())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
