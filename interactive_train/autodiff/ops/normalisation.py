"""Normalisation along the last axis, and per channel over a whole batch.

A normalised row has one kernel, and so has its gradient; the gradient of that is made of
elementwise and reduction primitives. Batch norm is two sums per channel and an elementwise step,
forward and back: in a step that is divided among threads each sum is a point where they meet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating
from interactive_train.autodiff.ops.composed import mean, square
from interactive_train.autodiff.ops.elementwise import Elementwise, sqrt
from interactive_train.autodiff.ops.reduction import sum as sum_
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.kernels import normalisation as kernels
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal


def _plan_rows(kernel: Kernel, eps: float, *specs: Spec) -> Plan:
    shape, dtype = specs[0][0], np.dtype(specs[0][1])
    numbers = np.array([eps, shape[-1]], dtype)
    sizes = (math.prod(shape[:-1]), shape[-1])
    return Plan(shape, dtype, kernel, dtype, (RESULT, *INPUTS[: len(specs)], numbers, *sizes))


# y = (x - mean) r with r = 1 / sqrt(var + eps); RMS norm is the same without the mean.

_rows = Primitive("_normalise_rows", lambda x, eps: _plan_rows(kernels.NORMALISE_ROWS, eps, x))
_rows_gradient = Primitive(
    "_normalise_rows_gradient",
    lambda g, x, eps: _plan_rows(kernels.NORMALISE_ROWS_GRADIENT, eps, g, x),
)
_rows.gradients(lambda g, y, x, eps: _rows_gradient.apply([g, x], {"eps": eps}))
_rows_gradient.gradients(
    lambda h, y, g, x, eps: _rows_gradient.apply([h, x], {"eps": eps}),  # symmetric in g and h
    lambda h, y, g, x, eps: _second(_centred(h), _centred(g), _centred(x), eps),
)

_rms = Primitive("_normalise_rms", lambda x, eps: _plan_rows(kernels.NORMALISE_RMS, eps, x))
_rms_gradient = Primitive(
    "_normalise_rms_gradient",
    lambda g, x, eps: _plan_rows(kernels.NORMALISE_RMS_GRADIENT, eps, g, x),
)
_rms.gradients(lambda g, y, x, eps: _rms_gradient.apply([g, x], {"eps": eps}))
_rms_gradient.gradients(
    lambda h, y, g, x, eps: _rms_gradient.apply([h, x], {"eps": eps}),
    lambda h, y, g, x, eps: _second(h, g, x, eps),
)


def _centred(x: Tensor) -> Tensor:
    return x - mean(x, -1, keepdims=True)


def _second(h: Tensor, g: Tensor, x: Tensor, eps: float) -> Tensor:
    """Differentiate <h, gradient(g, x)> by x, for centred rows h, g, x of n columns.

    With u = r x it is r <h, g> - r <h, u> <g, u> / n, and dr/dx = -r^2 u / n, so
    r^2 / n (3 u <h, u> <g, u> / n - u <h, g> - h <g, u> - g <h, u>).
    """
    r = 1.0 / sqrt(mean(square(x), -1, keepdims=True) + eps)
    u = x * r
    hg, hu, gu = (mean(a * b, -1, keepdims=True) for a, b in ((h, g), (h, u), (g, u)))
    return r * r * (u * (3.0 * hu * gu - hg) - h * gu - g * hu)


def normalise_rows(x: Any, eps: float) -> Tensor:
    """(x - mean) / sqrt(var + eps) over the last axis, with the variance divided by n.

    Parameters
    ----------
    x : array_like, floating
        At least one axis.
    eps : float

    Examples
    --------
    >>> bool(abs(normalise_rows(np.arange(4.0), 1e-5).sum()) < 1e-12)
    True
    """
    return _rows.apply([_with_axis(x, "normalise_rows")], {"eps": float(eps)})


def normalise_rms(x: Any, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over the last axis.

    Parameters
    ----------
    x : array_like, floating
        At least one axis.
    eps : float

    Examples
    --------
    >>> normalise_rms(np.array([3.0, -3.0]), 0.0)
    Tensor([ 1., -1.], dtype=float64)
    """
    return _rms.apply([_with_axis(x, "normalise_rms")], {"eps": float(eps)})


def _with_axis(x: Any, where: str) -> Tensor:
    tensor = floating(x, where)
    if tensor.ndim == 0:
        raise ValueError(
            refusal(where, "needs an axis to normalise", "shape ()", "Give an array of rows.")
        )
    return tensor


