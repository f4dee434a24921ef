"""The pure protocol: any pass from any position, whatever was asked before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.data import Data, batches


def plain(values: Any) -> Any:
    return np.asarray(values).tolist()


def noise(x: Any, *, rng: np.random.Generator) -> float:
    return float(rng.random())


class Again:
    """Something that can be iterated again and again and has no length."""

    def __iter__(self) -> Any:
        return iter(range(23))


PIPELINES: dict[str, Callable[[], Data]] = {
    "list": lambda: Data.from_list(range(23)),
    "shuffle": lambda: Data.from_list(range(23)).shuffle(1),
    "batches": lambda: batches(np.arange(23), batch_size=4, shuffle=1),
    "short last": lambda: batches(np.arange(23), batch_size=4, shuffle=1, drop_last=False),
    "map of batch": lambda: Data.from_list(range(23)).batch(4).map(noise, rng=True),
    "batch of map": lambda: Data.from_fn(23, float).map(noise, rng=True).shuffle(2).batch(5),
    "batch of batch": lambda: Data.from_list(range(23)).batch(2, collate=sum).batch(3, True),
    "shuffled batches": lambda: Data.from_list(range(23)).batch(4, collate=list).shuffle(0),
    "batch of shuffled batches": lambda: (
        Data.from_list(range(23)).batch(2, collate=sum).shuffle(0).batch(3)
    ),
    "stream": lambda: Data.from_iterable(Again()),
    "batched stream": lambda: Data.from_iterable(Again()).map(lambda v: -v).batch(4),
    "prefetched": lambda: batches(np.arange(23), batch_size=4, shuffle=1).prefetch(3),
    "batch of prefetched": lambda: (
        Data.from_fn(23, float).shuffle(2).map(noise, rng=True).prefetch(1).batch(5)
    ),
    "prefetched stream": lambda: Data.from_iterable(Again()).batch(4).prefetch(2),
    "random stream": lambda: Data.from_iterable(Again()).map(noise, rng=True).batch(4),
}


@pytest.mark.parametrize("name", PIPELINES)
@given(pass_index=st.integers(0, 3), consumed=st.integers(0, 30))
def test_a_pass_goes_on_where_its_consumer_stood(name: str, pass_index: int, consumed: int) -> None:
    data = PIPELINES[name]()
    whole = [plain(element) for element in data.iterate(pass_index)]
    position = 0
    for _ in whole[:consumed]:
        position = data.next_position(position)
    rest = [plain(element) for element in PIPELINES[name]().iterate(pass_index, position)]
    assert rest == whole[consumed:]


@pytest.mark.parametrize("name", PIPELINES)
def test_asking_changes_nothing(name: str) -> None:
    data, untouched = PIPELINES[name](), PIPELINES[name]()
    for pass_index in (5, 0, 2):
        abandoned = data.iterate(pass_index)
        next(abandoned)
    assert data.passes == 0
    assert plain(next(iter(data))) == plain(next(iter(untouched)))


@pytest.mark.parametrize("name", PIPELINES)
def test_loops_are_the_passes_in_a_row(name: str) -> None:
    data = PIPELINES[name]()
    for pass_index in range(3):
        expected = [plain(element) for element in PIPELINES[name]().iterate(pass_index)]
        assert [plain(element) for element in data] == expected


@pytest.mark.parametrize("name", PIPELINES)
def test_the_number_of_steps_is_true_where_it_is_known(name: str) -> None:
    data = PIPELINES[name]()
    if data.steps_per_pass is None:
        assert "stream" in name
    else:
        assert len(data) == data.steps_per_pass == len(data.to_list())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.none() | st.integers(0, 3))
def test_the_batch_size_may_change_within_a_pass(sizes: list[int], seed: int | None) -> None:
    data = batches(np.arange(40), batch_size=8, shuffle=seed, drop_last=False)
    order = np.concatenate(list(data.iterate(2))).tolist()
    seen: list[int] = []
    position = 0
    for size in sizes:
        data = data.with_batch_size(size)
        element = next(data.iterate(2, position), None)
        if element is None:
            assert position == 40
            break
        seen += element.tolist()
        position = data.next_position(position)
    assert seen == order[: len(seen)]
    assert position == len(seen)


def test_a_new_batch_size_keeps_what_comes_after_and_the_pass() -> None:
    data = Data.from_list(range(12)).batch(4, drop_last=True).map(lambda b: b * 10)
    data.to_list()
    changed = data.with_batch_size(5)
    assert [b.tolist() for b in changed.iterate()] == [[0, 10, 20, 30, 40], [50, 60, 70, 80, 90]]
    assert changed.passes == 1


def test_the_end_of_a_pass_is_not_the_end_of_the_data() -> None:
    data = batches(np.arange(10), batch_size=4)
    assert list(data.iterate(0, 8)) == []  # two rows are left over
    assert list(data.iterate(0, 10)) == []
    assert list(data.iterate(0, 10**6)) == []
    assert len(list(data.iterate(1, 0))) == 2
