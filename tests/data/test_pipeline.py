"""Constructors, transformations and consumers of Data: what they give, and in which order."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from interactive_train.data import Data

Point = namedtuple("Point", "x y")


def test_one_array_gives_rows_and_several_give_tuples() -> None:
    x, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    np.testing.assert_array_equal(Data.from_arrays(x).to_list(), x)
    for i, (row, label) in enumerate(Data.from_arrays(x, y)):
        np.testing.assert_array_equal(row, x[i])
        assert label == y[i]
    assert len(Data.from_arrays(x, y, y)) == 3
    assert len(next(iter(Data.from_arrays(x, y, y)))) == 3


def test_a_list_is_copied_and_its_items_are_not() -> None:
    items: list[Any] = [[1], [2]]
    data = Data.from_list(items)
    items.append([3])
    assert data.to_list() == [[1], [2]]
    assert data.to_list()[0] is items[0]


def test_a_function_is_called_anew_on_every_pass() -> None:
    calls: list[int] = []
    data = Data.from_fn(2, lambda i: calls.append(i) or i)  # type: ignore[func-returns-value]
    assert calls == []
    assert data.to_list() == data.to_list() == [0, 1]
    assert calls == [0, 1, 0, 1]


def test_one_value_is_repeated() -> None:
    assert Data.repeat_value(3, "a").to_list() == ["a", "a", "a"]


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_python_slices(n: int, size: int, drop_last: bool) -> None:
    if drop_last and 0 < n < size:
        return  # refused, see test_errors
    data = Data.from_list(range(n)).batch(size, drop_last, collate=list)
    expected = [list(range(i, min(i + size, n))) for i in range(0, n, size)]
    if drop_last:
        expected = [group for group in expected if len(group) == size]
    assert data.to_list() == expected
    assert len(data) == data.steps_per_pass == len(expected)


def test_batches_of_tuples_dicts_and_numbers_are_stacked() -> None:
    (pair,) = Data.from_list([(np.ones(3), 1), (np.zeros(3), 2)]).batch(2)
    assert pair[0].shape == (2, 3)
    assert pair[1].tolist() == [1, 2]
    (mapping,) = Data.from_list([{"a": 1.0}, {"a": 2.0}]).batch(2)
    assert mapping["a"].tolist() == [1.0, 2.0]
    (point,) = Data.from_list([Point(1, 2), Point(3, 4)]).batch(2)
    assert type(point) is Point
    assert point.y.tolist() == [2, 4]


def test_map_batch_hands_lists_to_the_function() -> None:
    data = Data.from_list([1, 2, 3, 4, 5])
    assert data.map_batch(2, sum).to_list() == [3, 7, 5]
    assert data.map_batch(2, sum, drop_last=True).to_list() == [3, 7]


def test_tuples_are_splatted_and_lists_are_not() -> None:
    assert Data.from_list([(1, 2)]).map(lambda a, b: a + b).to_list() == [3]
    assert Data.from_list([[1, 2]]).map(sum).to_list() == [3]
    assert Data.from_list([(1, 2), (3, 4)]).fold(lambda acc, a, b: acc + a * b, 0) == 14
    assert Data.from_list([1, 2]).fold(lambda acc, a: [*acc, a], []) == [1, 2]


def test_a_batch_can_carry_its_own_loss() -> None:
    x, y = np.zeros((4, 2)), np.arange(4)
    data = Data.prepare(x, y, batch_size=2).map(lambda x, y: (x, lambda logits: logits + y.sum()))
    assert [loss(10) for _, loss in data] == [11, 15]


def test_every_pass_has_another_order_and_the_same_seed_the_same_ones() -> None:
    data = Data.from_list(range(50)).shuffle(0)
    first, second = data.to_list(), data.to_list()
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    again = Data.from_list(range(50)).shuffle(0)
    assert [again.to_list(), again.to_list()] == [first, second]
    assert Data.from_list(range(50)).shuffle(1).to_list() != first


def test_no_seed_leaves_the_order_and_seed_zero_does_not() -> None:
    assert Data.from_list(range(9)).shuffle(None).to_list() == list(range(9))
    assert Data.from_list(range(9)).shuffle(0).to_list() != list(range(9))


def test_batches_themselves_can_be_shuffled() -> None:
    data = Data.from_list(range(10)).batch(2, collate=list).shuffle(3)
    groups = data.to_list()
    assert sorted(groups) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert groups != sorted(groups)
    assert list(data.iterate(0, 2)) == groups[2:]


def test_the_data_counts_its_own_passes_and_reset_begins_again() -> None:
    data = Data.from_list(range(20)).shuffle(0)
    first = data.to_list()
    assert data.passes == 1
    assert data.to_list() != first
    data.reset()
    assert data.passes == 0
    assert data.to_list() == first


def test_pipelines_do_not_share_a_pass_counter() -> None:
    data = Data.from_list(range(20)).shuffle(0)
    first = data.to_list()
    assert data.map(lambda v: v).to_list() == first


def test_an_empty_pipeline_is_empty_everywhere_and_not_false() -> None:
    for empty in (Data.from_list([]), Data.from_fn(0, str), Data.from_arrays(np.zeros((0, 3)))):
        assert empty.to_list() == empty.shuffle(0).batch(3).map(str).to_list() == []
        assert len(empty) == 0
        assert bool(empty)


def test_a_generator_per_element_is_a_function_of_seed_pass_and_position() -> None:
    def noise(x: float, *, rng: np.random.Generator) -> float:
        return float(rng.normal())

    data = Data.from_arrays(np.zeros(6))
    noisy = data.map(noise, rng=True, seed=5)
    first = list(noisy.iterate(0))
    assert len(set(first)) == 6
    assert list(noisy.iterate(0)) == first
    assert list(noisy.iterate(0, 4)) == first[4:]
    assert list(noisy.iterate(1)) != first
    assert list(data.map(noise, rng=True, seed=6).iterate(0)) != first
    # what stands between changes nothing; a second map has numbers of its own
    assert list(data.map(lambda x: x).map(noise, rng=True, seed=5).iterate(0)) == first
    assert list(noisy.map(noise, rng=True, seed=5).iterate(0)) != first


def test_an_indexed_and_a_streamed_map_give_the_same_random_numbers() -> None:
    def noise(x: Any, *, rng: np.random.Generator) -> float:
        return float(rng.normal())

    batched = Data.from_arrays(np.zeros(12)).batch(3).map(noise, rng=True)
    in_order = list(batched.iterate(0))
    assert sorted(batched.shuffle(0).iterate(0)) == sorted(in_order)


def test_an_error_in_a_map_says_where_it_happened() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        Data.from_list([2, 1, 0]).map(lambda v: 1 / v).to_list()
    assert caught.value.__notes__ == ["Data.map: in <lambda>, pass 1, position 2"]


def test_the_repr_is_the_calls_that_made_it() -> None:
    data = Data.from_arrays(np.zeros((10, 3), np.float32), np.zeros(10, np.int64))
    text = repr(data.shuffle(0).map(abs, rng=True).batch(4, drop_last=True, collate=list))
    assert text == (
        "Data.from_arrays(float32[10, 3], int64[10]).shuffle(0).map(abs, rng=True, seed=0)"
        ".batch(4, drop_last=True, collate=list)  # 2 elements a pass"
    )


def test_what_is_left_of_a_pass_is_right_after_the_batch_size_changed() -> None:
    for drop_last in (False, True):
        data = Data.from_arrays(np.arange(40)).shuffle(1).batch(7, drop_last=drop_last)
        for size in (3, 7, 16):
            other = data.map(lambda v: v).prefetch(2).with_batch_size(size)
            assert (data.batch_size, other.batch_size) == (7, size)
            for position in range(0, 41):
                rest = len(list(other.iterate(0, position)))
                assert other.steps_left(position) == rest
    assert Data.from_list([1, 2]).batch_size is None
    assert Data.from_list([1, 2, 3]).batch(2).shuffle(0).batch_size is None
    assert Data.from_iterable(iter([1])).batch(1).steps_left(0) is None
