"""Philox against the known answers of its authors, and dropout against an independent Philox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.random import DROPOUT, high_product, philox
from interactive_train.runtime.key import Key
from tests.kernels.fenced import FLOATING, WAYS, run

# Salmon et al., kat_vectors of Random123, philox2x64 with 10 rounds: counter, key, first word.
KNOWN = [
    ((0, 0), 0, 0xCA00A0459843D731),
    ((2**64 - 1, 2**64 - 1), 2**64 - 1, 0x65B021D60CD8310F),
    ((0x243F6A8885A308D3, 0x13198A2E03707344), 0xA4093822299F31D0, 0x0A5E742C2997341C),
]


def reference(low: int, high: int, key: int) -> int:
    """Philox-2x64-10 with Python's unbounded integers."""
    mask = 2**64 - 1
    for _ in range(10):
        product = 0xD2B74407B1CE6E93 * low
        low, high = (product >> 64) ^ key ^ high, product & mask
        key = (key + 0x9E3779B97F4A7C15) & mask
    return low


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_known_answers(counter: tuple[int, int], key: int, answer: int) -> None:
    with np.errstate(over="ignore"):
        word = philox(np.uint64(key), np.uint64(counter[0]), np.uint64(counter[1]))
    assert int(word) == answer == reference(*counter, key)


def test_the_upper_half_of_a_product() -> None:
    numbers = [0, 1, 2**32 - 1, 2**32, 2**64 - 1, 0xDEADBEEFCAFEBABE]
    with np.errstate(over="ignore"):
        for a in numbers:
            for b in numbers:
                assert int(high_product(np.uint64(a), np.uint64(b))) == (a * b) >> 64


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_dropout_drops_what_the_key_says(dtype: np.dtype[Any], way: str) -> None:
    key, n, rate = Key.from_seed(3), 500, 0.3
    x = np.random.default_rng(0).normal(size=n).astype(dtype)
    memory = np.array([rate], dtype)
    words = [reference(i, key.low, key.high) for i in range(n)]
    keep = np.array([(w >> 11) * 2.0**-53 >= float(memory[0]) for w in words])
    code, got = run(DROPOUT, dtype, np.zeros(n, dtype), x, memory, key.words(), n, way=way)
    assert code == 0
    np.testing.assert_array_equal(got != 0, keep)
    np.testing.assert_allclose(got[keep], x[keep] / (1 - rate), rtol=1e-6)


def test_a_rate_of_zero_drops_nothing_and_the_share_is_the_rate() -> None:
    x, key = np.ones(40_000, np.float32), Key.from_seed(0).words()
    _, none = run(DROPOUT, FLOATING[0], x * 0, x, np.zeros(1, np.float32), key, x.size)
    np.testing.assert_array_equal(none, x)
    _, some = run(DROPOUT, FLOATING[0], x * 0, x, np.full(1, 0.25, np.float32), key, x.size)
    assert abs((some == 0).mean() - 0.25) < 0.01  # 4.6 standard deviations
