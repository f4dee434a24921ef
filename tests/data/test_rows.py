"""``Data.rows``: a pipeline that only gathers rows says which, and they are what it iterates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.data import Data, as_data, batches


def same(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first.dtype == second.dtype and np.array_equal(first, second)


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 3),
    size=st.integers(1, 12),
    shuffles=st.lists(st.integers(0, 3), max_size=2),
    drop_last=st.booleans(),
    ahead=st.sampled_from([0, 1, 3]),
    pass_index=st.integers(0, 3),
    consumed=st.integers(0, 45),
)
def test_rows_are_what_is_iterated(
    rows: int,
    columns: int,
    size: int,
    shuffles: list[int],
    drop_last: bool,
    ahead: int,
    pass_index: int,
    consumed: int,
) -> None:
    size = min(size, rows)
    first = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    arrays = [first, np.arange(rows) % 7, np.arange(rows) > 3][:columns]
    data = Data.from_arrays(*arrays)
    for seed in shuffles:
        data = data.shuffle(seed)
    data = data.batch(size, drop_last)
    if ahead:
        data = data.prefetch(ahead)
    position = 0
    for _ in range(consumed):
        position = data.next_position(position)
    found = data.rows(pass_index, position)
    assert found is not None
    assert found.order.dtype == np.int64
    assert not found.order.flags.writeable
    assert len(found.order) == rows - position
    expected = list(data.iterate(pass_index, position))
    assert found.steps == len(expected)
    for ours, theirs in zip(found.batches(), expected, strict=True):
        assert same(ours, theirs)


@given(position=st.integers(0, 50), pass_index=st.integers(0, 2))
def test_a_position_between_two_batches_and_behind_the_end(position: int, pass_index: int) -> None:
    data = batches(np.arange(23), batch_size=4, shuffle=1, drop_last=False)
    found = data.rows(pass_index, position)
    assert found is not None
    assert list(map(list, found.batches())) == list(map(list, data.iterate(pass_index, position)))


def test_the_arrays_are_the_ones_that_are_held() -> None:
    x, y = np.zeros((10, 2), np.float32), np.arange(10)
    for data in (batches(x, y, batch_size=5, shuffle=0), as_data((x, y), "fit", batch_size=5)):
        found = data.rows()
        assert found is not None
        assert found.arrays[0] is x
        assert found.arrays[1] is y
        assert (found.batch_size, found.drop_last) == (5, True)


def test_the_order_of_a_pass_stays_what_it_was() -> None:
    data = batches(np.arange(9), batch_size=3, shuffle=0)
    found = data.rows(0)
    assert found is not None
    before = found.order.copy()
    list(data.iterate(1))
    assert np.array_equal(found.order, before)
    expected = data.rows(0)
    assert expected is not None
    assert np.array_equal(expected.order, before)


OTHERS: dict[str, Callable[[], Data]] = {
    "no batches": lambda: Data.from_arrays(np.arange(9)),
    "a list": lambda: Data.from_list(range(9)).batch(3),
    "a map": lambda: Data.from_arrays(np.arange(9)).map(abs).batch(3),
    "a map of batches": lambda: batches(np.arange(9), batch_size=3).map(np.negative),
    "collate": lambda: Data.from_arrays(np.arange(9)).batch(3, collate=list),
    "shuffled batches": lambda: batches(np.arange(9), batch_size=3).shuffle(0),
    "batches of batches": lambda: batches(np.arange(9), batch_size=3).batch(2),
    "batches of what is fetched ahead": lambda: Data.from_arrays(np.arange(9)).prefetch(1).batch(3),
    "a stream": lambda: Data.from_iterable(range(9)).batch(3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_all_other_pipelines_have_none(name: str) -> None:
    assert OTHERS[name]().rows() is None


def test_positions_are_whole_numbers() -> None:
    data = batches(np.arange(9), batch_size=3)
    with pytest.raises(ValueError, match=r"Data\.rows: position must.*got -1"):
        data.rows(0, -1)
    with pytest.raises(TypeError, match=r"Data\.rows: pass_index"):
        data.rows(0.5)  # type: ignore[arg-type]
