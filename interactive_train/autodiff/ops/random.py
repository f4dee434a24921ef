"""Dropout as a primitive: the mask is a function of the key, so the gradient recomputes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.kernels.random import DROPOUT
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


def _plan(x: Spec, rate: Spec, key: Spec) -> Plan:
    dtype = np.dtype(x[1])
    size = int(np.prod(x[0], dtype=np.int64))
    return Plan(x[0], dtype, DROPOUT, dtype, (RESULT, *INPUTS[:3], size, 0))


_dropout = Primitive("_dropout", _plan)
_dropout.gradients(lambda g, y, x, rate, key: _dropout.apply([g, rate, key], {}), None, None)


def dropout(x: Any, rate: float, key: Key) -> Tensor:
    """Zero each element with probability `rate` and scale the others by 1 / (1 - rate).

    Parameters
    ----------
    x : array_like, floating
    rate : float in [0, 1)
        Memory, not a constant: changing it compiles and plans nothing anew.
    key : Key
        Element i is dropped or not by (key, i) alone.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the rate lies outside [0, 1).

    Examples
    --------
    >>> dropped = dropout(np.ones(1000), 0.25, Key.from_seed(0))
    >>> sorted({round(float(v), 4) for v in dropped})
    [0.0, 1.3333]
    """
    tensor = floating(x, "dropout")
    known = not hasattr(rate, "__tensor__")  # else it is checked where it is set
    if known and not 0.0 <= rate < 1.0:
        raise ValueError(refusal("dropout", "rate lies in [0, 1)", repr(rate), "0 drops nothing."))
    memory: Tensor
    if hasattr(rate, "__tensor__"):
        memory = rate.__tensor__(tensor.dtype).reshape((1,))
    else:
        memory = Tensor.wrap(np.array([rate], tensor.dtype))
    return _dropout.apply([tensor, memory, Tensor.wrap(key.words())], {})
