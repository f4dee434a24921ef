"""check_grads: compare a gradient with float64 differences along one random direction.

For a direction v, (f(x + hv) - f(x - hv)) / 2h must equal <grad f(x), v>. One
projection per order finds a wrong gradient with probability one and costs two evaluations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tensor import Tensor, as_tensor
from interactive_train.autodiff.transforms import vjp
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


def check_grads(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int = 1,
    *,
    seed: int = 0,
    step: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-7,
) -> None:
    """Raise unless the gradients of f agree with central differences.

    Parameters
    ----------
    f : callable
        Of floating arrays, returning one array.
    args : tuple of array_like
        Where to check; computed in float64.
    order : int
        1 checks the gradient, 2 also the gradient of the gradient, and so on.
    seed : int
        Of the random directions.
    step, rtol, atol : float
        Half the distance of the two evaluations, and the tolerances.

    Raises
    ------
    AssertionError
        With both numbers, the order and the seed.

    Examples
    --------
    >>> check_grads(np.tanh, (np.array([0.3, -2.0]),), order=2)
    """
    points = [np.array(a, dtype=np.float64) for a in args]
    key = Key.from_seed(seed, "it.check_grads")
    _check(f, points, order, 1, key, step, rtol, atol)


def _check(
    f: Callable[..., Any],
    points: list[NDArray[np.float64]],
    order: int,
    level: int,
    key: Key,
    step: float,
    rtol: float,
    atol: float,
) -> None:
    value = as_tensor(f(*[Tensor(p) for p in points]), "it.check_grads").data
    weights = _normal(key.fold("weights", level), value.shape)
    directions = [_normal(key.fold("direction", level, i), p.shape) for i, p in enumerate(points)]

    def projected(h: float) -> float:
        moved = [Tensor(p + h * v) for p, v in zip(points, directions, strict=True)]
        return float(np.sum(as_tensor(f(*moved), "it.check_grads").data * weights))

    expected = (projected(step) - projected(-step)) / (2 * step)
    _, pull = vjp(f, *[Tensor(p) for p in points])
    parts = pull(Tensor(weights))
    got = sum(
        float(np.sum(g.data * v)) for g, v in zip(parts, directions, strict=True) if g is not None
    )
    if not abs(got - expected) <= atol + rtol * max(abs(expected), abs(got)) * 10.0 ** (level - 1):
        raise AssertionError(
            refusal(
                "it.check_grads",
                f"the projected gradient of order {level} is {expected:.10g} by differences",
                f"{got:.10g}",
                "Check the vjp, or the step if the function is not smooth here.",
            )
        )
    if level < order:

        def gradient(*inputs: Any) -> Any:
            _, pull_back = vjp(f, *inputs)
            total: Any = 0.0
            for part, v in zip(pull_back(Tensor(weights)), directions, strict=True):
                if part is not None:
                    total = total + np.sum(part * v)
            return total

        _check(gradient, points, order, level + 1, key, step * 10, rtol * 100, atol * 10)


def _normal(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    count = int(np.prod(shape, dtype=np.int64))
    u = key.uniform(2 * count)
    values = np.sqrt(-2.0 * np.log1p(-u[:count])) * np.cos(2.0 * np.pi * u[count:])
    return np.asarray(values.reshape(shape), dtype=np.float64)
