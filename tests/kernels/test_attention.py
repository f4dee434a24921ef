"""Attention's kernels, native and plain, against sums written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels.attention import ATTENTION, ATTENTION_GRADIENT
from interactive_train.kernels.attention_blocks import KEYS, QUERIES
from interactive_train.kernels.rotary import ROTATE
from interactive_train.runtime.blas import blas
from tests.kernels.fenced import FLOATING, WAYS, close, run

EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)
NATIVE = pytest.mark.parametrize("dtype", FLOATING, ids=str)
Array = NDArray[Any]


def sizes(
    batch: int,
    queries: int,
    keys: int,
    heads: int,
    kv_heads: int,
    head: int,
    together: bool,
) -> tuple[int, ...]:
    """Return the sizes up to v_step, of one packed projection or of joined arrays."""
    wide, half = heads * head, kv_heads * head
    if together:
        step = wide + 2 * half
        places = (0, step, wide, step, wide + half, step)
    else:
        start = queries * wide
        places = (0, wide, start, 2 * half, start + half, 2 * half)
    size = queries * wide + 2 * keys * half
    return (batch, queries, keys, heads, kv_heads, head, size, *places)


def parts(packed: Array, s: tuple[int, ...]) -> list[Array]:
    """Return views of queries, keys and values, [batch, time, heads, head]."""
    batch, queries, keys, heads, kv_heads, head, size = s[:7]
    item = packed.itemsize
    return [
        np.lib.stride_tricks.as_strided(
            packed[:, start:],
            (batch, time, count, head),
            (size * item, step * item, head * item, item),
        )
        for start, step, time, count in (
            (*s[7:9], queries, heads),
            (*s[9:11], keys, kv_heads),
            (*s[11:13], keys, kv_heads),
        )
    ]


def expected(packed: Array, g: Array, s: tuple[int, ...], causal: bool) -> tuple[Array, Array]:
    """Return the attention and its gradient by the textbook's formulas."""
    batch, queries, keys, heads, kv_heads, head = s[:6]
    q, k, v = parts(packed.astype(float), s)
    group = heads // kv_heads
    k_all, v_all = (np.repeat(a, group, axis=2) for a in (k, v))
    scores = np.einsum("bihc,bjhc->bhij", q, k_all) / np.sqrt(head)
    if causal:
        seen = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
        scores = np.where(seen, scores, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True, initial=-1e9))
    p /= p.sum(-1, keepdims=True)
    dp = np.einsum("bihc,bjhc->bhij", g, v_all)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / np.sqrt(head)
    gradient = np.zeros(packed.shape)
    dq, dk, dv = parts(gradient, s)
    dq += np.einsum("bhij,bjhc->bihc", ds, k_all)
    shape = (batch, keys, kv_heads, group, head)
    dk += np.einsum("bhij,bihc->bjhc", ds, q).reshape(shape).sum(3)
    dv += np.einsum("bhij,bihc->bjhc", p, g).reshape(shape).sum(3)
    return np.einsum("bhij,bjhc->bihc", p, v_all), gradient


