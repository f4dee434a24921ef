"""batches: every row once, rows of x and y together, arrays that are the consumer's own."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.data import Data, batches


@given(
    n=st.integers(1, 60),
    size=st.integers(1, 70),
    seed=st.none() | st.integers(0, 5),
    drop_last=st.booleans(),
)
def test_a_pass_has_every_row_at_most_once_and_rows_stay_together(
    n: int, size: int, seed: int | None, drop_last: bool
) -> None:
    if drop_last and size > n:
        return
    y = np.arange(n)
    x = np.stack([y, 2 * y], axis=1).astype(np.float32)
    data = batches(x, y, batch_size=size, shuffle=seed, drop_last=drop_last)
    for _ in range(2):
        elements = list(data)
        assert len(elements) == len(data) == (n // size if drop_last else -(-n // size))
        rows = np.concatenate([yb for _, yb in elements])
        assert len(np.unique(rows)) == len(rows) == (n - n % size if drop_last else n)
        if seed is None:
            assert rows.tolist() == list(range(len(rows)))
        for xb, yb in elements:
            assert xb.dtype == np.float32
            np.testing.assert_array_equal(xb, np.stack([yb, 2 * yb], axis=1))


def test_prepare_and_the_pipeline_form_are_the_same() -> None:
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20)
    short = list(batches(x, y, batch_size=4, shuffle=7))
    for same in (
        Data.prepare(x, y, batch_size=4, shuffle=7),
        Data.from_arrays(x, y).shuffle(7).batch(4, drop_last=True),
    ):
        for (xa, ya), (xb, yb) in zip(short, same, strict=True):
            np.testing.assert_array_equal(xa, xb)
            np.testing.assert_array_equal(ya, yb)


def test_one_array_gives_arrays_and_three_give_triples() -> None:
    x = np.arange(8.0)
    assert [b.tolist() for b in batches(x, batch_size=4)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [len(element) for element in batches(x, x, x, batch_size=4)] == [3, 3]


@pytest.mark.parametrize("seed", [None, 0])
def test_a_batch_belongs_to_its_consumer(seed: int | None) -> None:
    x = np.arange(8.0)
    data = batches(x, batch_size=4, shuffle=seed)
    for batch in data:
        assert batch.flags.owndata
        assert batch.flags.c_contiguous
        batch[:] = -1
    assert x.tolist() == list(range(8))


def test_the_arrays_are_held_and_not_copied() -> None:
    x = np.zeros((4, 2))
    data = batches(x, batch_size=2)
    x[0] = 7
    assert next(iter(data))[0].tolist() == [7, 7]


@pytest.mark.parametrize(
    "x",
    [
        np.arange(24.0).reshape(6, 4)[:, ::2],
        np.asfortranarray(np.arange(12.0).reshape(6, 2)),
        np.arange(12.0).reshape(2, 6).T,
        np.broadcast_to(np.float32(3), (6, 2)),
        np.arange(12.0)[::2],
        np.array(["a", "b", "c", "d", "e", "f"]),
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]],
    ],
    ids=["strided", "fortran", "transposed", "broadcast", "every second", "text", "a list"],
)
def test_any_layout_gives_the_same_rows(x: Any) -> None:
    together = np.concatenate(list(batches(x, batch_size=2)))
    np.testing.assert_array_equal(together, np.asarray(x))


def test_numpy_integers_serve_as_sizes_and_seeds() -> None:
    data = batches(np.arange(8), batch_size=np.int32(4), shuffle=np.int64(3))  # type: ignore[arg-type]
    expected = batches(np.arange(8), batch_size=4, shuffle=3)
    assert [b.tolist() for b in data] == [b.tolist() for b in expected]


def test_frames_and_series_are_arrays() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=[7, 9])
    ((xb, yb),) = batches(frame, pandas.Series([0, 1], index=[7, 9]), batch_size=2)
    assert xb.tolist() == [[1, 3], [2, 4]]
    assert yb.tolist() == [0, 1]
    with pytest.raises(TypeError, match="x must be an array with rows; got DataFrame of objects"):
        batches(pandas.DataFrame({"a": [1.0], "b": ["text"]}))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_batch_costs_its_own_memory_and_no_copy_of_the_data(order: Any) -> None:
    x = np.zeros((5000, 100), order=order)  # 4 MB
    elements = iter(batches(x, batch_size=10, shuffle=0))
    next(elements)
    tracemalloc.start()
    try:
        next(elements)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000
