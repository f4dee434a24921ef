"""Activations in pieces: relu and its relatives, hard versions of smooth ones, shrinking.

All are compositions of elementwise primitives. A NaN stays NaN: it satisfies no comparison, so the
last branch is the one that holds the input. At a kink the gradient is PyTorch's.
"""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops import elementwise
from interactive_train.autodiff.ops.arguments import floating
from interactive_train.autodiff.ops.elementwise import tanh, where
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.initializers import constant
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Module, Parameter, require_floating
from interactive_train.runtime.errors import refusal

# From the paper: the fixed point of mean 0 and variance 1.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543773


def relu(x: Any) -> Tensor:
    """max(x, 0); the gradient at 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0]))
    Tensor([0., 2.], dtype=float64)
    """
    return elementwise.relu(x)


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6).

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-1.0, 2.0, 9.0]))
    Tensor([0., 2., 6.], dtype=float64)
    """
    t = floating(x, "relu6")
    return where(t >= 6.0, 6.0, elementwise.relu(t))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """Take x where it is positive, negative_slope * x elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 2.0]))
    Tensor([-0.02,  2.  ], dtype=float64)
    """
    t = floating(x, "leaky_relu")
    return where(t > 0.0, t, t * negative_slope)


def prelu(x: Any, alpha: Any) -> Tensor:
    """Take x where it is positive, alpha * x elsewhere; alpha is an array that broadcasts.

    References
    ----------
    He et al.: Delving deep into rectifiers. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> prelu(np.array([-2.0, 2.0]), np.array([0.5, 0.5]))
    Tensor([-1.,  2.], dtype=float64)
    """
    t = floating(x, "prelu")
    return where(t > 0.0, t, t * alpha)


class PReLU(Module):
    """`prelu` with a slope that is learned.

    Parameters
    ----------
    features : int
        1: one slope for all; else one for each channel, the extents of axis 1.
    slope : float
        Where it begins.

    Attributes
    ----------
    weight : array, shape (features,)

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> nn.init(PReLU())(np.array([-2.0, 2.0], dtype=np.float32))
    Tensor([-0.5,  2. ], dtype=float32)
    """

    def __init__(self, features: int = 1, *, slope: float = 0.25) -> None:
        self.features = positive(features, "nn.PReLU", "features")
        self.weight: Any = Parameter((self.features,), constant(slope))

    def forward(self, x: Any) -> Tensor:
        """Return the input with its negative values scaled."""
        x = require_floating(x, named(self))
        if self.features == 1:
            return prelu(x, self.weight)
        if x.ndim < 2 or x.shape[1] != self.features:
            raise ValueError(
                refusal(
                    named(self),
                    f"axis 1 of the input has {self.features} channels",
                    f"shape {x.shape}",
                    "features=1 has one slope for all.",
                )
            )
        return prelu(x, self.weight.reshape((self.features,) + (1,) * (x.ndim - 2)))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Take x where it is positive, alpha * (exp(x) - 1) elsewhere.

    References
    ----------
    Clevert, Unterthiner, Hochreiter: Fast and accurate deep network learning by exponential
    linear units. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.array([-1e4, 2.0]))
    Tensor([-1.,  2.], dtype=float64)
    """
    t = floating(x, "elu")
    return _exponential(t, t, alpha)


