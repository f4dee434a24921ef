"""Activations: functions of arrays, elementwise but for the softmaxes."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops import composed, elementwise
from interactive_train.autodiff.ops import softmax as rows
from interactive_train.autodiff.tensor import Tensor


def relu(x: Any) -> Tensor:
    """max(x, 0); the gradient at 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0]))
    Tensor([0., 2.], dtype=float64)
    """
    return elementwise.relu(x)


def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([0.0]))
    Tensor([0.], dtype=float64)
    """
    return elementwise.tanh(x)


def gelu(x: Any) -> Tensor:
    """x * Phi(x) with the distribution function Phi of the standard normal (exact, by erf).

    References
    ----------
    Hendrycks, Gimpel: Gaussian error linear units. 2016.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([0.0, 100.0]))
    Tensor([  0., 100.], dtype=float64)
    """
    return elementwise.gelu(x)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x)), finite for every x.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([0.0, -1e4]))
    Tensor([0.5, 0. ], dtype=float64)
    """
    return composed.sigmoid(x)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum of exp(x) along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([0.0, 0.0]))
    Tensor([0.5, 0.5], dtype=float64)
    """
    return rows.softmax(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log of `softmax`, finite for every finite x.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([0.0, -1e4]))
    Tensor([     0., -10000.], dtype=float64)
    """
    return rows.log_softmax(x, axis)