def draw(s: tuple[int, ...], dtype: Any, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    packed = rng.normal(size=(s[0], s[6])).astype(dtype)
    return packed, rng.normal(size=(s[0], s[1], s[3], s[5])).astype(dtype)


def both(
    packed: Array,
    g: Array,
    s: tuple[int, ...],
    causal: bool,
    way: str,
    rate: float = 0.0,
    first: int = 0,
) -> tuple[Array, Array]:
    """Run the forward and the gradient."""
    dtype = packed.dtype
    rest: tuple[Any, ...] = (np.array([rate], dtype), np.array([3, 5], np.uint64))
    rest += (*s, int(causal), first)
    routine = blas().gemm(dtype)
    out = np.full(g.shape, np.nan, dtype)
    code, y = run(ATTENTION, dtype, out, packed, *rest, routine, way=way)
    assert code == 0
    out = np.full(packed.shape, np.nan, dtype)
    code, d = run(ATTENTION_GRADIENT, dtype, out, g, packed, *rest, routine, way=way)
    assert code == 0
    return y, d


SMALL = [
    sizes(2, 3, 3, 2, 2, 4, True),
    sizes(1, 5, 5, 4, 2, 3, True),
    sizes(2, 1, 4, 3, 1, 1, False),
    sizes(1, 4, 6, 2, 1, 2, False),
    sizes(0, 3, 3, 1, 1, 2, True),
    sizes(2, 0, 3, 1, 1, 2, False),
]
# On either side of a block's extents, and several blocks of both.
LARGE = [
    sizes(2, QUERIES, QUERIES, 2, 2, 16, True),
    sizes(1, QUERIES + 1, QUERIES + 1, 1, 1, 8, True),
    sizes(1, 2 * QUERIES - 1, KEYS + 5, 4, 2, 5, False),
    sizes(1, KEYS + 1, KEYS + 1, 2, 1, 3, True),
    sizes(1, 1, 2 * KEYS + 3, 2, 2, 4, False),
]


@EACH
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("s", SMALL, ids=str)
def test_attention_and_its_gradient(dtype: Any, way: str, causal: bool, s: Any) -> None:
    packed, g = draw(s, dtype)
    y, d = both(packed, g, s, causal, way)
    want, slope = expected(packed, g, s, causal)
    close(y, want, dtype, scale=5)
    close(d, slope, dtype, scale=10)


@NATIVE
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("s", LARGE, ids=str)
def test_blocks_meet(dtype: Any, causal: bool, s: Any) -> None:
    packed, g = draw(s, dtype)
    y, d = both(packed, g, s, causal, "native")
    want, slope = expected(packed, g, s, causal)
    close(y, want, dtype, scale=5)
    close(d, slope, dtype, scale=20)


@NATIVE
def test_large_scores_do_not_overflow(dtype: Any) -> None:
    s = LARGE[2]
    packed, g = draw(s, dtype)
    packed *= 60.0
    y, d = both(packed, g, s, True, "native")
    want, slope = expected(packed, g, s, True)
    close(y / 60, want / 60, dtype, scale=1000)
    assert np.isfinite(d).all()
    assert np.abs(d - slope).max() < (0.5 if dtype == np.float32 else 1e-9)


@EACH
def test_a_nan_reaches_the_steps_that_see_it(dtype: Any, way: str) -> None:
    s = sizes(1, 4, 4, 1, 1, 2, True)
    packed, g = draw(s, dtype)
    parts(packed, s)[0][0, 2] = np.nan  # query 2
    y, _ = both(packed, g, s, True, way)
    assert np.isnan(y[0, 2]).all()
    assert np.isfinite(y[0, [0, 1, 3]]).all()


@NATIVE
@pytest.mark.parametrize("causal", [False, True])
def test_native_and_plain_drop_the_same_weights(dtype: Any, causal: bool) -> None:
    s = sizes(2, 5, 7, 4, 2, 3, False)
    packed, g = draw(s, dtype)
    one = both(packed, g, s, causal, "native", rate=0.4)
    other = both(packed, g, s, causal, "plain", rate=0.4)
    for got, want in zip(one, other, strict=True):
        close(got, want, dtype, scale=10)
    assert np.abs(one[0] - both(packed, g, s, causal, "native")[0]).max() > 0.1


@NATIVE
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_parts_of_a_batch_give_the_bits_of_the_whole(dtype: Any, rate: float) -> None:
    s = sizes(5, 40, 40, 4, 2, 3, True)
    packed, g = draw(s, dtype)
    whole = both(packed, g, s, True, "native", rate)
    for start, stop in ((0, 2), (2, 5)):
        part = both(
            packed[start:stop], g[start:stop], (stop - start, *s[1:]), True, "native", rate, start
        )
        for got, want in zip(part, whole, strict=True):
            np.testing.assert_array_equal(got, want[start:stop])


@pytest.mark.parametrize(
    "change",
    [
        {"keys": 4},
        {"head": 3},
        {"kv_heads": 3},
        {"q_start": 17},
        {"k_step": 7},
        {"v_start": 17},
        {"queries": 4, "keys": 2},
        {"first": -1},
        {"routine": 0},
    ],
    ids=str,
)
def test_a_layout_beyond_its_memory_cannot_be_built(change: dict[str, int]) -> None:
    s = sizes(1, 3, 3, 2, 2, 4, True)
    names = [o.name for o in ATTENTION.operands][4:]
    values = dict(zip(names, (*s, 1, 0, blas().sgemm), strict=True)) | change
    arrays = [np.zeros(1000, np.float32) for _ in range(2)]
    rest: tuple[Any, ...] = (np.zeros(1, np.float32), np.zeros(2, np.uint64), *values.values())
    with pytest.raises(ValueError, match="attention: steps and strides must stay"):
        run(ATTENTION, FLOATING[0], *arrays, *rest)


@EACH
def test_pairs_are_turned_and_the_rest_is_copied(dtype: Any, way: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 11)).astype(dtype)
    angle = rng.normal(size=(3, 2))
    cosine, sine = np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)
    code, got = run(ROTATE, dtype, np.zeros_like(x), x, cosine, sine, 2, 3, 2, 2, 3, 11, way=way)
    assert code == 0
    np.testing.assert_array_equal(got[..., 8:], x[..., 8:])
    for at in (0, 4):
        low, high = x[..., at : at + 2].astype(float), x[..., at + 2 : at + 4].astype(float)
        turned = (low + 1j * high) * np.exp(1j * angle)
        close(got[..., at : at + 2], turned.real, dtype, scale=3)
        close(got[..., at + 2 : at + 4], turned.imag, dtype, scale=3)