# Per channel: axis 1 of (samples, channels, ...) ------------------------------------------------


def _plan_channels(kernel: Kernel, *specs: Spec) -> Plan:
    shape, dtype = specs[0][0], np.dtype(specs[0][1])
    sizes = (shape[0], shape[1], math.prod(shape[2:]))
    return Plan((shape[1],), dtype, kernel, dtype, (RESULT, *INPUTS[: len(specs)], *sizes))


_squares = Primitive("_channel_squares", lambda x, m: _plan_channels(kernels.CHANNEL_SQUARES, x, m))
_products = Primitive(
    "_channel_products", lambda g, x, m: _plan_channels(kernels.CHANNEL_PRODUCTS, g, x, m)
)
# m is the mean of x, where the derivative by m, -2 sum of (x - m), is zero.
_squares.gradients(lambda g, y, x, m: _beside(2.0 * g, x) * (x - _beside(m, x)), None)
_products.gradients(
    lambda h, y, g, x, m: _beside(h, x) * (x - _beside(m, x)),
    lambda h, y, g, x, m: _beside(h, x) * g,
    lambda h, y, g, x, m: -h * _channel_sum(g),
)

# y = (x - m) r with the mean m and r = 1 / sqrt(var + eps) of x itself: its gradient by x holds
# what goes through m and r, which therefore have none here. `_slanted` is the same with any m, r.
_standardise = Elementwise(kernels.STANDARDISE, "_standardise")
_slanted = Elementwise(kernels.STANDARDISE, "_slanted")
_standardise_gradient = Elementwise(kernels.STANDARDISE_GRADIENT, "_standardise_gradient")
_standardise.gradients(lambda g, y, x, m, r: _through_statistics(g, x, m, r), None, None)
_slanted.gradients(
    lambda g, y, x, m, r: g * r,
    lambda g, y, x, m, r: -g * r,
    lambda g, y, x, m, r: g * (x - m),
)
_standardise_gradient.gradients(
    lambda h, y, g, level, tilt, r: h * r,
    lambda h, y, g, level, tilt, r: -h * r,
    lambda h, y, g, level, tilt, r: -h * r,
    lambda h, y, g, level, tilt, r: h * ((g - level) - tilt),
)


def _through_statistics(g: Tensor, x: Tensor, m: Tensor, r: Tensor) -> Tensor:
    """r (g - mean(g) - (x - m) r^2 mean(g (x - m))), with means over the channel."""
    share = 1.0 / (x.size // x.shape[1])
    level = _beside(_channel_sum(g) * share, x)
    along = _products.apply([g, x, reshape(m, (x.shape[1],))], {})
    tilt = _slanted(x, m, _beside(along * share, x) * (r * r))
    return _standardise_gradient(g, level, tilt, r)


def _channel_sum(x: Tensor) -> Tensor:
    return sum_(x, axis=(0, *range(2, x.ndim)))


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """Return one value per channel in the shape that broadcasts beside x."""
    return reshape(values, (values.size,) + (1,) * (x.ndim - 2))


def channel_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance (divided by n) of each channel, over samples and positions.

    Parameters
    ----------
    x : Tensor, shape (samples, channels, ...)
        At least one value per channel.

    Returns
    -------
    (mean, variance) : Tensors, shape (channels,)

    Examples
    --------
    >>> mean, variance = channel_moments(Tensor(np.array([[1.0, 5.0], [3.0, 5.0]])))
    >>> mean.numpy(), variance.numpy()
    (array([2., 5.]), array([1., 0.]))
    """
    share = 1.0 / (x.size // x.shape[1])
    centre = _channel_sum(x) * share
    return centre, _squares.apply([x, centre], {}) * share


def standardise(x: Tensor, centre: Tensor, variance: Tensor, eps: float) -> Tensor:
    """(x - mean) / sqrt(variance + eps) per channel, with x's own moments.

    The gradient is right only where `centre` and `variance` are ``channel_moments(x)``.

    Examples
    --------
    >>> x = Tensor(np.array([[1.0], [3.0]]))
    >>> standardise(x, *channel_moments(x), 0.0).numpy().tolist()
    [[-1.0], [1.0]]
    """
    scale = 1.0 / sqrt(variance + eps)
    return _standardise(x, _beside(centre, x), _beside(scale, x))
