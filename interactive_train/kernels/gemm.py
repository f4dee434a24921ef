"""Matrix products: the plain loop, and the library call that stands in for it.

A product that is a few elements wide - two inputs, two classes - is over before the library has
looked at its arguments; the native form has short loops of its own for those (`thin`).

The address of the library's routine is an operand of the instruction. A missing
symbol therefore cannot kill the process, and another library or a test double is
one word in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interactive_train.kernels.bands import LANE_BYTES
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import TOO_LARGE
from interactive_train.kernels.thin import (  # noqa: F401 - the native form calls them
    PAIRS,
    thin_kind,
    thin_product,
)

# For wide vectors the library takes up to twice as long where it reads a small right side across:
# that is turned first. Beyond, and on other processors, it copies the operands anyway.
SMALL = 1_000_000  # multiplications
TURNED = 8192 if LANE_BYTES == 64 else 0  # elements of such a right side
FEW = 32  # rows from which turning pays
LARGEST = 2**31 - 1  # the library takes sizes of 32 bits


def gemm(
    out: Any,
    a: Any,
    b: Any,
    batch: int,
    m: int,
    n: int,
    k: int,
    transpose_a: int,
    transpose_b: int,
    out_size: int,
    a_size: int,
    b_size: int,
    a_step: int,
    b_step: int,
    a_lead: int,
    b_lead: int,
    out_lead: int,
    routine: int,
) -> int:
    """out[t] = op(a[t]) @ op(b[t]) for t < batch, out [batch, m, n].

    op(a) is [m, k], op(b) is [k, n]; a step of 0 repeats one matrix for all t. The rows of each
    lie its lead of elements apart, so that it may be some columns of a wider matrix.
    """
    for t in range(batch):
        for i in range(m):
            for j in range(n):
                total = 0.0
                for p in range(k):
                    left = a[t * a_step + (p * a_lead + i if transpose_a else i * a_lead + p)]
                    right = b[t * b_step + (j * b_lead + p if transpose_b else p * b_lead + j)]
                    total += left * right
                out[(t * m + i) * out_lead + j] = total
    return 0


_NATIVE = f'''
def gemm(out, a, b, batch, m, n, k, transpose_a, transpose_b, out_size, a_size, b_size, a_step,
         b_step, a_lead, b_lead, out_lead, routine):
    """Call the library's routine for each matrix of the batch."""
    if max(m, n, k) > {LARGEST}:
        return {TOO_LARGE}
    if m == 0 or n == 0:
        return 0
    if k == 0:
        for t in range(batch):
            for i in range(m):
                for j in range(n):
                    out[(t * m + i) * out_lead + j] = 0.0
        return 0
    thin = thin_kind(m, n, k, transpose_a, transpose_b)
    if thin != 0:
        pairs = array_at(workspace(T(0.0), {2 * PAIRS}), ({2 * PAIRS},), T)
        for t in range(batch):
            thin_product(out[t * m * out_lead:], a[t * a_step:], b[t * b_step:], m, n, k,
                         a_lead, b_lead, out_lead, thin, pairs)
        return 0
    item = out.itemsize
    lanes = {LANE_BYTES} // item
    turned = workspace(T(0.0), {TURNED})
    turns = (transpose_b == 1 and transpose_a == 0 and n % lanes == 0 and k % lanes == 0
             and n * k <= {TURNED} and m >= {FEW} and m * n * k <= {SMALL})
    lead = b_lead
    if turns:
        transpose_b, lead = 0, n
    for t in range(batch):
        right = b.ctypes.data + t * b_step * item
        if turns:
            if t == 0 or b_step > 0:
                for j in range(0, n, lanes):
                    for p in range(0, k, lanes):
                        turn(T(0.0), turned + (p * n + j) * item, n * item,
                             right + (j * b_lead + p) * item, b_lead * item)
            right = turned
        call_gemm(routine, transpose_a, transpose_b, m, n, k, T(1.0),
                  a.ctypes.data + t * a_step * item, a_lead, right, lead, T(0.0),
                  out.ctypes.data + t * m * out_lead * item, out_lead)
    return 0
'''


def _fits(sizes: Mapping[str, Any]) -> bool:
    """Whether the last matrix of each operand ends within its memory, and the library can count."""
    batch, m, n, k = (sizes[name] for name in ("batch", "m", "n", "k"))
    matrices = {
        "a": ((k, m) if sizes["transpose_a"] else (m, k), sizes["a_step"]),
        "b": ((n, k) if sizes["transpose_b"] else (k, n), sizes["b_step"]),
        "out": ((m, n), m * sizes["out_lead"]),
    }
    for name, ((high, wide), step) in matrices.items():
        lead, size = sizes[f"{name}_lead"], sizes[f"{name}_size"]
        last = (high - 1) * lead + wide if high and wide else 0
        end = step * (batch - 1) + last if batch and last else 0
        if not max(1, wide) <= lead <= LARGEST or end > size:
            return False
    return (
        min(batch, m, n, k, sizes["a_step"], sizes["b_step"]) >= 0
        and max(m, n, k) <= LARGEST
        and sizes["transpose_a"] in (0, 1)
        and sizes["transpose_b"] in (0, 1)
        and sizes["routine"] != 0
    )


GEMM = Kernel(
    "gemm",
    gemm,
    "out=T[out_size] a:T[a_size] b:T[b_size] batch m n k transpose_a transpose_b "
    "out_size a_size b_size a_step b_step a_lead b_lead out_lead routine",
    native=_NATIVE,
    fits=_fits,
)


def gemm_sizes(
    batch: int,
    mnk: tuple[int, int, int],
    transpose_a: int,
    transpose_b: int,
    routine: int,
    repeat_b: bool = False,
) -> tuple[int, ...]:
    """Return what follows out, a and b where the matrices lie one behind the other.

    Parameters
    ----------
    repeat_b : bool
        Whether the first b serves for the whole batch.
    """
    m, n, k = mnk
    a_step, b_step = m * k, (0 if repeat_b else k * n)
    a_size, b_size = m * k * batch, k * n * (1 if repeat_b else batch)
    leads = (max(1, m if transpose_a else k), max(1, k if transpose_b else n), max(1, n))
    sizes = (batch * m * n, a_size, b_size, a_step, b_step)
    return (batch, m, n, k, transpose_a, transpose_b, *sizes, *leads, routine)
