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

from interactive_train.kernels.bits import wide_product
from interactive_train.kernels.kernel import Kernel

# The multiplier and the Weyl increment of Philox-2x64, from the paper's table 2.
MULTIPLIER = np.uint64(0xD2B74407B1CE6E93)
WEYL = np.uint64(0x9E3779B97F4A7C15)
MANTISSA_SHIFT = np.uint64(11)


def philox(key: Any, low: Any, high: Any) -> Any:
    """First word of the Philox-2x64-10 block of counter (low, high)."""
    for _ in range(10):
        product_high, product_low = wide_product(MULTIPLIER, low)
        low = product_high ^ key ^ high
        high = product_low
        key = key + WEYL
    return low


def dropout(out: Any, x: Any, rate: Any, key: Any, n: int, first: int) -> int:
    """out = x / (1 - rate) where a uniform number of (key, first + i) is at least rate, else 0.

    The uniform number is a word's upper 53 bits / 2**53; both sides are compared times 2**53,
    which rounds nothing.
    """
    keep = 1.0 / (1.0 - rate[0])
    bound = np.float64(rate[0]) * np.float64(2.0**53)
    words, high = key[0], key[1]
    for i in range(n):
        kept = x[i] * keep
        word = philox(words, np.uint64(first + i), high)
        out[i] = kept if np.float64(word >> MANTISSA_SHIFT) >= bound else 0.0
    return 0


DROPOUT = Kernel(
    "dropout",
    dropout,
    "out=T[n] x:T[n] rate:T[1] key:u8[2] n first",
    parallel=("n",),
    offset="first",
)
