"""The kernels of recurrent layers: native against plain, parts against the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels import gru, lstm, recurrent, rnn
from interactive_train.kernels.kernel import Kernel
from interactive_train.runtime.blas import blas
from tests.kernels.fenced import FLOATING, close, run

# Blocks of a step's input, slots of the pack, blocks of the bias, arrays of the state, options.
KINDS: dict[str, tuple[int, int, int, int, tuple[int, ...]]] = {
    "lstm": (4, 6, 4, 2, ()),
    "gru": (3, 5, 4, 1, ()),
    "rnn": (1, 2, 1, 1, (0,)),
    "rnn with relu": (1, 2, 1, 1, (1,)),
}
KERNELS: dict[str, tuple[Kernel, Kernel, Kernel]] = {
    "lstm": (lstm.LSTM_SCAN, lstm.LSTM_STATES, lstm.LSTM_GRADIENT),
    "gru": (gru.GRU_SCAN, gru.GRU_STATES, gru.GRU_GRADIENT),
    "rnn": (rnn.RNN_SCAN, rnn.RNN_STATES, rnn.RNN_GRADIENT),
}
# Whole tiles, single vectors, single columns and rows beside them.
SIZES = [(1, 1, 1), (3, 4, 5), (2, 1, 7), (0, 3, 2), (5, 2, 19), (4, 2, 33)]
EACH = pytest.mark.parametrize("dtype", FLOATING, ids=str)
OF_ALL = pytest.mark.parametrize("kind", KINDS)


def draw(dtype: Any, *shape: int, seed: int = 0) -> NDArray[Any]:
    return np.asarray(0.5 * np.random.default_rng(seed).normal(size=shape), dtype)


def scan(
    kind: str, dtype: Any, sizes: tuple[int, int, int], inputs: list[Any], way: str = "native"
) -> NDArray[Any]:
    _, slots, _, _, options = KINDS[kind]
    batch, steps, hidden = sizes
    out = np.full((batch, steps, slots, hidden), np.nan, dtype)
    kernel = KERNELS[kind.split()[0]][0]
    code, packed = run(kernel, dtype, out, *inputs, *sizes, *options, blas().gemm(dtype), way=way)
    assert code == 0
    return packed


def inputs_of(kind: str, dtype: Any, sizes: tuple[int, int, int]) -> list[Any]:
    blocks, _, biases, states, _ = KINDS[kind]
    batch, steps, hidden = sizes
    shapes = [(batch, steps, blocks, hidden), (hidden, blocks, hidden), (biases, hidden)]
    shapes += [(batch, hidden)] * states
    found = [draw(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]
    found[2] = found[2].reshape(-1) if kind.startswith("rnn") else found[2]
    return found


def back(
    kind: str,
    dtype: Any,
    sizes: tuple[int, int, int],
    packed: NDArray[Any],
    w: NDArray[Any],
    *,
    lead: int = 1,
    last: bool = False,
    way: str = "native",
) -> NDArray[Any]:
    blocks, _, _, states, options = KINDS[kind]
    batch, steps, hidden = sizes
    first = steps - 1 if last else 0
    cells = (1,) * (states - 1)
    rows = steps - first + sum(cells)
    g = draw(dtype, batch, rows, hidden, seed=9)
    out = np.full((batch, steps + lead, blocks, hidden), np.nan, dtype)
    numbers = (*sizes, rows, steps + lead, lead, first, *cells, *options, blas().gemm(dtype))
    kernel = KERNELS[kind.split()[0]][2]
    turned = np.ascontiguousarray(w.transpose(1, 2, 0))
    code, d = run(kernel, dtype, out, g, packed, turned, *numbers, way=way)
    assert code == 0
    return d


@EACH
@OF_ALL
@pytest.mark.parametrize("sizes", SIZES)
def test_the_library_and_the_plain_loops_agree(dtype: Any, kind: str, sizes: Any) -> None:
    inputs = inputs_of(kind, dtype, sizes)
    packed = scan(kind, dtype, sizes, inputs)
    close(scan(kind, dtype, sizes, inputs, "plain"), packed, dtype, scale=20)
    for lead in (0, 1):
        for last in (False, True):
            options = {"lead": lead, "last": last}
            native = back(kind, dtype, sizes, packed, inputs[1], **options)  # type: ignore[arg-type]
            assert np.isfinite(native).all() or (kind == "gru" and lead)
            plain = back(kind, dtype, sizes, packed, inputs[1], way="plain", **options)  # type: ignore[arg-type]
            close(plain, native, dtype, scale=50)


@EACH
@OF_ALL
def test_states_are_read_out_of_the_pack(dtype: Any, kind: str) -> None:
    sizes = batch, steps, hidden = (2, 4, 3)
    packed = scan(kind, dtype, sizes, inputs_of(kind, dtype, sizes))
    kernel = KERNELS[kind.split()[0]][1]
    cells = (1,) * (KINDS[kind][3] - 1)
    seen = []
    for first in (0, steps - 1):
        rows = steps - first + sum(cells)
        out = np.full((batch, rows, hidden), np.nan, dtype)
        ways = [
            run(kernel, dtype, out, packed, *sizes, rows, first, *cells, way=way)[1]
            for way in ("native", "plain")
        ]
        close(ways[0], ways[1], dtype)
        seen.append(ways[0])
    begins = packed[:, 1:, -1]  # what the next step began with
    np.testing.assert_array_equal(seen[0][:, : steps - 1], begins)
    np.testing.assert_array_equal(seen[0][:, steps - 1 :], seen[1])


@EACH
@OF_ALL
def test_a_part_of_the_batch_gives_what_the_whole_gives(dtype: Any, kind: str) -> None:
    sizes, parts = (5, 3, 20), ((0, 2), (2, 5))
    inputs = inputs_of(kind, dtype, sizes)
    packed = scan(kind, dtype, sizes, inputs)
    for low, high in parts:
        own = [x[low:high] if i in (0, 3, 4) else x for i, x in enumerate(inputs)]
        part = scan(kind, dtype, (high - low, *sizes[1:]), own)
        close(part, packed[low:high], dtype, scale=4)


@EACH
@pytest.mark.parametrize("way", ["native", "plain"])
@pytest.mark.parametrize(("batch", "steps"), [(2, 3), (0, 3), (1, 1)])
def test_columns_of_all_steps_are_multiplied(dtype: Any, way: str, batch: int, steps: int) -> None:
    a, b = draw(dtype, batch, steps, 7), draw(dtype, batch, steps, 5, seed=1)
    numbers = (batch, 3, 2, steps, 7, 5, 4, 1, blas().gemm(dtype))
    out = np.full((3, 2), np.nan, dtype)
    code, got = run(recurrent.STEPS_PRODUCT, dtype, out, a, b, *numbers, way=way)
    assert code == 0
    want = np.einsum("bti,btj->ij", a[..., 4:7].astype(float), b[..., 1:3])
    close(got, want, dtype, scale=10)


@pytest.mark.parametrize("rows", [1, 16, 39])
@pytest.mark.parametrize("hidden", [128, 200, 83])
def test_tiles_cover_wide_steps(rows: int, hidden: int) -> None:
    dtype, sizes = FLOATING[0], (rows, 2, hidden)
    inputs = inputs_of("lstm", dtype, sizes)
    inputs[1] *= 0.1
    packed = scan("lstm", dtype, sizes, inputs).astype(float)
    a = packed[:, 1, 5] @ inputs[1].reshape(hidden, -1)
    a = (a.reshape(rows, 4, hidden) + inputs[0][:, 1]) + inputs[2]
    want = 1 / (1 + np.exp(-a))
    want[:, 2] = np.tanh(a[:, 2])
    np.testing.assert_allclose(packed[:, 1, :4], want, atol=2e-6)
    d = back("lstm", dtype, sizes, packed.astype(dtype), inputs[1]).astype(float)
    np.testing.assert_allclose(
        d[:, 0, 0], np.einsum("bgj,pgj->bp", d[:, 1], inputs[1]), rtol=1e-3, atol=1e-5
    )


def test_nothing_beyond_its_memory_can_be_built() -> None:
    dtype, x = FLOATING[0], np.zeros((2, 3, 8), np.float32)
    out, gemm = np.zeros((4, 4), np.float32), blas().sgemm
    with pytest.raises(ValueError, match="steps_product: steps and strides"):
        run(recurrent.STEPS_PRODUCT, dtype, out, x, x.copy(), 2, 4, 4, 3, 8, 8, 5, 0, gemm)
    with pytest.raises(ValueError, match="steps_product: steps and strides"):
        run(recurrent.STEPS_PRODUCT, dtype, out, x, x.copy(), 2, 4, 4, 3, 8, 8, 0, 0, 0)
    packed, out = np.zeros((2, 3, 2, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    with pytest.raises(ValueError, match="rnn_states: steps and strides"):
        run(rnn.RNN_STATES, dtype, out, packed, 2, 3, 4, 3, 1)
    g, w, d = out.copy(), np.zeros((4, 1, 4), np.float32), np.zeros((2, 9, 1, 4), np.float32)
    with pytest.raises(ValueError, match="rnn_scan_gradient: steps and strides"):
        run(rnn.RNN_GRADIENT, dtype, d, g, packed, w, 2, 3, 4, 3, 9, 1, 0, 0, gemm)


def test_a_nan_stays_in_its_sequence_and_goes_on_in_time() -> None:
    sizes = (3, 4, 2)
    for kind in KINDS:
        inputs = inputs_of(kind, FLOATING[0], sizes)
        inputs[0][1, 2] = np.nan
        packed = scan(kind, FLOATING[0], sizes, inputs)
        assert np.isfinite(packed[[0, 2]]).all()
        assert np.isfinite(packed[1, :2]).all()
        assert np.isnan(packed[1, 3, -1]).all()


def test_gates_of_enormous_input_saturate() -> None:
    inputs = inputs_of("lstm", FLOATING[0], (1, 2, 3))
    inputs[0][...] = np.array([1e4, -1e4, 1e4, -1e30]).reshape(4, 1)
    packed = scan("lstm", FLOATING[0], (1, 2, 3), inputs)
    want = np.broadcast_to(np.array([[1.0], [0.0], [1.0], [0.0]]), (4, 3))
    np.testing.assert_array_equal(packed[0, 0, :4], want)