def selu(x: Any) -> Tensor:
    """scale * elu(x, alpha), with scale 1.0507 and alpha 1.6733.

    References
    ----------
    Klambauer et al.: Self-normalizing neural networks. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.array([-1e4, 2.0])).numpy().round(4)
    array([-1.7581,  2.1014])
    """
    t = floating(x, "selu")
    return SELU_SCALE * _exponential(t, t, SELU_ALPHA)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)).

    References
    ----------
    Barron: Continuously differentiable exponential linear units. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> celu(np.array([-1e4, 3.0]), alpha=2.0)
    Tensor([-2.,  3.], dtype=float64)
    """
    t = floating(x, "celu")
    return _exponential(t, t / alpha, alpha)


def _exponential(x: Tensor, argument: Tensor, alpha: Any) -> Tensor:
    """Take x where it is positive, else alpha (exp(argument) - 1).

    exp(z) - 1 = 2 t / (1 - t) with t = tanh(z / 2), which keeps all digits near 0.
    """
    is_positive = x > 0.0
    t = tanh(0.5 * where(is_positive, 0.0, argument))
    return where(is_positive, x, alpha * (2.0 * t / (1.0 - t)))


def trelu(x: Any, theta: float = 1.0) -> Tensor:
    """Take x where it is above theta, 0 elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> trelu(np.array([0.9, 2.0]))
    Tensor([0., 2.], dtype=float64)
    """
    t = floating(x, "trelu")
    return where(t <= theta, 0.0, t)


def hard_tanh(x: Any) -> Tensor:
    """Limit x to [-1, 1].

    Examples
    --------
    >>> import numpy as np
    >>> hard_tanh(np.array([-2.0, 0.5, 2.0]))
    Tensor([-1. ,  0.5,  1. ], dtype=float64)
    """
    t = floating(x, "hard_tanh")
    return _limited(t, t, -1.0)


def hard_sigmoid(x: Any, alpha: float = 1.0 / 6.0, beta: float = 0.5) -> Tensor:
    """Limit alpha * x + beta to [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> hard_sigmoid(np.array([-9.0, 0.0, 9.0]))
    Tensor([0. , 0.5, 1. ], dtype=float64)
    """
    line = floating(x, "hard_sigmoid") * alpha + beta
    return _limited(line, line, 0.0)


def _limited(x: Tensor, line: Tensor, low: float) -> Tensor:
    """Return `line` where low < x < 1, else the nearer end."""
    return where(x >= 1.0, 1.0, where(x <= low, low, line))


def hard_silu(x: Any) -> Tensor:
    """x * hard_sigmoid(x), a silu without an exponential.

    References
    ----------
    Howard et al.: Searching for MobileNetV3. 2019.

    Examples
    --------
    >>> import numpy as np
    >>> hard_silu(np.array([-9.0, 3.0]))
    Tensor([-0.,  3.], dtype=float64)
    """
    t = floating(x, "hard_silu")
    return t * hard_sigmoid(t)


hard_swish = hard_silu


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Take x where its size is above the threshold, 0 elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> hard_shrink(np.array([-2.0, 0.25]))
    Tensor([-2.,  0.], dtype=float64)
    """
    t = floating(x, "hard_shrink")
    return where(abs(t) <= threshold, 0.0, t)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Bring x nearer to 0 by the threshold, and to 0 what is nearer than that.

    Examples
    --------
    >>> import numpy as np
    >>> soft_shrink(np.array([-2.0, 0.25]))
    Tensor([-1.5,  0. ], dtype=float64)
    """
    t = floating(x, "soft_shrink")
    return where(abs(t) <= threshold, 0.0, t - threshold * elementwise.sign(t))


def sparse_plus(x: Any) -> Tensor:
    """0 below -1, x above 1, and (x + 1)^2 / 4 between.

    Examples
    --------
    >>> import numpy as np
    >>> sparse_plus(np.array([-2.0, 0.0, 2.0]))
    Tensor([0.  , 0.25, 2.  ], dtype=float64)
    """
    t = floating(x, "sparse_plus")
    inner = where(t >= 1.0, 1.0, t) + 1.0  # the square must not overflow where it is not taken
    return where(t >= 1.0, t, where(t <= -1.0, 0.0, 0.25 * inner * inner))


def sparse_sigmoid(x: Any) -> Tensor:
    """Limit (x + 1) / 2 to [0, 1]: the derivative of `sparse_plus`.

    Examples
    --------
    >>> import numpy as np
    >>> sparse_sigmoid(np.array([-2.0, 0.0, 2.0]))
    Tensor([0. , 0.5, 1. ], dtype=float64)
    """
    line = 0.5 * floating(x, "sparse_sigmoid") + 0.5
    return _limited(line, line, 0.0)
