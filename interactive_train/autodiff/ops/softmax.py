"""Softmax, log-softmax and the fused cross-entropy with integer labels, over the last axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import floating, normal_axes
from interactive_train.autodiff.ops.reduction import sum as sum_
from interactive_train.autodiff.ops.shape import reshape, swapaxes
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import softmax as kernels
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal


def _rows(kernel: Kernel, x: Spec) -> Plan:
    shape, dtype = x[0], np.dtype(x[1])
    rows, columns = math.prod(shape[:-1]), shape[-1]
    return Plan(shape, dtype, kernel, dtype, (RESULT, INPUTS[0], rows, columns))


_softmax = Primitive("_softmax", lambda x: _rows(kernels.SOFTMAX, x))
_softmax.gradients(lambda g, y, x: y * (g - sum_(g * y, -1, keepdims=True)))

_log_softmax = Primitive("_log_softmax", lambda x: _rows(kernels.LOG_SOFTMAX, x))
_log_softmax.gradients(lambda g, y, x: g - _softmax(x) * sum_(g, -1, keepdims=True))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum of exp(x) along an axis; no finite input overflows."""
    return _along(_softmax, floating(x, "softmax"), axis)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """x - log(sum of exp(x)) along an axis; no finite input overflows."""
    return _along(_log_softmax, floating(x, "log_softmax"), axis)


def _along(primitive: Primitive, x: Tensor, axis: int) -> Tensor:
    name = primitive.name.lstrip("_")
    (at,) = normal_axes(name, x.shape, axis)
    if x.shape[at] == 0:
        raise ValueError(
            refusal(
                name,
                "needs at least one class along the axis",
                f"shape {x.shape}",
                "Check the shape of the logits.",
            )
        )
    if at == x.ndim - 1:
        return primitive(x)
    return swapaxes(primitive(swapaxes(x, axis, -1)), axis, -1)


# Cross-entropy of integer labels: loss[i] = log sum exp(x[i]) - x[i, label[i]] ----------------


def _plan_cross_entropy(x: Spec, labels: Spec) -> Plan:
    (rows, columns), dtype = x[0], np.dtype(x[1])
    if labels[0] != (rows,) or np.dtype(labels[1]) != np.int64:
        raise ValueError(
            refusal(
                "cross_entropy_rows",
                f"needs one int64 label for each of {rows} rows",
                f"shape {labels[0]}, {np.dtype(labels[1])}",
                "Labels are class numbers, not one-hot rows.",
            )
        )
    operands = (RESULT, INPUTS[0], INPUTS[1], rows, columns)
    return Plan((rows,), dtype, kernels.CROSS_ENTROPY_ROWS, dtype, operands)


def _plan_cross_entropy_gradient(g: Spec, x: Spec, labels: Spec) -> Plan:
    dtype = np.dtype(x[1])
    rows, columns = x[0]
    operands = (RESULT, INPUTS[0], INPUTS[1], INPUTS[2], rows, columns)
    return Plan(x[0], dtype, kernels.CROSS_ENTROPY_ROWS_GRADIENT, dtype, operands)


cross_entropy_rows = Primitive("cross_entropy_rows", _plan_cross_entropy)
cross_entropy_rows_gradient = Primitive("cross_entropy_rows_gradient", _plan_cross_entropy_gradient)

cross_entropy_rows.title = "losses.cross_entropy_sparse"

# d loss[i] / d x[i] = softmax(x[i]) - onehot(label[i])
cross_entropy_rows.gradients(
    lambda g, y, x, labels: cross_entropy_rows_gradient.apply([g, x, labels], {}), None
)
# of g (p - onehot) with p = softmax(x), weighted by h: for g the row sum of h (p - onehot),
# for x the softmax's own gradient of g h, g p (h - sum(h p)).
cross_entropy_rows_gradient.gradients(
    lambda h, y, g, x, labels: sum_(
        h * cross_entropy_rows_gradient.apply([_ones(g), x, labels], {}), -1
    ),
    lambda h, y, g, x, labels: _softmax_gradient(reshape(g, (-1, 1)) * h, _softmax(x)),
    None,
)


def _softmax_gradient(h: Tensor, p: Tensor) -> Tensor:
    return p * (h - sum_(h * p, -1, keepdims=True))


def _ones(like: Tensor) -> Tensor:
    return Tensor.wrap(np.ones(like.shape, like.dtype))


OPERATIONS["softmax"] = softmax
OPERATIONS["log_softmax"] = log_softmax
