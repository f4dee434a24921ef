"""Drawings: what a pen does becomes a picture as the data set has them, and a view reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import datasets, losses, nn, optim
from interactive_train_widgets import DrawDigit
from interactive_train_widgets.teaching.drawing import (
    MAX_POINTS,
    PEN,
    Drawing,
    bitmap,
    placed,
    rasterised,
)
from interactive_train_widgets.teaching.handwriting import handwritten
from tests.widgets.teaching.page import READY, eventually, heard, say

LINE = np.array([[0.5, 0.0], [0.5, 1.0]])


@pytest.fixture(scope="module")
def state() -> Any:
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(64, 32), nn.relu, nn.Linear(32, 10)),
        optim.Adam(3e-3),
        loss=losses.cross_entropy_sparse,
    )
    train = datasets.digits()[0]
    return trainer.fit(trainer.init(0), train, epochs=20, batch_size=64, progress=False)


@pytest.fixture
def paper(state: Any) -> Iterator[DrawDigit]:
    view = DrawDigit(state)
    yield view
    view.close()


def choose(view: DrawDigit, name: str, value: object) -> None:
    say(view, {"kind": "choose", "id": name, "name": name, "value": value})


def newest(view: DrawDigit) -> Any:
    return heard(view, "frame")[-1]


# Strokes to pictures ------------------------------------------------------------------------


def test_a_picture_is_the_inked_part_of_each_block_of_the_bitmap() -> None:
    strokes = handwritten(5)
    fine = bitmap(placed(strokes), 32, 32)
    picture = rasterised(strokes)
    for row in range(8):
        for column in range(8):
            block = fine[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert picture[row, column] == block.sum() / 16  # counts of 0 to 16, as UCI has them


def test_a_line_has_the_width_of_the_pen() -> None:
    wide = bitmap([LINE], 100, 100).sum(axis=1)
    assert np.all(np.abs(wide - 100 * PEN) <= 1)


def test_where_and_how_large_a_digit_is_drawn_does_not_matter() -> None:
    small = [0.3 * stroke + (0.6, 0.1) for stroke in handwritten(3)]
    np.testing.assert_allclose(rasterised(small), rasterised(handwritten(3)), atol=0.13)


def test_a_drawing_fills_the_height_and_stands_in_the_middle() -> None:
    for digit in range(10):
        picture = rasterised(handwritten(digit))
        assert np.all(picture.max(axis=1) > 0)
        centre = (picture.sum(axis=0) * np.arange(8)).sum() / picture.sum()
        assert 2.5 < centre < 4.5


def test_what_is_drawn_wide_is_narrowed_and_a_dot_stays_a_dot() -> None:
    wide = placed([np.array([[0.0, 0.4], [1.0, 0.6]])])[0]
    assert np.ptp(wide[:, 0]) < 0.7
    assert 0 < rasterised([np.array([[0.2, 0.9]])]).sum() < 2
    assert rasterised([]).sum() == 0


def test_the_ink_of_the_examples_is_that_of_the_data_set() -> None:
    x = datasets.digits()[0][0]
    own = np.mean([rasterised(handwritten(digit)).sum() for digit in range(10)])
    assert own == pytest.approx(x.sum(axis=1).mean(), rel=0.15)


def test_a_model_of_the_data_set_reads_what_was_drawn(state: Any) -> None:
    pictures = np.stack([rasterised(handwritten(digit)).ravel() for digit in range(10)])
    read = np.asarray(state.model(pictures)).argmax(axis=1)
    assert (read == np.arange(10)).sum() >= 9


@pytest.mark.parametrize(
    "numbers",
    [[], [0.5], [0.5, 1.5], [float("nan"), 0.5], ["a", "b"], None, [[0.1, 0.2]], True, 0.5],
    ids=str,
)
def test_points_that_are_none_are_refused_and_change_nothing(numbers: Any) -> None:
    drawing = Drawing("DrawDigit")
    drawing.begin([0.5, 0.5])
    with pytest.raises(ValueError, match=r"DrawDigit: points are pairs of numbers in \[0, 1\]"):
        drawing.extend(numbers)
    assert [len(stroke) for stroke in drawing.strokes] == [1]


def test_a_drawing_has_an_end_and_a_stroke_a_beginning() -> None:
    drawing = Drawing("DrawDigit")
    with pytest.raises(ValueError, match="a stroke begins before it goes on"):
        drawing.extend([0.5, 0.5])
    drawing.begin([0.5, 0.5])
    drawing.extend([0.5] * 2 * (MAX_POINTS - 1))
    with pytest.raises(ValueError, match=f"at most {MAX_POINTS} points"):
        drawing.extend([0.5, 0.5])


# The view -----------------------------------------------------------------------------------


def test_strokes_from_the_page_are_read_by_the_model(paper: DrawDigit) -> None:
    say(paper, READY)
    eventually(lambda: heard(paper, "frame"))
    assert newest(paper)["data"]["empty"]
    for stroke in handwritten(4):
        choose(paper, "begin", stroke[0].tolist())
        choose(paper, "extend", stroke[1:].ravel().tolist())
    eventually(lambda: newest(paper)["data"]["version"] == 4)
    frame = newest(paper)
    assert frame["data"]["lengths"] == [3, 2]
    assert frame["data"]["classes"][frame["data"]["best"]] == "4"
    assert frame["text"].startswith("Read as 4 with ")
    np.testing.assert_array_equal(paper.picture, rasterised(handwritten(4)))
    choose(paper, "clear", True)
    eventually(lambda: newest(paper)["data"]["empty"])
    assert newest(paper)["text"] == "The paper is empty."


def test_an_example_is_drawn_and_an_unknown_one_refused(paper: DrawDigit) -> None:
    say(paper, READY)
    choose(paper, "example", 7)
    choose(paper, "example", 10)
    choose(paper, "example", "seven")
    eventually(lambda: sum(len(t["tickets"]) for t in heard(paper, "tickets")) == 2)
    assert "an example is a digit" in heard(paper, "tickets")[0]["tickets"][0]["error"]
    eventually(lambda: heard(paper, "frame") and newest(paper)["data"]["version"] == 1)
    assert newest(paper)["text"].startswith("Read as 7")


def test_bars_follow_the_training() -> None:
    train = datasets.digits()[0]
    model = nn.Linear(64, 10)
    trainer = it.Trainer(model, optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
    run = trainer.start(trainer.init(0), train, batch_size=64, epochs=200, pace=100)
    paper = DrawDigit(run)
    paper.example(0)
    say(paper, READY)

    def read() -> bool:
        for frame in heard(paper, "frame"):
            say(paper, {"kind": "ack", "sequence": frame["sequence"]})
        frames = heard(paper, "frame")
        return len(frames) > 3 and frames[-1]["data"]["best"] == 0

    eventually(read)
    shares = [frame["table"]["rows"][0][1] for frame in heard(paper, "frame")]
    assert len(set(shares)) > 1
    paper.close()
    run.close()


def test_a_convolution_net_gets_a_picture_with_a_channel() -> None:
    model = nn.init(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 10)), seed=0)
    model(np.zeros((1, 1, 8, 8), np.float32))  # kernels that are new to the machine take seconds
    paper = DrawDigit(model, (1, 8, 8))
    paper.example(1)
    say(paper, READY)
    eventually(lambda: heard(paper, "frame"))
    assert newest(paper)["trouble"] == ""
    paper.close()


def test_a_model_that_takes_other_pictures_is_said_on_the_page(state: Any) -> None:
    paper = DrawDigit(state, (10, 10))
    say(paper, READY)
    eventually(lambda: heard(paper, "frame"))
    assert "64 features" in newest(paper)["trouble"]
    paper.close()


@pytest.mark.parametrize("shape", [8, (8,), (2, 8, 8), (1, 8), (8, 1000), (8.0, 8), "88"], ids=str)
def test_a_shape_that_is_none_of_a_picture_is_refused(state: Any, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"DrawDigit: shape is \(rows, columns\)"):
        DrawDigit(state, shape)


def test_names_of_classes_are_as_many_as_the_classes(state: Any) -> None:
    paper = DrawDigit(state, classes=["zero", "one"])
    say(paper, READY)
    eventually(lambda: heard(paper, "frame"))
    assert "one name for each of the model's 10 classes" in newest(paper)["trouble"]
    paper.close()
