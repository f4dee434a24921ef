"""The kernels written by hand, native and plain, against NumPy and SciPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy.typing import NDArray

from interactive_train.kernels import gemm, indexing, movement, reduction, softmax
from interactive_train.kernels.status import BAD_INDEX, TOO_LARGE, decode, encode
from interactive_train.machine.eager import PreparedRow
from interactive_train.runtime.blas import blas
from tests.kernels.fenced import FLOATING, WAYS, close, run

EACH = pytest.mark.parametrize(
    ("dtype", "way"), [(d, w) for d in FLOATING for w in WAYS], ids=lambda v: str(v)
)
EXTENTS = [
    (1, 1, 1),
    (2, 3, 4),
    (3, 7, 1),
    (1, 300, 1),
    (2, 0, 3),
    (0, 3, 2),
    (2, 5, 0),
    (1, 2, 33),
]


def draw(dtype: np.dtype[Any], *shape: int, seed: int = 0) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(seed).normal(size=shape).astype(dtype))


@EACH
@pytest.mark.parametrize("extents", EXTENTS)
def test_sum_over_the_middle(dtype: Any, way: str, extents: tuple[int, int, int]) -> None:
    x = draw(dtype, *extents)
    out = np.full((extents[0], extents[2]), np.nan, dtype)
    code, got = run(reduction.SUM, dtype, out, x, *extents, way=way)
    assert code == 0
    close(got, x.astype(float).sum(1), dtype, scale=20)


@EACH
@pytest.mark.parametrize("extents", [e for e in EXTENTS if e[1]])
def test_the_largest_and_where_it_stands(
    dtype: Any, way: str, extents: tuple[int, int, int]
) -> None:
    x = np.round(draw(dtype, *extents))  # with ties
    shape = (extents[0], extents[2])
    _, largest = run(reduction.MAX, dtype, np.zeros(shape, dtype), x, *extents, way=way)
    _, places = run(reduction.ARGMAX, dtype, np.zeros(shape, np.int64), x, *extents, way=way)
    np.testing.assert_array_equal(largest, x.max(1))
    np.testing.assert_array_equal(places, x.argmax(1))


@EACH
def test_nan_is_the_largest(dtype: Any, way: str) -> None:
    x = np.array([[1, np.nan, 3], [np.nan, 2, 9], [-np.inf, -np.inf, -np.inf]], dtype)[..., None]
    _, largest = run(reduction.MAX, dtype, np.zeros((3, 1), dtype), x, 3, 3, 1, way=way)
    _, places = run(reduction.ARGMAX, dtype, np.zeros((3, 1), np.int64), x, 3, 3, 1, way=way)
    np.testing.assert_array_equal(largest, x.max(1))
    np.testing.assert_array_equal(places[:, 0], [1, 0, 0])


def test_equal_input_gives_equal_bits() -> None:
    x = draw(FLOATING[0], 1, 10_001, 1)
    sums = {run(reduction.SUM, FLOATING[0], np.zeros((1, 1), "f"), x, 1, 10_001, 1)[1].tobytes()}
    for _ in range(3):  # at other addresses
        sums.add(
            run(reduction.SUM, FLOATING[0], np.zeros((1, 1), "f"), x, 1, 10_001, 1)[1].tobytes()
        )
    assert len(sums) == 1


# Views


def view_operands(seen: NDArray[Any], base: NDArray[Any]) -> tuple[Any, ...]:
    inner = seen.shape or (1,)
    strides = np.zeros(movement.MOST_AXES, np.int64)
    strides[: seen.ndim] = [s // seen.itemsize for s in seen.strides]
    start = (seen.ctypes.data - base.ctypes.data) // base.itemsize if seen.size else 0
    rows = int(np.prod(inner[:-1], dtype=np.int64))
    shape = np.array(inner, np.int64)
    return shape, strides, rows, inner[-1], base.size, len(inner) - 1, start


VIEWS = [
    lambda a: a,
    lambda a: a.T,
    lambda a: a[1],
    lambda a: a[:, ::-1],
    lambda a: a[::2, 1:3],
    lambda a: a[-1:, :, ::-2],
    lambda a: a.transpose(1, 2, 0),
    lambda a: a[2:2],
    lambda a: a[1, 2, 3, ...],
    lambda a: a[None, :, None, 1],
]


@EACH
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_copied_and_put_back(dtype: Any, way: str, view: Any) -> None:
    base = np.ascontiguousarray(draw(dtype, 4, 5, 6))
    seen = view(base)
    operands = view_operands(seen, base)
    rows, columns = operands[2], operands[3]
    code, got = run(
        movement.GATHER_VIEW, dtype, np.zeros((rows, columns), dtype), base, *operands, way=way
    )
    assert code == 0
    np.testing.assert_array_equal(got.reshape(seen.shape), seen)
    back = np.zeros_like(base)
    view(back)[...] = seen
    g = np.ascontiguousarray(seen).reshape(rows, columns)
    _, got = run(movement.SCATTER_VIEW, dtype, np.ones_like(base), g, *operands, way=way)
    np.testing.assert_array_equal(got, back)


@pytest.mark.parametrize(
    "change", [{"start": 1}, {"start": -1}, {"columns": 7}, {"axes": 64}, {"rows": 21}]
)
def test_a_view_beyond_its_memory_cannot_be_built(change: dict[str, int]) -> None:
    base = np.zeros((4, 5, 6), np.float32)
    operands = list(view_operands(base, base))
    names = ["shape", "strides", "rows", "columns", "span", "axes", "start"]
    for name, value in change.items():
        operands[names.index(name)] = value
    with pytest.raises(ValueError, match="gather_view"):
        run(movement.GATHER_VIEW, FLOATING[0], np.zeros(1000, np.float32), base, *operands)


@EACH
@pytest.mark.parametrize(("outer", "left", "right"), [(1, 1, 1), (3, 2, 5), (4, 0, 2), (0, 2, 2)])
def test_two_arrays_are_joined(dtype: Any, way: str, outer: int, left: int, right: int) -> None:
    x, y = draw(dtype, outer, left), draw(dtype, outer, right, seed=1)
    out = np.zeros((outer, left + right), dtype)
    _, got = run(movement.JOIN_TWO, dtype, out, x, y, outer, left, right, left + right, way=way)
    np.testing.assert_array_equal(got, np.concatenate([x, y], 1))


# Rows by index


@EACH
@pytest.mark.parametrize("index", [[0], [2, 2, 0, 1], []])
def test_rows_are_taken_and_added_back(dtype: Any, way: str, index: list[int]) -> None:
    table = draw(dtype, 3, 5)
    at = np.array(index, np.int64)
    n = len(index)
    _, got = run(indexing.TAKE_ROWS, dtype, np.zeros((n, 5), dtype), table, at, n, 5, 3, way=way)
    np.testing.assert_array_equal(got, table[at])
    g = draw(dtype, n, 5, seed=2)
    want = np.zeros((3, 5))
    np.add.at(want, at, g)
    _, got = run(indexing.ADD_ROWS, dtype, np.ones((3, 5), dtype), g, at, n, 5, 3, way=way)
    close(got, want, dtype)


@EACH
@pytest.mark.parametrize("wrong", [3, -1, 2**40])
def test_an_index_out_of_range_is_a_code_with_its_row(dtype: Any, way: str, wrong: int) -> None:
    at = np.array([0, wrong, 1], np.int64)
    code, _ = run(
        indexing.TAKE_ROWS, dtype, np.zeros((3, 2), dtype), draw(dtype, 3, 2), at, 3, 2, 3, way=way
    )
    assert decode(code) == (BAD_INDEX, 1)
    code, _ = run(
        indexing.ADD_ROWS, dtype, np.zeros((3, 2), dtype), draw(dtype, 3, 2), at, 3, 2, 3, way=way
    )
    assert code == encode(BAD_INDEX, 1)


# Softmax and cross-entropy

LOGITS = [
    [[0.0, 1.0, -2.0], [3.0, 3.0, 3.0]],
    [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]],
    [[5.0], [-5.0]],
    [[-np.inf, 0.0, 1.0], [2.0, -np.inf, -np.inf]],
]


@EACH
@pytest.mark.parametrize("logits", LOGITS)
def test_softmax_and_its_logarithm(dtype: Any, way: str, logits: list[list[float]]) -> None:
    x = np.array(logits, dtype)
    _, got = run(softmax.SOFTMAX, dtype, np.zeros_like(x), x, *x.shape, way=way)
    close(got, scipy.special.softmax(x.astype(float), 1), dtype)
    _, got = run(softmax.LOG_SOFTMAX, dtype, np.zeros_like(x), x, *x.shape, way=way)
    close(got, scipy.special.log_softmax(x.astype(float), 1), dtype)


@EACH
@pytest.mark.parametrize("logits", LOGITS[:3])
def test_cross_entropy_and_its_gradient(dtype: Any, way: str, logits: list[list[float]]) -> None:
    x = np.array(logits, dtype)
    rows, columns = x.shape
    labels = np.array([columns - 1, 0], np.int64)
    _, got = run(
        softmax.CROSS_ENTROPY_ROWS, dtype, np.zeros(rows, dtype), x, labels, rows, columns, way=way
    )
    logs = scipy.special.log_softmax(x.astype(float), 1)
    close(got, -logs[np.arange(rows), labels], dtype)
    g = np.array([0.5, -2.0], dtype)
    _, got = run(
        softmax.CROSS_ENTROPY_ROWS_GRADIENT,
        dtype,
        np.zeros_like(x),
        g,
        x,
        labels,
        rows,
        columns,
        way=way,
    )
    close(got, g[:, None] * (np.exp(logs) - np.eye(columns)[labels]), dtype)


@EACH
def test_a_nan_among_the_logits_makes_its_row_nan(dtype: Any, way: str) -> None:
    x = np.array([[1, np.nan, 2], [1, 2, 3]], dtype)
    for kernel in (softmax.SOFTMAX, softmax.LOG_SOFTMAX):
        _, got = run(kernel, dtype, np.zeros_like(x), x, 2, 3, way=way)
        assert np.isnan(got[0]).all()
        assert np.isfinite(got[1]).all()


@EACH
def test_a_label_out_of_range_is_a_code_with_its_row(dtype: Any, way: str) -> None:
    x, labels = draw(dtype, 4, 3), np.array([0, 1, 2, 3], np.int64)
    code, _ = run(softmax.CROSS_ENTROPY_ROWS, dtype, np.zeros(4, dtype), x, labels, 4, 3, way=way)
    assert decode(code) == (BAD_INDEX, 3)
    g = draw(dtype, 4)
    code, _ = run(
        softmax.CROSS_ENTROPY_ROWS_GRADIENT, dtype, np.zeros_like(x), g, x, labels, 4, 3, way=way
    )
    assert decode(code) == (BAD_INDEX, 3)


# Matrix products


def product(
    dtype: Any, way: str, a: NDArray[Any], b: NDArray[Any], ta: int, tb: int, steps: bool = True
) -> NDArray[Any]:
    """op(a[t]) @ op(b[t]); without steps, b's first matrix serves for all t."""
    batch, m, k = a.shape if not ta else (a.shape[0], a.shape[2], a.shape[1])
    n = b.shape[1] if tb else b.shape[2]
    out = np.full((batch, m, n), np.nan, dtype)
    used = b if steps else b[:1]
    code, got = run(
        gemm.GEMM,
        dtype,
        out,
        a,
        np.ascontiguousarray(used),
        *gemm.gemm_sizes(batch, (m, n, k), ta, tb, blas().gemm(dtype), repeat_b=not steps),
        way=way,
    )
    assert code == 0
    return got


