"""Operations on the bits of one number, in plain Python.

What they mean stands here and is what a debugger, a lesson and the checked executor run; in an
adapter the functions of the same names in `native` take their place, a few vector
instructions each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SQRT_HALF = math.sqrt(0.5)
LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def exponent(x: Any) -> Any:
    """n, as a float, such that x / 2**n lies in [sqrt(1/2), sqrt(2)); for normal x > 0."""
    fraction, n = np.frexp(x)
    return type(fraction)(n - (fraction < SQRT_HALF))


def mantissa(x: Any) -> Any:
    """x / 2**exponent(x), for normal x > 0."""
    fraction, _ = np.frexp(x)
    return fraction + fraction if fraction < SQRT_HALF else fraction


def two_to(held: Any) -> Any:
    """2**n, where held = n + 1.5 * 2**23 (2**52 in float64) with a whole n of a normal number.

    Such a sum holds n in its lowest bits. Anything where held is NaN.
    """
    hold = 1.5 * 2.0 ** (23 if isinstance(held, np.float32) else 52)
    return held if held != held else np.ldexp(type(held)(1.0), int(held - hold))


def rank(x: Any) -> Any:
    """An integer that orders like x: of equal numbers equal but for the sign of 0.

    NaN ranks above all numbers or, with its sign set, below; so the largest of some ranks
    belongs to a number or a NaN, and takes no flags to be found by vector instructions.
    """
    word, least = (np.int32, 2**31) if isinstance(x, np.float32) else (np.int64, 2**63)
    bits = int(np.asarray(x)[()].view(word))
    return word(bits if bits >= 0 else -least - 1 - bits)


def unrank(k: Any) -> Any:
    """The number of which k is the rank."""
    least = 2**31 if isinstance(k, np.int32) else 2**63
    bits = type(k)(k if k >= 0 else -least - 1 - int(k))
    return bits.view(np.float32 if isinstance(k, np.int32) else np.float64)


def accumulate(total: Any, x: Any) -> Any:
    """total + x in a sum of which the compiler may choose the order, once, when it compiles."""
    return total + x


def wide_product(a: Any, b: Any) -> Any:
    """Upper and lower 64 bits of the 128-bit product of two unsigned 64-bit words."""
    a_low = a & LOW_HALF
    a_high = a >> HALF
    b_low = b & LOW_HALF
    b_high = b >> HALF
    cross = a_high * b_low + ((a_low * b_low) >> HALF)
    other = a_low * b_high + (cross & LOW_HALF)
    return a_high * b_high + (cross >> HALF) + (other >> HALF), a * b
