"""Losses for real-valued targets."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.reduce import loss, reduced, same_shape


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
