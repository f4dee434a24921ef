"""Dropout as a primitive: the mask is a function of the key, so the gradient recomputes it."""

from __future__ import annotations

import numpy as np

from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.kernels.random import DROPOUT
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.key import Key


def _plan(x: Spec, rate: Spec, key: Spec) -> Plan:
    dtype = np.dtype(x[1])
    size = int(np.prod(x[0], dtype=np.int64))
    return Plan(x[0], dtype, DROPOUT, dtype, (RESULT, *INPUTS[:3], size))


_dropout = Primitive("_dropout", _plan)
_dropout.gradients(lambda g, y, x, rate, key: _dropout.apply([g, rate, key], {}), None, None)


def dropout(x: Tensor, rate: float, key: Key) -> Tensor:
    """Zero each element with probability `rate` and scale the others by 1 / (1 - rate).

    Parameters
    ----------
    x : Tensor
    rate : float in [0, 1)
        Memory, not a constant: changing it compiles and plans nothing anew.
    key : Key
        Element i is dropped or not by (key, i) alone.
    """
    memory = Tensor.wrap(np.array([rate], x.dtype))
    return _dropout.apply([x, memory, Tensor.wrap(key.words())], {})