@EACH
@pytest.mark.parametrize(("ta", "tb"), list(itertools.product((0, 1), repeat=2)))
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 3, 4, 5), (1, 7, 1, 9), (3, 2, 5, 0)])
def test_products_with_every_transposition(
    dtype: Any, way: str, ta: int, tb: int, sizes: tuple[int, int, int, int]
) -> None:
    batch, m, n, k = sizes
    a, b = draw(dtype, batch, m, k), draw(dtype, batch, k, n, seed=1)
    left = np.ascontiguousarray(a.swapaxes(1, 2)) if ta else a
    right = np.ascontiguousarray(b.swapaxes(1, 2)) if tb else b
    close(product(dtype, way, left, right, ta, tb), a.astype(float) @ b, dtype, scale=10)


@EACH
@pytest.mark.parametrize("sizes", [(0, 2, 2, 2), (1, 0, 3, 2), (1, 3, 0, 2), (2, 3, 3, 0)])
def test_empty_products(dtype: Any, way: str, sizes: tuple[int, int, int, int]) -> None:
    batch, m, n, k = sizes
    got = product(dtype, way, np.zeros((batch, m, k), dtype), np.zeros((batch, k, n), dtype), 0, 0)
    assert got.shape == (batch, m, n)
    assert (got == 0).all()


