"""The common base of the teaching views: frames, choices, what a saved notebook keeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from interactive_train.training.records import commands
from interactive_train.training.records.view import RunView
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.picture import Picture, Table, pack
from interactive_train_widgets.teaching.subject import Resting, Subject
from tests.widgets.fake_run import FakeRun
from tests.widgets.teaching.page import READY, eventually, heard, say


class Squares(TeachingView):
    """Shows a square, larger or smaller."""

    _esm = "export default {}"
    choices = ("edge",)
    edge = 2.0
    computed = 0

    def compute(self, view: RunView, columns: int) -> Picture:
        self.computed += 1
        if self.edge > 5:
            raise ValueError("Squares: too large")
        grid = np.full((2, 2), self.edge)
        table = Table("Edge", ("edge",), [(f"{self.edge:g}",)])
        return Picture(
            {"edge": self.edge}, {"grid": grid}, f"A square of {self.edge:g}.", table, view.step
        )

    def draw(self, figure: Any, picture: Picture) -> None:
        figure.subplots().imshow(picture.arrays["grid"])

    def choose(self, name: str, value: Any) -> None:
        if not isinstance(value, float) or value < 0:
            raise ValueError("Squares: edge must be at least 0")
        self.edge = value


@pytest.fixture
def squares() -> Iterator[Squares]:
    view = Squares(Resting("model"))
    yield view
    view.close()


def test_nothing_is_computed_until_a_page_shows_it(squares: Squares) -> None:
    run = FakeRun(pace=500, last_step=None).start()
    view = Squares(run)
    time.sleep(0.1)
    assert view.computed == 0
    say(view, READY)
    eventually(lambda: len(heard(view, "frame")) >= 2)
    say(view, {"kind": "gone", "view": "v"})
    time.sleep(0.1)
    seen = view.computed
    time.sleep(0.3)
    assert view.computed == seen
    run.join()
    view.close()


def test_a_frame_carries_where_the_run_stands_its_text_its_table_and_one_buffer(
    squares: Squares,
) -> None:
    say(squares, READY)
    eventually(lambda: heard(squares, "frame"))
    (frame,) = heard(squares, "frame")
    assert frame["run"]["status"] == "finished"
    assert frame["text"] == "A square of 2."
    assert frame["table"]["rows"] == [["2"]]
    assert frame["arrays"] == {"grid": {"at": 0, "shape": [2, 2], "type": "f4"}}
    buffers = next(b for d, b in squares.comm.log if d.get("method") == "custom")
    assert np.frombuffer(buffers[0], "<f4").tolist() == [2.0] * 4


def test_a_choice_draws_anew_and_a_wrong_one_changes_nothing(squares: Squares) -> None:
    say(squares, READY)
    say(squares, {"kind": "choose", "id": "a", "name": "edge", "value": 3})
    eventually(lambda: heard(squares, "frame") and heard(squares, "frame")[-1]["text"][-2] == "3")
    for identity, name, value in (("b", "egde", 1), ("c", "edge", -1), ("d", "edge", None)):
        say(squares, {"kind": "choose", "id": identity, "name": name, "value": value})
    eventually(lambda: sum(len(t["tickets"]) for t in heard(squares, "tickets")) == 3)
    errors = {t["id"]: t["error"] for m in heard(squares, "tickets") for t in m["tickets"]}
    assert 'Did you mean "edge"' in errors["b"]
    assert "at least 0" in errors["c"]
    assert squares.edge == 3.0


def test_what_cannot_be_drawn_is_said_on_the_page(squares: Squares) -> None:
    squares.edge = 7
    say(squares, READY)
    eventually(lambda: heard(squares, "frame"))
    assert heard(squares, "frame")[-1]["trouble"] == "Squares: too large"


def test_a_saved_notebook_keeps_the_frame_and_a_picture_with_its_text_and_table(
    squares: Squares,
) -> None:
    class Companion:
        bundle: dict[str, str] | None = None

        def update(self, bundle: dict[str, str]) -> None:
            self.bundle = bundle

    companion = Companion()
    squares.accompany(companion)
    say(squares, READY)
    eventually(lambda: companion.bundle)
    assert squares.saved[:4] == b"ITW1"
    page = (companion.bundle or {})["text/html"]
    assert 'alt="Squares. A square of 2."' in page
    assert "data:image/png" in page
    assert "<td>2</td>" in page


def test_a_page_does_not_wait_for_the_picture_of_a_saved_notebook(squares: Squares) -> None:
    shown: list[dict[str, str]] = []
    gate = threading.Event()
    squares.accompany(SimpleNamespace(update=shown.append))
    begun: list[Any] = []

    def draw(figure: Any, picture: Picture) -> None:
        begun.append(picture)
        assert gate.wait(8)

    squares.draw = draw  # type: ignore[method-assign]
    say(squares, READY)
    eventually(lambda: begun)
    say(squares, {"kind": "choose", "id": "a", "name": "edge", "value": 3})
    eventually(lambda: heard(squares, "frame")[-1]["text"] == "A square of 3.", seconds=0.5)
    assert shown == []
    gate.set()
    eventually(lambda: [b["text/plain"][-2] for b in shown] == ["2", "3"])


def test_the_thread_ends_when_nothing_moves_any_more(squares: Squares) -> None:
    say(squares, READY)
    eventually(lambda: heard(squares, "frame"))
    say(squares, {"kind": "ack", "sequence": 1})
    eventually(lambda: not squares._publisher.alive)
    squares.edge = 4.0
    squares.refresh()
    eventually(lambda: heard(squares, "frame")[-1]["text"] == "A square of 4.")


def test_arrays_begin_at_multiples_of_eight() -> None:
    arrays: dict[str, Any] = {"a": np.zeros(3, np.uint8), "b": np.arange(3), "c": np.array([True])}
    head, buffers = pack(Picture({}, arrays, "", Table("", (), ()), 0))
    assert [head["arrays"][n]["at"] for n in "abc"] == [0, 8, 24]
    assert [head["arrays"][n]["type"] for n in "abc"] == ["u1", "i4", "u1"]
    assert np.frombuffer(buffers[0], "<i4", 3, 8).tolist() == [0, 1, 2]


def test_what_is_neither_run_nor_state_nor_model_is_refused() -> None:
    with pytest.raises(TypeError, match="Squares: it shows a run, a state or a model; got int"):
        Subject(3, "Squares")


def test_a_model_at_rest_predicts_and_takes_no_commands() -> None:
    state = it.Trainer(nn.Linear(2, 1), it.optim.SGD(0.1)).init(seed=0)
    subject = Subject(state, "Squares")
    x = np.ones((3, 2), np.float32)
    assert np.allclose(subject.moment().predict(x), x @ state.model.weight + state.model.bias)
    ticket = subject.source.submit(commands.Pause())
    assert "takes no commands" in str(ticket.error)
