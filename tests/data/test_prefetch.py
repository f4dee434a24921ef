"""prefetch: the same elements, made ahead by a thread that never outlives its consumer."""

from __future__ import annotations

import contextvars
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train.data import Data, batches


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "interactive-train prefetch"]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    assert not threads()
    yield
    gc.collect()
    assert not threads()


def counting(n: int, made: list[int]) -> Iterator[int]:
    for i in range(n):
        made.append(i)
        yield i


def wait_until(condition: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


@pytest.mark.parametrize("n", [1, 2, 50])
def test_order_passes_and_length_are_those_without(n: int) -> None:
    x = np.arange(40)
    plain, ahead = (batches(x, batch_size=7, shuffle=3, drop_last=False) for _ in range(2))
    ahead = ahead.prefetch(n)
    assert len(ahead) == len(plain) == 6
    for _ in range(3):
        assert [b.tolist() for b in ahead] == [b.tolist() for b in plain]
    assert ahead.passes == 3
    ahead.reset()
    plain.reset()
    assert [b.tolist() for b in ahead] == [b.tolist() for b in plain]
    assert repr(ahead).startswith(repr(plain).partition("  #")[0] + f".prefetch({n})")


@pytest.mark.parametrize("n", [1, 3])
def test_it_runs_ahead_by_n_elements_and_no_more(n: int) -> None:
    made: list[int] = []
    elements = iter(Data.from_fn(20, lambda i: made.append(i) or i).prefetch(n))  # type: ignore[func-returns-value]
    assert not threads()  # nothing is made before the first is asked for
    for consumed in range(1, 5):
        next(elements)
        wait_until(lambda consumed=consumed: len(made) == consumed + n)
        time.sleep(0.01)
        assert len(made) == consumed + n
    del elements


def test_work_and_waiting_overlap() -> None:
    def slow(i: int) -> int:
        time.sleep(0.02)
        return i

    def seconds(data: Data) -> float:
        began = time.perf_counter()
        for _ in data:
            time.sleep(0.02)
        return time.perf_counter() - began

    plain = Data.from_fn(12, slow)
    assert min(seconds(plain.prefetch(2)) for _ in range(3)) < 0.9 * seconds(plain)


def test_an_error_comes_where_it_would_without_and_says_so() -> None:
    def f(i: int) -> int:
        if i == 3:
            raise RuntimeError("torn")
        return i

    elements = iter(Data.from_list(range(9)).map(f).prefetch(5))
    assert [next(elements) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="torn") as caught:
        next(elements)
    assert caught.value.__notes__ == ["Data.map: in f, pass 1, position 3"]
    assert "f" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("how", ["break", "close", "drop", "raise", "error unseen"])
def test_the_thread_ends_when_the_consumer_stops(how: str) -> None:
    data = Data.from_fn(9, lambda i: 1 // (i - 1) if how == "error unseen" else i).prefetch(3)
    elements: Any = iter(data)
    next(elements)
    assert len(threads()) == 1 or how == "error unseen"
    if how == "close":
        elements.close()
    elif how == "raise":
        with pytest.raises(TypeError):
            data.fold(lambda total, element: total + "mine", 0)
        del elements
    elif how == "break":
        for _ in elements:
            break
        del elements
    else:
        del elements
    assert not threads()


def test_a_slow_element_is_finished_and_no_other_begun() -> None:
    made: list[int] = []

    def slow(i: int) -> int:
        made.append(i)
        time.sleep(0.05)
        return i

    elements = iter(Data.from_fn(9, slow).prefetch(4))
    next(elements)
    wait_until(lambda: len(made) == 2)
    del elements
    assert made == [0, 1]


def test_a_generator_is_closed_in_the_thread_that_ran_it() -> None:
    ended: list[str] = []

    class Again:
        def __iter__(self) -> Iterator[int]:
            try:
                yield from range(9)
            finally:
                ended.append(threading.current_thread().name)

    elements = iter(Data.from_iterable(Again()).batch(2).prefetch(1))
    next(elements)
    del elements
    assert ended == ["interactive-train prefetch"]


def test_two_consumers_have_a_thread_each() -> None:
    data = Data.from_list(range(6)).shuffle(0).prefetch(2)
    one, other = data.iterate(0), data.iterate(1)
    pairs = list(zip(one, other, strict=True))
    plain = Data.from_list(range(6)).shuffle(0)
    assert [a for a, _ in pairs] == list(plain.iterate(0))
    assert [b for _, b in pairs] == list(plain.iterate(1))


def test_a_consumers_context_reaches_the_functions() -> None:
    setting: contextvars.ContextVar[str] = contextvars.ContextVar("setting", default="none")
    data = Data.from_list([1, 2]).map(lambda _: setting.get()).prefetch(2)
    setting.set("mine")
    assert data.to_list() == ["mine", "mine"]


@pytest.mark.parametrize("batch", [1, 3])
def test_what_was_fetched_from_a_one_shot_iterator_is_kept(batch: int) -> None:
    made: list[int] = []
    source = Data.from_iterable(counting(14, made))
    data = (source.batch(batch, collate=list) if batch > 1 else source).prefetch(2)
    position = 0
    seen: list[int] = []
    for stop in (2, 1, 3, 99):  # consumed a few at a time
        for _, element in zip(range(stop), data.iterate(0, position), strict=False):
            seen += element if batch > 1 else [element]
            position = data.next_position(position)
            time.sleep(0.002)
    assert seen == made == list(range(14))
    assert list(data.iterate(0, position)) == []
    with pytest.raises(ValueError, match=r"passes only once; got a request for pass 2"):
        list(data.iterate(1))


def test_one_shot_data_goes_on_nowhere_else() -> None:
    data = Data.from_iterable(iter(range(9))).prefetch(2)
    elements = data.iterate()
    assert next(elements) == 0
    wait_until(lambda: threads())
    time.sleep(0.01)
    del elements
    for pass_index, position in ((0, 0), (1, 0), (0, 3), (1, 1)):
        with pytest.raises(
            ValueError, match=r"only once; got a request for pass .* after 1 of its"
        ):
            data.iterate(pass_index, position)
    assert list(data.iterate(0, 1)) == list(range(1, 9))


def test_an_error_of_a_one_shot_iterator_is_kept_too() -> None:
    def torn() -> Iterator[int]:
        yield 0
        yield 1
        raise OSError("torn")

    data = Data.from_iterable(torn()).prefetch(3)
    elements = data.iterate()
    assert next(elements) == 0
    wait_until(lambda: not threads())
    del elements
    rest = data.iterate(0, 1)
    assert next(rest) == 1
    with pytest.raises(OSError, match="torn"):
        next(rest)


def test_the_batch_size_changes_where_the_consumer_stands() -> None:
    data = batches(np.arange(24), batch_size=4, shuffle=1).prefetch(2)
    elements = data.iterate(0)
    seen = next(elements).tolist()
    smaller = data.with_batch_size(2)
    rest = [v for b in smaller.iterate(0, data.next_position(0)) for v in b.tolist()]
    del elements
    assert seen + rest == [v for b in data.iterate(0) for v in b.tolist()]


def test_a_fit_has_the_same_bits_with_it() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    trainer = it.Trainer(it.nn.Linear(3, 3), it.optim.Adam(1e-2), loss=it.losses.mse)

    def noisy(x: Any, y: Any, *, rng: np.random.Generator) -> Any:
        return x + rng.normal(size=x.shape).astype(np.float32), y

    data = batches(x, x, batch_size=8, shuffle=0).map(noisy, rng=True)
    states = [
        trainer.fit(trainer.init(seed=1), chosen, epochs=3) for chosen in (data, data.prefetch(3))
    ]
    for one, other in zip(*(it.tree.flatten(state.model)[0] for state in states), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_process_ends_with_a_thread_half_way() -> None:
    code = (
        "import time\n"
        "from interactive_train.data import Data\n"
        "elements = iter(Data.from_fn(9, lambda i: time.sleep(0.05) or i).prefetch(2))\n"
        "next(elements)\n"
        "print('one')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")


def test_what_stands_before_it_runs_in_the_thread_also_under_a_batch() -> None:
    names: list[str] = []

    def f(v: int) -> int:
        names.append(threading.current_thread().name)
        return v

    data = Data.from_list(range(6)).map(f).prefetch(2).map(lambda v: -v).batch(4)
    assert [b.tolist() for b in data] == [[0, -1, -2, -3], [-4, -5]]
    assert set(names) == {"interactive-train prefetch"}
    assert len(names) == 6
