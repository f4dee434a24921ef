"""Smooth activations, gates, and the softmaxes: functions of arrays.

All but the softmaxes are elementwise, or compositions of elementwise primitives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from interactive_train.autodiff.ops import composed, elementwise
from interactive_train.autodiff.ops import softmax as rows
from interactive_train.autodiff.ops.arguments import floating, normal_axes
from interactive_train.autodiff.ops.elementwise import softplus as _softplus
from interactive_train.autodiff.ops.elementwise import sqrt
from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.errors import refusal


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


def gelu_approx(x: Any) -> Tensor:
    """0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))), near to `gelu`; GPT-2 has it.

    Examples
    --------
    >>> import numpy as np
    >>> gelu_approx(np.array([0.0, 100.0]))
    Tensor([  0., 100.], dtype=float64)
    """
    t = floating(x, "gelu_approx")
    inner = t * (1.0 + 0.044715 * (t * t)) * math.sqrt(2.0 / math.pi)
    return 0.5 * t * (1.0 + elementwise.tanh(inner))


def silu(x: Any) -> Tensor:
    """x * sigmoid(x), also called swish.

    References
    ----------
    Ramachandran, Zoph, Le: Searching for activation functions. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.array([0.0, 100.0]))
    Tensor([  0., 100.], dtype=float64)
    """
    t = floating(x, "silu")
    return t * composed.sigmoid(t)


swish = silu


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x)).

    References
    ----------
    Misra: Mish, a self regularized non-monotonic activation function. 2019.

    Examples
    --------
    >>> import numpy as np
    >>> mish(np.array([0.0, 100.0]))
    Tensor([  0., 100.], dtype=float64)
    """
    t = floating(x, "mish")
    return t * elementwise.tanh(_softplus(t))


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)), finite for every finite x.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.array([-1e4, 1e4]))
    Tensor([    0., 10000.], dtype=float64)
    """
    return _softplus(x)


def log_sigmoid(x: Any) -> Tensor:
    """log of `sigmoid`, finite for every finite x.

    Examples
    --------
    >>> import numpy as np
    >>> log_sigmoid(np.array([-1e4]))
    Tensor([-10000.], dtype=float64)
    """
    return -_softplus(-floating(x, "log_sigmoid"))


def softsign(x: Any) -> Tensor:
    """x / (1 + abs(x)).

    Examples
    --------
    >>> import numpy as np
    >>> softsign(np.array([-1.0, 3.0]))
    Tensor([-0.5 ,  0.75], dtype=float64)
    """
    t = floating(x, "softsign")
    return t / (1.0 + abs(t))


def squareplus(x: Any, b: float = 4.0) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2, a softplus without an exponential.

    References
    ----------
    Barron: Squareplus, a softplus-like algebraic rectifier. 2021.

    Examples
    --------
    >>> import numpy as np
    >>> squareplus(np.array([0.0, 1.5]))
    Tensor([1., 2.], dtype=float64)
    """
    t = floating(x, "squareplus")
    return 0.5 * (t + sqrt(t * t + b))


def log_cosh(x: Any) -> Tensor:
    """log(cosh(x)) = x + softplus(-2 x) - log(2).

    Examples
    --------
    >>> import numpy as np
    >>> log_cosh(np.array([1e4])).numpy().round(3)
    array([9999.307])
    """
    t = abs(floating(x, "log_cosh"))
    return t + (_softplus(-2.0 * t) - math.log(2.0))


def lisht(x: Any) -> Tensor:
    """x * tanh(x).

    Examples
    --------
    >>> import numpy as np
    >>> lisht(np.array([-9e9]))
    Tensor([9.e+09], dtype=float64)
    """
    t = floating(x, "lisht")
    return t * elementwise.tanh(t)


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x).

    Examples
    --------
    >>> import numpy as np
    >>> tanh_shrink(np.array([0.0, 100.0]))
    Tensor([ 0., 99.], dtype=float64)
    """
    t = floating(x, "tanh_shrink")
    return t - elementwise.tanh(t)


# Gates: the first half of an axis, weighted by a function of the second -----------------------


def glu(x: Any, axis: int = -1) -> Tensor:
    """a * sigmoid(b) with the halves a, b of x along an axis.

    Raises
    ------
    ValueError
        If the axis has an odd extent; so for the other gates.

    References
    ----------
    Dauphin et al.: Language modeling with gated convolutional networks. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> glu(np.array([1.0, 2.0, 0.0, 1e4]))
    Tensor([0.5, 2. ], dtype=float64)
    """
    return _gated(x, axis, composed.sigmoid, "glu")


def reglu(x: Any, axis: int = -1) -> Tensor:
    """a * relu(b) with the halves a, b of x along an axis.

    References
    ----------
    Shazeer: GLU variants improve transformer. 2020; for `geglu` and `swiglu` too.

    Examples
    --------
    >>> import numpy as np
    >>> reglu(np.array([3.0, 3.0, -2.0, 2.0]))
    Tensor([0., 6.], dtype=float64)
    """
    return _gated(x, axis, elementwise.relu, "reglu")


def geglu(x: Any, axis: int = -1) -> Tensor:
    """a * gelu(b) with the halves a, b of x along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> geglu(np.array([3.0, 3.0, 0.0, 100.0]))
    Tensor([  0., 300.], dtype=float64)
    """
    return _gated(x, axis, elementwise.gelu, "geglu")


def swiglu(x: Any, axis: int = -1) -> Tensor:
    """a * silu(b) with the halves a, b of x along an axis.

    Examples
    --------
    >>> import numpy as np
    >>> swiglu(np.array([3.0, 3.0, 0.0, 100.0]))
    Tensor([  0., 300.], dtype=float64)
    """
    return _gated(x, axis, silu, "swiglu")


def _gated(x: Any, axis: int, function: Callable[[Tensor], Tensor], where: str) -> Tensor:
    t = floating(x, where)
    (at,) = normal_axes(where, t.shape, axis)
    half, odd = divmod(t.shape[at], 2)
    if odd:
        raise ValueError(
            refusal(
                where,
                "the axis has two halves",
                f"extent {t.shape[at]} of shape {t.shape}",
                "Make the layer before it twice as wide.",
            )
        )
    before = (slice(None),) * at
    return t[(*before, slice(half))] * function(t[(*before, slice(half, None))])


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
