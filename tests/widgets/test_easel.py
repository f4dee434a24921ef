"""Pictures of saved notebooks are painted beside whoever asks for them, the newest one last."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from interactive_train_widgets.easel import Easel

Bundle = dict[str, str]


class Output:
    """A companion that notes what it showed."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, bundle: Bundle) -> None:
        self.shown.append(bundle["text/plain"])


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def easel(output: Output, errors: list[Exception]) -> Easel:
    return Easel([output], errors.append)


def held(gate: threading.Event, text: str) -> Callable[[], Bundle]:
    """A picture that is finished when the gate is opened."""

    def make() -> Bundle:
        assert gate.wait(5)
        return {"text/plain": text}

    return make


def test_nobody_waits_for_a_picture_but_who_closes(easel: Easel, output: Output) -> None:
    gate = threading.Event()
    easel.paint(held(gate, "first"))
    assert output.shown == []
    gate.set()
    easel.finish(5.0)
    assert output.shown == ["first"]
    assert not easel.busy


def test_of_what_comes_meanwhile_the_newest_is_painted(easel: Easel, output: Output) -> None:
    first, rest = threading.Event(), threading.Event()
    easel.paint(held(first, "0"))
    while easel.waiting:  # the thread has not taken it up
        pass
    for number in range(1, 4):
        easel.paint(held(rest, f"{number}"))
    first.set()
    rest.set()
    easel.finish(5.0)
    assert output.shown == ["0", "3"]


def test_what_goes_wrong_is_told_and_the_next_picture_is_painted(
    easel: Easel, output: Output, errors: list[Exception]
) -> None:
    def explode() -> Bundle:
        raise ValueError("no such colour")

    easel.paint(explode)
    easel.finish(5.0)
    assert [str(error) for error in errors] == ["no such colour"]
    easel.paint(lambda: {"text/plain": "next"})
    easel.finish(5.0)
    assert output.shown == ["next"]


def test_closing_waits_no_longer_than_it_says(easel: Easel, output: Output) -> None:
    gate = threading.Event()
    easel.paint(held(gate, "late"))
    easel.finish(0.01)
    assert (output.shown, easel.busy) == ([], True)
    gate.set()
    easel.finish(5.0)
