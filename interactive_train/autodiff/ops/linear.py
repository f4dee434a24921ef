"""Matrix products: one primitive over batches of matrices, with transposition as a flag.

Since a transposed product is a product with another flag, no gradient copies a matrix.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.shape import broadcast_to, reshape
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels.gemm import GEMM, LARGEST, gemm_sizes
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.blas import blas
from interactive_train.runtime.errors import refusal


def _plan(a: Spec, b: Spec, ta: bool, tb: bool) -> Plan:
    left, right = list(a[0][-2:]), list(b[0][-2:])
    lead = a[0][:-2]
    batch = math.prod(lead)
    m, k = reversed(left) if ta else left
    n = right[0] if tb else right[1]
    if max(m, n, k) > LARGEST:
        raise ValueError(
            refusal(
                "matmul",
                f"extents are at most {LARGEST}, as far as the library counts",
                f"{a[0]} and {b[0]}",
                "Split the product.",
            )
        )
    dtype = np.dtype(a[1])
    sizes = gemm_sizes(batch, (m, n, k), int(ta), int(tb), blas().gemm(dtype))
    return Plan(
        (*lead, m, n),
        dtype,
        GEMM,
        dtype,
        (RESULT, INPUTS[0], INPUTS[1], *sizes),
    )


# op(a) @ op(b) over [rows, columns] or [batch, rows, columns]; op transposes where its flag is set.
product = Primitive("product", _plan)
product.gradients(
    lambda g, y, a, b, ta, tb: _product(b, g, tb, True) if ta else _product(g, b, False, not tb),
    lambda g, y, a, b, ta, tb: _product(g, a, True, ta) if tb else _product(a, g, not ta, False),
)


def _product(a: Tensor, b: Tensor, ta: bool = False, tb: bool = False) -> Tensor:
    blas().use_one_thread()  # user code may have set the number for every copy of the library
    return product.apply([a, b], {"ta": ta, "tb": tb})


def matmul(a: Any, b: Any) -> Tensor:
    """Matrix product over the last two axes, by NumPy's rules.

    Parameters
    ----------
    a : array_like, shape (..., m, k) or (k,)
    b : array_like, shape (..., k, n) or (k,)

    Returns
    -------
    Tensor, shape (..., m, n), without the axis that a vector lacks.

    Raises
    ------
    ValueError
        If the inner extents differ or an operand is a scalar.
    """
    x, y = promote("matmul", [a, b])
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            refusal(
                "matmul",
                "the last axis of the first must equal the last but one of the second",
                f"{x.shape} and {y.shape}",
                "Check the order of the operands, or transpose one.",
            )
        )
    if x.ndim == 1 or y.ndim == 1:
        rows = reshape(x, (1, x.size)) if x.ndim == 1 else x
        columns = reshape(y, (y.size, 1)) if y.ndim == 1 else y
        out = matmul(rows, columns)
        lead = out.shape[:-2]
        kept = out.shape[-2:][x.ndim == 1 : 1 if y.ndim == 1 else 2]
        return reshape(out, lead + kept)
    if x.ndim == 2 and y.ndim == 2:
        return _product(x, y)
    if y.ndim == 2:  # all leading axes of x are rows of one product
        out = _product(_rows(x), y)
        return reshape(out, (*x.shape[:-1], y.shape[-1]))
    try:
        lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ValueError(
            refusal(
                "matmul",
                "all axes but the last two must broadcast",
                f"{x.shape} and {y.shape}",
                "They count the matrices of the two batches.",
            )
        ) from None
    flat = math.prod(lead)
    x3 = reshape(broadcast_to(x, lead + x.shape[-2:]), (flat, *x.shape[-2:]))
    y3 = reshape(broadcast_to(y, lead + y.shape[-2:]), (flat, *y.shape[-2:]))
    return reshape(_product(x3, y3), (*lead, x.shape[-2], y.shape[-1]))


def _rows(x: Tensor) -> Tensor:
    return reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


OPERATIONS["matmul"] = matmul
