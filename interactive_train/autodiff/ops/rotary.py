"""Rotary positions as a primitive: a rotation, whose gradient is the rotation back."""

from __future__ import annotations

import numpy as np

from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.kernels.rotary import ROTATE
from interactive_train.machine.eager import INPUTS, RESULT


def _plan(x: Spec, heads: int, head: int, start: int, theta: float, back: bool) -> Plan:
    (batch, time, width), dtype = x[0], np.dtype(x[1])
    half = head // 2
    pace = theta ** (-np.arange(half) / half)
    angle = np.arange(start, start + time)[:, None] * pace
    cosine, sine = np.cos(angle), np.sin(-angle if back else angle)
    tables = (cosine.astype(dtype), sine.astype(dtype))
    sizes = (batch, time, heads, half, width - heads * head, width)
    return Plan(x[0], dtype, ROTATE, dtype, (RESULT, INPUTS[0], *tables, *sizes))


_rotate = Primitive("_rotate", _plan)
_rotate.gradients(
    lambda g, y, x, heads, head, start, theta, back: _rotate.apply(
        [g], {"heads": heads, "head": head, "start": start, "theta": theta, "back": not back}
    )
)


def rotate(x: Tensor, heads: int, head: int, start: int = 0, theta: float = 10000.0) -> Tensor:
    """Turn the feature pairs (c, c + head / 2) of the first heads by (start + t) theta^(-2c/head).

    Parameters
    ----------
    x : Tensor, shape (batch, time, width)
        The heads side by side; what lies behind them stays as it is.
    heads, head : int
        How many heads are turned, and the extent of one, which is even.
    start : int
        The time of the first row.
    theta : float
        The slowest pair turns by about 1 / theta a step.

    Returns
    -------
    Tensor, of the same shape

    Examples
    --------
    >>> rotate(Tensor(np.ones((1, 1, 2))), heads=1, head=2)  # time 0 is not turned
    Tensor([[[1., 1.]]], dtype=float64)
    """
    attributes = {"heads": heads, "head": head, "start": start, "theta": theta, "back": False}
    return _rotate.apply([x], attributes)
