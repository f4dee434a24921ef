"""Initial values: functions ``(key, shape) -> float64 array``, pure in key and shape.

Some are such functions (``glorot_uniform``), others make one from settings (``normal(0.02)``).
Of a weight's axes the last two are inputs and outputs, as in `nn.Linear`; axes before them are
positions of a window. `variance_scaling` takes other layouts.

References
----------
Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks. 2010.
He et al.: Delving deep into rectifiers. 2015.
LeCun, Bottou, Orr, Müller: Efficient backprop. 1998.
Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning. 2013.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import real_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key

Array = NDArray[np.float64]
Initializer = Callable[[Key, tuple[int, ...]], Array]
Distribution = Literal["uniform", "normal", "truncated_normal"]
Mode = Literal["fan_in", "fan_out", "fan_avg"]

# The standard deviation of a standard normal that is cut off at -2 and 2.
CUT_AT_TWO = 0.87962566103423978
TRIES = 1000


def zeros(key: Key, shape: tuple[int, ...]) -> Array:
    """Return zeros."""
    return np.zeros(shape)


def ones(key: Key, shape: tuple[int, ...]) -> Array:
    """Return ones."""
    return np.ones(shape)


def constant(value: float) -> Initializer:
    """Make an initializer that returns one value everywhere.

    Examples
    --------
    >>> constant(0.25)(Key.from_seed(0), (2,))
    array([0.25, 0.25])
    """
    number = real_number(value, "value", "initializers.constant")
    return _Made(f"constant({number:g})", lambda key, shape: np.full(shape, number))


def uniform(low: float = 0.0, high: float = 0.01) -> Initializer:
    """Make an initializer that draws from U[low, high).

    Examples
    --------
    >>> uniform(-1.0, 1.0)
    uniform(-1, 1)
    """
    where = "initializers.uniform"
    bottom, top = real_number(low, "low", where), real_number(high, "high", where)
    if not bottom <= top:
        raise ValueError(
            refusal(where, "low is not above high", f"low={low:g}, high={high:g}", "Swap them.")
        )

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        return (bottom + (top - bottom) * key.uniform(math.prod(shape))).reshape(shape)

    return _Made(f"uniform({bottom:g}, {top:g})", draw)


def normal(stddev: float = 0.01, *, mean: float = 0.0) -> Initializer:
    """Make an initializer that draws from a normal distribution.

    Examples
    --------
    >>> values = normal(0.5)(Key.from_seed(0), (100, 100))
    >>> bool(abs(values.std() - 0.5) < 0.01)
    True
    """
    where = "initializers.normal"
    spread = real_number(stddev, "stddev", where, low=0.0)
    centre = real_number(mean, "mean", where)

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        return (centre + spread * _normal(key, math.prod(shape))).reshape(shape)

    return _Made(f"normal({spread:g})", draw)


def truncated_normal(
    stddev: float = 0.01, *, mean: float = 0.0, low: float = -2.0, high: float = 2.0
) -> Initializer:
    """Make an initializer that draws from a normal distribution whose ends are cut off.

    Parameters
    ----------
    stddev : float
        Of the whole normal distribution; what is left has less.
    mean : float
    low, high : float
        Where it is cut, in standard deviations from the mean.

    Raises
    ------
    ValueError
        If the interval is empty, or if so little of the distribution lies in it that drawing
        does not end.

    Examples
    --------
    >>> values = truncated_normal(0.5)(Key.from_seed(0), (1000,))
    >>> bool(abs(values).max() <= 1.0)
    True
    """
    where = "initializers.truncated_normal"
    spread = real_number(stddev, "stddev", where, low=0.0)
    centre = real_number(mean, "mean", where)
    bottom, top = real_number(low, "low", where), real_number(high, "high", where)
    if not bottom < top:
        raise ValueError(
            refusal(where, "low is below high", f"low={low:g}, high={high:g}", "Swap them.")
        )

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        return (centre + spread * _cut(key, math.prod(shape), bottom, top)).reshape(shape)

    return _Made(f"truncated_normal({spread:g})", draw)


def variance_scaling(
    scale: float,
    mode: Mode = "fan_in",
    distribution: Distribution = "truncated_normal",
    *,
    in_axis: int = -2,
    out_axis: int = -1,
) -> Initializer:
    """Make an initializer whose values have the variance scale / fan.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
        Whether fan counts a weight's inputs, its outputs, or is the mean of the two.
    distribution : {"uniform", "normal", "truncated_normal"}
        The last is cut at two standard deviations, and widened so that the variance holds.
    in_axis, out_axis : int
        Which axes count inputs and outputs; all others are positions of a window.

    Examples
    --------
    >>> variance_scaling(2.0, "fan_out", "uniform", in_axis=1, out_axis=0)
    variance_scaling(2, fan_out, uniform)
    """
    where = "initializers.variance_scaling"
    size = real_number(scale, "scale", where, low=0.0)
    _require(mode, ("fan_in", "fan_out", "fan_avg"), "mode", where)
    _require(distribution, ("uniform", "normal", "truncated_normal"), "distribution", where)

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape, in_axis, out_axis)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        return _scaled(key, shape, size / fan, distribution)

    return _Made(f"variance_scaling({size:g}, {mode}, {distribution})", draw)


def glorot_uniform(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw from U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Examples
    --------
    >>> bool(abs(glorot_uniform(Key.from_seed(0), (3, 3))).max() <= 1.0)
    True
    """
    fan_in, fan_out = fans(shape)
    return _symmetric(key, shape, math.sqrt(6.0 / (fan_in + fan_out)))


