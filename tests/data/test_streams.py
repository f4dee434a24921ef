"""Iterables as data, one-shot ones among them, and what a trainer makes of what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from interactive_train.data import Data, as_data, batches, require_elements


class Loader:
    """As other libraries' loaders: a length, and a new iterator each time."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        return iter([10, 20, 30])


class EndlessLoader(Loader):
    def __len__(self) -> int:
        raise TypeError("a stream has no length")


class OldSequence:
    def __getitem__(self, index: int) -> int:
        return [10, 20, 30][index]


def generator(n: int = 5) -> Iterator[int]:
    yield from range(n)


def test_a_loader_passes_again_and_again() -> None:
    data = Data.from_iterable(Loader())
    assert not data.is_one_shot
    assert data.to_list() == data.to_list() == [10, 20, 30]
    assert len(data) == 3
    assert len(data.batch(2)) == 2


def test_a_length_that_is_not_known_is_none() -> None:
    for data in (Data.from_iterable(EndlessLoader()), Data.from_iterable(generator())):
        assert data.steps_per_pass is None
        assert data.batch(2).steps_per_pass is None
        with pytest.raises(TypeError, match=r"^len\(data\): the number .* must be known; got Data"):
            len(data)


def test_an_old_sequence_can_be_iterated_too() -> None:
    assert as_data(OldSequence(), "here").to_list() == [10, 20, 30]


def test_a_generator_trains_once_and_a_second_pass_is_an_error() -> None:
    data = Data.from_iterable(generator()).map(lambda v: v).batch(2, collate=list)
    assert data.is_one_shot
    assert data.to_list() == [[0, 1], [2, 3], [4]]
    with pytest.raises(
        ValueError,
        match=r"^Data: a one-shot generator passes only once; got a request for pass 2 from "
        r"position 0 after 5 of its elements were consumed\. Use .*from_list.*from_fn",
    ):
        data.to_list()
    data.reset()
    with pytest.raises(ValueError, match="a request for pass 1 from position 0 after 5"):
        data.to_list()


def test_a_generator_goes_on_exactly_where_it_stands() -> None:
    data = Data.from_iterable(generator()).batch(2, collate=list)
    elements = data.iterate(0)
    assert next(elements) == [0, 1]
    position = data.next_position(0)
    with pytest.raises(ValueError, match="pass 1 from position 0 after 2"):
        data.iterate(0, 0)
    with pytest.raises(ValueError, match="pass 1 from position 4 after 2"):
        data.iterate(0, 4)
    assert list(data.with_batch_size(3).iterate(0, position)) == [[2, 3, 4]]
    assert list(data.iterate(0, 6)) == []  # the end, where a last short batch left it


def test_the_table_of_what_one_may_train_on() -> None:
    x, y = np.zeros((100, 2)), np.arange(100)
    assert repr(as_data((x, y), "fit")) == repr(batches(x, y))
    assert repr(as_data((x, y.tolist()), "fit", batch_size=10, shuffle=0, drop_last=False)) == repr(
        batches(x, y, batch_size=10, shuffle=0, drop_last=False)
    )
    assert repr(as_data(x, "fit")) == repr(batches(x))
    data = Data.from_list([1])
    assert as_data(data, "fit") is data
    assert as_data([(x, y)], "fit").to_list()[0][0] is x
    assert as_data(((x, y), (x, y)), "fit").steps_per_pass == 2
    assert as_data(Loader(), "fit").to_list() == [10, 20, 30]
    assert as_data(generator(), "fit").is_one_shot


def test_a_frame_is_an_array() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(64.0)})
    assert as_data((frame, frame["a"]), "fit").steps_per_pass == 1


@pytest.mark.parametrize("empty", [[], (), generator(0), EndlessLoader])
def test_training_on_nothing_is_an_error(empty: Any) -> None:
    if empty is EndlessLoader:

        class Nothing(EndlessLoader):
            def __iter__(self) -> Iterator[int]:
                return iter(())

        empty = Nothing()
    data = as_data(empty, "trainer.fit")
    with pytest.raises(
        ValueError,
        match=r"^trainer\.fit: there must be an element to train on; got none from Data\..*\. \w",
    ):
        list(require_elements(data.iterate(), data, "trainer.fit"))


def test_the_rest_of_a_pass_may_be_empty() -> None:
    data = batches(np.arange(10), batch_size=4)
    assert list(require_elements(data.iterate(0, 8), data, "fit", 8)) == []
    assert len(list(require_elements(data.iterate(0, 0), data, "fit"))) == 2


def test_a_used_up_generator_says_so() -> None:
    used = generator(2)
    list(used)
    data = as_data(used, "fit")
    with pytest.raises(ValueError, match="An iterator that was used up before is empty too"):
        next(require_elements(data.iterate(), data, "fit"))
