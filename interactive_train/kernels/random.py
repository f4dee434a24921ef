"""Counter-based random numbers inside a kernel: Philox-2x64 with 10 rounds.

Number i of a key is a function of (key, i) alone, so dropout masks are the same
for any number of threads and are recomputed in the backward pass, not stored.

References
----------
Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Kernel

# The multiplier and the Weyl increment of Philox-2x64, from the paper's table 2.
MULTIPLIER = np.uint64(0xD2B74407B1CE6E93)
WEYL = np.uint64(0x9E3779B97F4A7C15)
LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MANTISSA_SHIFT = np.uint64(11)


def high_product(a: Any, b: Any) -> Any:
    """Upper 64 bits of the 128-bit product of two unsigned 64-bit words."""
    a_low = a & LOW_HALF
    a_high = a >> HALF
    b_low = b & LOW_HALF
    b_high = b >> HALF
    cross = a_high * b_low + ((a_low * b_low) >> HALF)
    other = a_low * b_high + (cross & LOW_HALF)
    return a_high * b_high + (cross >> HALF) + (other >> HALF)


def philox(key: Any, low: Any, high: Any) -> Any:
    """First word of the Philox-2x64-10 block of counter (low, high)."""
    for _ in range(10):
        product_high = high_product(MULTIPLIER, low)
        product_low = MULTIPLIER * low
        low = product_high ^ key ^ high
        high = product_low
        key = key + WEYL
    return low


def dropout(out: Any, x: Any, rate: Any, key: Any, n: int) -> int:
    """out = x / (1 - rate) where a uniform number of (key, i) is at least rate, else 0."""
    keep = 1.0 / (1.0 - rate[0])
    for i in range(n):
        word = philox(key[0], np.uint64(i), key[1])
        uniform = np.float64(word >> MANTISSA_SHIFT) * np.float64(2.0**-53)
        out[i] = x[i] * keep if uniform >= rate[0] else 0.0
    return 0


DROPOUT = Kernel("dropout", dropout, "out=T[n] x:T[n] rate:T[1] key:u8[2] n")
