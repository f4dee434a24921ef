"""The bits of a number: the plain definitions, and that native code means the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.bits import (
    accumulate,
    exponent,
    mantissa,
    rank,
    two_to,
    unrank,
    wide_product,
)
from interactive_train.kernels.kernel import Expression, Kernel
from tests.kernels.fenced import FLOATING, WAYS, run

BOTH = pytest.mark.parametrize("dtype", FLOATING, ids=str)


def exponent_of(x: Any) -> Any:
    return exponent(x)


def mantissa_of(x: Any) -> Any:
    return mantissa(x)


def power_of(x: Any) -> Any:
    return two_to(x)


def there_and_back(x: Any) -> Any:
    return unrank(rank(x))


def above(x: Any, y: Any) -> Any:
    return rank(x) > rank(y)


def both(expression: Expression, dtype: np.dtype[Any], *values: Any) -> Any:
    """Return what the plain loop gives, having seen that the native one gives the same."""
    out = np.zeros(values[0].size, np.bool_ if expression.output == "b1" else dtype)
    kernel = expression.kernel("f" * len(values))
    plain, native = (run(kernel, dtype, out, *values, out.size, way=way)[1] for way in WAYS)
    np.testing.assert_array_equal(plain, native)
    return plain


@BOTH
def test_a_positive_number_is_its_mantissa_times_a_power_of_two(dtype: np.dtype[Any]) -> None:
    info = np.finfo(dtype)
    x = np.exp(np.random.default_rng(0).uniform(-80, 80, 500)).astype(dtype)
    root = dtype.type(0.5) ** dtype.type(0.5)
    edges = [info.tiny, info.max, 1, 2, 0.5, root, np.nextafter(root, dtype.type(0)), 2 * root]
    x = np.concatenate([x, np.array(edges, dtype)])
    n = both(Expression(exponent_of, "T"), dtype, x)
    m = both(Expression(mantissa_of, "T"), dtype, x)
    np.testing.assert_array_equal(np.ldexp(m, n.astype(int)), x)
    assert ((m >= np.sqrt(0.5) * (1 - info.eps)) & (m < np.sqrt(2) * (1 + info.eps))).all()


@BOTH
def test_a_held_whole_number_becomes_a_power_of_two(dtype: np.dtype[Any]) -> None:
    info = np.finfo(dtype)
    n = np.arange(info.minexp, info.maxexp)
    held = (n + 1.5 * 2.0**info.nmant).astype(dtype)
    np.testing.assert_array_equal(both(Expression(power_of, "T"), dtype, held), 2.0**n)


@BOTH
def test_ranks_order_like_numbers(dtype: np.dtype[Any]) -> None:
    x = np.array([-np.inf, -3, -1e-40, 0, 1e-40, 2, 2.5, np.inf, np.nan, -0.0], dtype)
    np.testing.assert_array_equal(
        both(Expression(there_and_back, "T"), dtype, x).view(f"u{dtype.itemsize}"),
        x.view(f"u{dtype.itemsize}"),
    )
    left, right = (v.ravel() for v in np.meshgrid(x[:9], x[:9]))
    got = both(Expression(above, "T T", "b1"), dtype, left, right)
    want = (left > right) | (np.isnan(left) & ~np.isnan(right))
    np.testing.assert_array_equal(got, want)


def test_the_halves_of_a_product() -> None:
    numbers = [0, 1, 2**32 - 1, 2**32, 2**64 - 1, 0xDEADBEEFCAFEBABE]
    with np.errstate(over="ignore"):
        for a in numbers:
            for b in numbers:
                high, low = wide_product(np.uint64(a), np.uint64(b))
                assert (int(high), int(low)) == divmod(a * b, 2**64)


def total(out: Any, x: Any, n: int) -> int:
    sum_ = 0.0
    for i in range(n):
        sum_ = accumulate(sum_, x[i])
    out[0] = sum_
    return 0


@BOTH
def test_one_addition_alone_may_be_reordered(dtype: np.dtype[Any]) -> None:
    kernel = Kernel("total", total, "out=T[1] x:T[n] n")
    x = np.random.default_rng(0).normal(size=1001).astype(dtype)
    sums = [run(kernel, dtype, np.zeros(1, dtype), x, 1001, way=way)[1][0] for way in WAYS]
    np.testing.assert_allclose(sums, x.astype(float).sum(), rtol=1000 * float(np.finfo(dtype).eps))
    x[3] = np.nan
    assert np.isnan(run(kernel, dtype, np.zeros(1, dtype), x, 1001)[1][0])