@EACH
def test_a_step_of_zero_repeats_a_matrix(dtype: Any, way: str) -> None:
    a, b = draw(dtype, 3, 2, 4), draw(dtype, 3, 4, 5, seed=1)
    got = product(dtype, way, a, b, 0, 0, steps=False)
    close(got, a.astype(float) @ b[0], dtype, scale=10)


def test_extents_beyond_32_bits_are_refused_twice() -> None:
    x = np.zeros(4, np.float32)
    far = 2**31
    sizes = (1, far, 0, 0, 0, 0, 4, 4, 4, 0, 0, 1, 1, 1, blas().sgemm)
    operands = (x, x.copy(), x.copy(), *sizes)
    with pytest.raises(ValueError, match="gemm"):
        run(gemm.GEMM, FLOATING[0], *operands)
    row = PreparedRow(gemm.GEMM, FLOATING[0], operands)  # unchecked: the kernel itself refuses
    with pytest.raises(RuntimeError, match=r"exceeds 2\*\*31 - 1"):
        row.run([], "product")
    assert TOO_LARGE


def test_a_step_beyond_an_operand_cannot_be_built() -> None:
    a, b, out = (np.zeros(8, np.float32) for _ in range(3))
    sizes = (2, 2, 2, 2, 0, 0, 8, 8, 8, 5, 4, 2, 2, 2, blas().sgemm)
    with pytest.raises(ValueError, match="gemm: steps and strides must stay"):
        run(gemm.GEMM, FLOATING[0], out, a, b, *sizes)


def test_another_library_is_one_word_of_the_table() -> None:
    """A test double in the place of cblas_sgemm gets what the library would get."""
    import ctypes

    seen: list[tuple[Any, ...]] = []
    integer, real, pointer = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(
        None,
        *([integer] * 6),
        *(real, pointer, integer, pointer, integer, real, pointer, integer),
    )
    double = kind(lambda *given: seen.append(given))
    address = ctypes.cast(double, pointer).value
    assert address is not None
    a, b = np.zeros((1, 2, 5), np.float32), np.zeros((1, 5, 4), np.float32)
    out = np.zeros((1, 2, 4), np.float32)
    sizes = gemm.gemm_sizes(1, (2, 4, 5), 0, 0, address)
    code, _ = run(gemm.GEMM, FLOATING[0], out, a, b, *sizes)
    assert code == 0
    order, ta, tb, m, n, k, alpha, _, lda, _, ldb, beta, _, ldc = seen[0]
    assert (order, ta, tb, m, n, k, alpha, lda, ldb, beta, ldc) == (
        101, 111, 111, 2, 4, 5, 1.0, 5, 4, 0.0, 4
    )  # fmt: skip
