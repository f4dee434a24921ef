"""R squared: how much of the targets' variance predictions explain."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.metrics.inputs import numbers
from interactive_train.metrics.record import Statistics, metric
from interactive_train.runtime.errors import refusal

WHERE = "metrics.r2"


def _moments(predictions: Any, targets: Any) -> Statistics:
    """Return for each output: examples, mean and squared deviation of targets, squared error."""
    p = numbers(predictions, "predictions", WHERE).astype(np.float64)
    t = numbers(targets, "targets", WHERE).astype(np.float64)
    p, t = (a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a for a in (p, t))
    if p.shape != t.shape:
        raise ValueError(
            refusal(
                WHERE,
                "predictions and targets have one shape",
                f"{p.shape} and {t.shape}",
                "Reshape one of them; nothing is broadcast.",
            )
        )
    if not (np.isfinite(p).all() and np.isfinite(t).all()):
        raise ValueError(
            refusal(
                WHERE,
                "predictions and targets are finite",
                f"{np.count_nonzero(~np.isfinite(p))} infinite predictions and "
                f"{np.count_nonzero(~np.isfinite(t))} infinite targets",
                "Look at the loss: something before this overflowed.",
            )
        )
    p, t = p.reshape(len(p), -1), t.reshape(len(t), -1)
    mean = t.mean(axis=0)
    spread, error = ((t - mean) ** 2).sum(axis=0), ((t - p) ** 2).sum(axis=0)
    return np.stack([np.full(len(mean), float(len(t))), mean, spread, error])


def _pooled(one: Statistics, other: Statistics) -> Statistics:
    """Join two sets' moments without a difference of large sums (Chan et al. 1979)."""
    n, m = one[0], other[0]
    distance = other[1] - one[1]
    mean = one[1] + distance * m / (n + m)
    spread = one[2] + other[2] + distance**2 * n * m / (n + m)
    return np.stack([n + m, mean, spread, one[3] + other[3]])


def _explained(statistics: Statistics) -> float:
    count, _, spread, error = statistics
    if count[0] < 2:
        raise ValueError(
            refusal(WHERE, "needs two examples, for a variance", "one", "Give more data.")
        )
    constant = spread == 0
    each = 1.0 - error / np.where(constant, 1.0, spread)
    return float(np.where(constant, error == 0, each).mean())


@metric(_moments, _explained, higher_is_better=True, combine=_pooled)
def r2(predictions: Any, targets: Any) -> float:
    """Return the coefficient of determination.

    r2 = 1 - sum((t - p)^2) / sum((t - mean(t))^2) for each output, and their mean. Constant
    targets have no variance to explain: 1 if all are met, else 0, as in scikit-learn.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape, ``[examples]`` or ``[examples, outputs]``.

    Returns
    -------
    float
        At most 1; higher is better, 0 is as good as the mean.

    Raises
    ------
    TypeError
        If something is no array of numbers.
    ValueError
        If shapes differ, a number is not finite, or there are fewer than two examples.

    Examples
    --------
    >>> r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]).__round__(6)
    0.948608
    """
    return float(_explained(_moments(predictions, targets)))
