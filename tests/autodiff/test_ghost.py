"""Ghosts: they pass through operations, and whoever looks at one is told where and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff.ghost import (
    Ghost,
    NotRecordableError,
    recorder_of,
    recording,
    recordings,
)
from interactive_train.autodiff.tensor import Tensor
from interactive_train.program.program import Home
from interactive_train.program.recorder import Recorder


def ghost(*shape: int, dtype: Any = np.float64) -> tuple[Recorder, Tensor]:
    recorder = Recorder()
    found: Any = recorder.input(shape, dtype, Home("in"))
    return recorder, Tensor.wrap(found)


LOOKS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "bool": (lambda t: bool(t.sum() > 0.0), "decides a branch"),
    "if": (lambda t: 1 if t[0, 0] else 2, "decides a branch"),
    "float": (lambda t: float(t.sum()), "turned into a Python number"),
    "int": (lambda t: int(t.sum()), "turned into a Python number"),
    "item": (lambda t: t.sum().item(), "item is asked for"),
    "array": (lambda t: np.asarray(t), "turned into a NumPy array"),
    "numpy": (lambda t: t.numpy(), "known at the step only"),
    "repr": (repr, "known at the step only"),
    "element": (lambda t: t.data[0], "an element of it is read"),
    "loop over data": (lambda t: list(t.data), "its elements are gone through"),
    "writing": (lambda t: t.data.__setitem__(0, 1.0), "an element of it is written"),
    "data in an expression": (lambda t: t.data + 1.0, "known at the step only"),
    "NumPy on data": (lambda t: np.tanh(t.data), ""),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_refused_with_the_line_that_looked(name: str) -> None:
    look, how = LOOKS[name]
    _, tensor = ghost(2, 3)
    with recording(), pytest.raises((NotRecordableError, TypeError)) as caught:
        look(tensor)
    if how:
        assert isinstance(caught.value, NotRecordableError)
        assert how in str(caught.value)
        assert "test_ghost.py:" in str(caught.value)


def test_shapes_and_types_may_be_looked_at() -> None:
    _, tensor = ghost(2, 3, dtype=np.float32)
    assert (tensor.shape, tensor.ndim, tensor.size, len(tensor)) == ((2, 3), 2, 6, 2)
    assert tensor.dtype == np.float32
    assert not tensor.known


def test_operations_are_noted_and_nothing_is_computed() -> None:
    recorder, x = ghost(2, 3)
    with recording():
        y = np.tanh(x * 2.0).sum(0)
    assert isinstance(y.data, Ghost)
    assert y.shape == (3,)
    assert [op.name.strip("_") for op in recorder.ops] == ["multiply", "tanh", "sum"]


def test_what_depends_on_no_ghost_is_a_number_at_once() -> None:
    recorder, _ = ghost(2)
    with recording():
        y = Tensor(np.ones(2)) * 3.0
    assert y.numpy().tolist() == [3.0, 3.0]
    assert not recorder.ops


def test_views_have_no_memory_of_their_own() -> None:
    recorder, x = ghost(2, 3)
    with recording():
        y: Any = x.reshape(3, 2)
        z: Any = y.reshape(-1)
    assert (y.shape, z.shape) == ((3, 2), (6,))
    assert recorder.program().root(z.data.number) == (x.data.number, 0)  # type: ignore[attr-defined]
    assert not recorder.ops


def test_recordings_are_counted_also_when_one_fails() -> None:
    before, meanwhile = recordings(), 0
    with pytest.raises(ZeroDivisionError), recording():
        meanwhile = recordings() // 0
    with recording():
        meanwhile = recordings()
    assert (meanwhile, recordings()) == (before + 1, before)


def test_a_ghost_of_another_recording_is_refused() -> None:
    _, x = ghost(2)
    _, y = ghost(2)
    with recording(), pytest.raises(NotRecordableError, match="another recording"):
        x + y


def test_another_thread_is_refused() -> None:
    _, x = ghost(2)
    found: list[BaseException] = []

    def work() -> None:
        try:
            x * 2.0
        except NotRecordableError as error:
            found.append(error)

    with recording():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "another thread" in str(found[0])


def test_the_recorder_is_that_of_the_first_ghost() -> None:
    recorder, x = ghost(2)
    assert recorder_of([Tensor(np.ones(2)), x]) is recorder
    assert recorder_of([Tensor(np.ones(2))]) is None