def glorot_normal(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw with variance 2 / (fan_in + fan_out), cut at two standard deviations."""
    return _scaled(key, shape, 2.0 / sum(fans(shape)), "truncated_normal")


def he_uniform(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw from U(-a, a) with a = sqrt(6 / fan_in), for layers before a relu."""
    return _symmetric(key, shape, math.sqrt(6.0 / fans(shape)[0]))


def he_normal(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw with variance 2 / fan_in, cut at two standard deviations."""
    return _scaled(key, shape, 2.0 / fans(shape)[0], "truncated_normal")


def lecun_uniform(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw from U(-a, a) with a = sqrt(3 / fan_in), for layers before a selu."""
    return _symmetric(key, shape, math.sqrt(3.0 / fans(shape)[0]))


def lecun_normal(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw with variance 1 / fan_in, cut at two standard deviations; for layers before a selu."""
    return _scaled(key, shape, 1.0 / fans(shape)[0], "truncated_normal")


def orthogonal(gain: float = 1.0) -> Initializer:
    """Make an initializer of matrices with orthogonal rows or columns, whichever are fewer.

    All axes but the last count as rows. With gain 1 these have length 1.

    Raises
    ------
    ValueError
        For shapes with fewer than two axes.

    Examples
    --------
    >>> w = orthogonal()(Key.from_seed(0), (5, 3))
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """
    where = "initializers.orthogonal"
    factor = real_number(gain, "gain", where)

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        if len(shape) < 2:
            raise ValueError(
                refusal(where, "needs at least two axes", f"shape {shape}", "Use it for weights.")
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall, narrow = max(rows, columns), min(rows, columns)
        q, r = np.linalg.qr(_normal(key, tall * narrow).reshape(tall, narrow))
        q = q * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)  # else the signs would not be uniform
        return np.asarray(factor * (q if rows >= columns else q.T).reshape(shape), np.float64)

    return _Made(f"orthogonal({factor:g})", draw)


def identity(gain: float = 1.0) -> Initializer:
    """Make an initializer of the identity matrix times a gain; what lies beyond a square is zero.

    Examples
    --------
    >>> identity()(Key.from_seed(0), (2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    where = "initializers.identity"
    factor = real_number(gain, "gain", where)

    def fill(key: Key, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise ValueError(
                refusal(where, "needs a matrix", f"shape {shape}", "Use it for nn.Linear.")
            )
        return factor * np.eye(*shape)

    return _Made(f"identity({factor:g})", fill)


def fans(shape: tuple[int, ...], in_axis: int = -2, out_axis: int = -1) -> tuple[int, int]:
    """Return how many inputs and outputs a weight of this shape connects.

    Axes that are neither are positions of a window. With fewer than two axes both are the size;
    neither is below 1.
    """
    if len(shape) < 2:
        size = max(1, math.prod(shape))
        return size, size
    if not all(-len(shape) <= axis < len(shape) for axis in (in_axis, out_axis)):
        raise ValueError(
            refusal(
                "initializers.fans",
                f"axes lie in {-len(shape)} ... {len(shape) - 1}",
                f"in_axis={in_axis}, out_axis={out_axis}",
                f"The shape is {shape}.",
            )
        )
    places = {in_axis % len(shape), out_axis % len(shape)}
    window = math.prod(extent for axis, extent in enumerate(shape) if axis not in places)
    return max(1, shape[in_axis] * window), max(1, shape[out_axis] * window)


class _Made:
    """An initializer with settings, whose repr says them."""

    def __init__(self, text: str, function: Initializer) -> None:
        self.text, self.function = text, function

    def __call__(self, key: Key, shape: tuple[int, ...]) -> Array:
        return self.function(key, shape)

    def __repr__(self) -> str:
        return self.text


def _require(value: Any, known: tuple[str, ...], name: str, where: str) -> None:
    if value not in known:
        raise ValueError(
            refusal(where, f"{name} is one of {', '.join(known)}", repr(value), "Choose one.")
        )


def _symmetric(key: Key, shape: tuple[int, ...], limit: float) -> Array:
    return ((2.0 * key.uniform(math.prod(shape)) - 1.0) * limit).reshape(shape)


def _scaled(key: Key, shape: tuple[int, ...], variance: float, distribution: Distribution) -> Array:
    if distribution == "uniform":
        return _symmetric(key, shape, math.sqrt(3.0 * variance))
    size, deviation = math.prod(shape), math.sqrt(variance)
    if distribution == "normal":
        return (deviation * _normal(key, size)).reshape(shape)
    return (deviation / CUT_AT_TWO * _cut(key, size, -2.0, 2.0)).reshape(shape)


def _normal(key: Key, count: int) -> Array:
    """Return standard normal numbers, two from each pair of uniform ones (Box and Muller)."""
    half = (count + 1) // 2
    draws = key.uniform(2 * half)
    radius = np.sqrt(-2.0 * np.log1p(-draws[:half]))
    angle = (2.0 * math.pi) * draws[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def _cut(key: Key, count: int, low: float, high: float) -> Array:
    """Return standard normal numbers in [low, high]; those outside are drawn again."""
    values = _normal(key, count)
    for again in range(TRIES):
        outside = np.flatnonzero((values < low) | (values > high))
        if not outside.size:
            return values
        values[outside] = _normal(key.fold("again", again), outside.size)
    raise ValueError(
        refusal(
            "initializers.truncated_normal",
            "the interval holds a good part of the distribution",
            f"[{low:g}, {high:g}] standard deviations",
            "Use uniform(low, high) so far from the mean.",
        )
    )
