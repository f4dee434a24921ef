"""Losses for real-valued targets: distances, an angle, and counts."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops.composed import clip
from interactive_train.autodiff.ops.elementwise import absolute, exp, minimum, sqrt
from interactive_train.autodiff.ops.elementwise import where as choose
from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.autodiff.transforms import stop_gradient
from interactive_train.losses.options import number, pair
from interactive_train.losses.reduce import loss, reduced, same_shape
from interactive_train.runtime.errors import refusal

# exp(40) is 2e17: no count comes near, and a float32 holds its product with any log rate.
LARGEST_LOG_RATE = 40.0


@loss()
def mse(predictions: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Mean squared error, the mean of (predictions - targets)^2 over all elements.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    ValueError
        If the shapes differ or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    x, y = promote("losses.mse", [predictions, targets])
    same_shape(x, y, "losses.mse")
    return reduced((x - y) ** 2.0, reduction, "losses.mse")


@loss()
def mae(predictions: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Mean absolute error, the mean of abs(predictions - targets) over all elements.

    Where both are equal the gradient is 0.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    ValueError
        If the shapes differ or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> float(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    x, y = promote("losses.mae", [predictions, targets])
    same_shape(x, y, "losses.mae")
    return reduced(absolute(x - y), reduction, "losses.mae")


@loss()
def huber(predictions: Any, targets: Any, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Huber's loss: half the square of small errors, and a straight line for large ones.

    With d = predictions - targets, the mean of d^2 / 2 where abs(d) <= delta, and of
    delta (abs(d) - delta / 2) beyond.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape.
    delta : float
        Where the line begins, above 0.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    ValueError
        If the shapes differ, there is no element, or `delta` is not above 0.

    References
    ----------
    Huber, "Robust Estimation of a Location Parameter", 1964.

    Examples
    --------
    >>> import numpy as np
    >>> huber(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    where = "losses.huber"
    width = number(delta, "delta", where, low=0.0, open_low=True)
    x, y = promote(where, [predictions, targets])
    same_shape(x, y, where)
    d = x - y
    inner = clip(d, -width, width)
    return reduced(inner * (d - 0.5 * inner), reduction, where)


@loss()
def cosine_similarity(
    predictions: Any, targets: Any, *, axis: int = -1, reduction: str = "mean"
) -> Tensor:
    """One minus the cosine of the angle between predictions and targets; 0 is the best.

    loss = mean of 1 - p . t / (|p| |t|). A vector of zeros has no direction: its cosine is 0.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape.
    axis : int
        Along which a vector lies.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per vector.

    Raises
    ------
    ValueError
        If the shapes differ, there is no element, or no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> cosine_similarity(p, np.array([[-2.0, 0.0], [3.0, 3.0]]), reduction="none").round(12)
    array([2., 0.])
    """
    where = "losses.cosine_similarity"
    x, y = promote(where, [predictions, targets])
    same_shape(x, y, where)
    if x.size == 0 or x.ndim == 0:
        raise ValueError(refusal(where, "needs vectors of numbers", f"shape {x.shape}"))
    u, v = _direction(x, axis), _direction(y, axis)
    return reduced(1.0 - (u * v).sum(axis=axis), reduction, where)


def _direction(x: Tensor, axis: int) -> Tensor:
    """Return vectors of length 1. They are scaled first, which keeps squares from overflowing."""
    largest = stop_gradient(absolute(x).max(axis=axis, keepdims=True))
    scaled = x / choose(largest > 0.0, largest, 1.0)
    square = (scaled * scaled).sum(axis=axis, keepdims=True)
    return scaled / sqrt(choose(square > 0.0, square, 1.0))


@loss()
def poisson(predictions: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Negative log-likelihood of counts, but for a term of the targets alone.

    loss = mean of exp(z) - y z with log rates z and counts y. Beyond z = 40 the tangent
    stands in for exp, so that a stray prediction gives a large loss and not an infinite one.

    Parameters
    ----------
    predictions : array_like
        Logarithms of the expected counts; no exp before.
    targets : array_like
        Of the same shape: counts, at least 0.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per element.

    Raises
    ------
    TypeError
        If the predictions are no floats.
    ValueError
        If the shapes differ, a target is negative, or there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> float(poisson(np.log([2.0]), np.array([3]))).__round__(6)
    -0.079442
    """
    where = "losses.poisson"
    z, y = pair(predictions, targets, where, low=0.0, fix="Counts are not negative.")
    bounded = minimum(z, LARGEST_LOG_RATE)
    rate = exp(bounded) * (1.0 + (z - bounded))
    return reduced(rate - y * z, reduction, where)
