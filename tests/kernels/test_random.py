"""Philox against the known answers of its authors, and dropout against an independent Philox."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.random import DROPOUT, philox
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_dropout_drops_what_the_key_says(dtype: np.dtype[Any], way: str) -> None:
    key, n, rate = Key.from_seed(3), 500, 0.3
    x = np.random.default_rng(0).normal(size=n).astype(dtype)
    memory = np.array([rate], dtype)
    words = [reference(i, key.low, key.high) for i in range(n)]
    keep = np.array([(w >> 11) * 2.0**-53 >= float(memory[0]) for w in words])
    code, got = run(DROPOUT, dtype, np.zeros(n, dtype), x, memory, key.words(), n, 0, way=way)
    assert code == 0
    np.testing.assert_array_equal(got != 0, keep)
    np.testing.assert_allclose(got[keep], x[keep] / (1 - rate), rtol=1e-6)


def test_a_rate_of_zero_drops_nothing_and_the_share_is_the_rate() -> None:
    x, key = np.ones(40_000, np.float32), Key.from_seed(0).words()
    _, none = run(DROPOUT, FLOATING[0], x * 0, x, np.zeros(1, np.float32), key, x.size, 0)
    np.testing.assert_array_equal(none, x)
    _, some = run(DROPOUT, FLOATING[0], x * 0, x, np.full(1, 0.25, np.float32), key, x.size, 0)
    assert abs((some == 0).mean() - 0.25) < 0.01  # 4.6 standard deviations


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_parts_drop_what_the_whole_drops(dtype: np.dtype[Any], way: str) -> None:
    x, key, rate = np.ones(100, dtype), Key.from_seed(1).words(), np.full(1, 0.5, dtype)
    _, whole = run(DROPOUT, dtype, x * 0, x, rate, key, 100, 0, way=way)
    parts = [
        run(DROPOUT, dtype, x[a:b] * 0, x[a:b], rate, key, b - a, a, way=way)[1]
        for a, b in ((0, 33), (33, 34), (34, 100))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (DROPOUT.parallel, DROPOUT.offset) == (("n",), "first")


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_a_number_equal_to_the_rate_is_kept(dtype: np.dtype[Any]) -> None:
    key = Key.from_seed(2)
    word = reference(0, key.low, key.high) >> 11
    below = word * 2.0**-53 if dtype == np.float64 else (word >> 30) * 2.0**-23
    for rate in (float(below), float(np.nextafter(dtype.type(below), dtype.type(1)))):
        x, memory = np.ones(1, dtype), np.full(1, rate, dtype)
        _, got = run(DROPOUT, dtype, x * 0, x, memory, key.words(), 1, 0)
        assert (got[0] != 0) == (word * 2.0**-53 >= rate)
