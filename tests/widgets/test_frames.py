"""Frames: plain JSON and two buffers that hold exactly the decimated curves."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from interactive_train.training.records import commands
from interactive_train_widgets.describe import JOURNAL_ROWS, describe_knob, signature
from interactive_train_widgets.frames import Composer, freeze_frame
from tests.widgets.fake_run import FakeRun


def curve(head: dict[str, Any], kind: str, name: str = "", run: int = 0) -> dict[str, Any]:
    return next(c for c in head["curves"] if (c["kind"], c["name"], c["run"]) == (kind, name, run))


def arrays(about: dict[str, Any], buffers: list[memoryview]) -> tuple[Any, ...]:
    count, at, first = about["count"], about["at"], about["values"]
    steps = np.frombuffer(buffers[0], "<f8")[at : at + count]
    rows = 3 if about["size"] > 1 else 1
    values = np.frombuffer(buffers[1], "<f4")[first : first + rows * count]
    return (steps, *values.reshape(rows, count))


def test_a_head_is_strict_json_even_of_a_run_without_a_loss() -> None:
    run = FakeRun()
    head, _ = Composer([run], False).frame(run.view(), 600)
    text = json.dumps(head, allow_nan=False)
    assert json.loads(text)["run"]["loss"] is None


def test_a_short_curve_is_sent_point_by_point() -> None:
    run = FakeRun().run_to(300)
    head, buffers = Composer([run], False).frame(run.view(), 600)
    steps, mean = arrays(curve(head, "loss"), buffers)
    expected_steps, expected = run.series("loss")
    np.testing.assert_array_equal(steps, expected_steps)
    np.testing.assert_array_equal(mean, expected.astype(np.float32))


def test_a_long_curve_is_sent_as_mean_minimum_and_maximum_of_buckets() -> None:
    run = FakeRun(last_step=3000).run_to(1000)
    head, buffers = Composer([run], False).frame(run.view(), 300)
    about = curve(head, "loss")
    _, mean, low, high = arrays(about, buffers)
    assert about["size"] == 4
    parts = run.series("loss")[1].reshape(-1, 4)
    np.testing.assert_allclose(mean, parts.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(low, parts.min(axis=1).astype(np.float32))
    np.testing.assert_array_equal(high, parts.max(axis=1).astype(np.float32))


def test_every_frame_is_whole_however_many_came_before() -> None:
    run = FakeRun(last_step=3000)
    composer = Composer([run], False)
    for step in (10, 200, 900):
        run.run_to(step)
        head, _ = composer.frame(run.view(), 2000)
        assert curve(head, "loss")["total"] == step
        fresh, _ = Composer([run], False).frame(run.view(), 2000)
        assert curve(fresh, "loss")["count"] == curve(head, "loss")["count"]


def test_the_plan_starts_behind_the_present_step_and_reaches_the_end() -> None:
    run = FakeRun(last_step=2000).run_to(500)
    head, buffers = Composer([run], False).frame(run.view(), 600)
    steps, values = arrays(curve(head, "plan"), buffers)
    assert (steps[0], steps[-1]) == (501, 2000)
    np.testing.assert_allclose(values, run.course("lr", steps.astype(int).tolist()), rtol=1e-6)


def test_the_plan_is_asked_again_after_a_change() -> None:
    run = FakeRun(last_step=2000).run_to(500)
    composer = Composer([run], False)
    composer.frame(run.view(), 600)
    run.submit(commands.Adjust("lr", 0.004))
    head, buffers = composer.frame(run.view(), 600)
    _, values = arrays(curve(head, "plan"), buffers)
    np.testing.assert_allclose(values, 0.004, rtol=1e-6)


def test_a_run_that_went_back_in_time_is_drawn_anew() -> None:
    run = FakeRun(last_step=3000).run_to(500)
    composer = Composer([run], False)
    composer.frame(run.view(), 600)
    run.step = 100
    composer.frame(run.view(), 600)
    run.run_to(200)
    head, buffers = composer.frame(run.view(), 600)
    steps, mean = arrays(curve(head, "loss"), buffers)
    assert steps[-1] == 200
    np.testing.assert_array_equal(mean, run.series("loss")[1].astype(np.float32))


def test_several_runs_stand_in_one_frame_under_their_names() -> None:
    first, second = FakeRun("a").run_to(50), FakeRun("b").run_to(80)
    head, _ = Composer([first, second], False).frame(first.view(), 600)
    assert head["runs"] == ["a", "b"]
    assert curve(head, "loss", run=1)["total"] == 80


def test_a_frame_carries_the_newest_entries_only_and_says_how_many_there_are() -> None:
    run = FakeRun().run_to(10)
    for number in range(JOURNAL_ROWS + 5):
        run.submit(commands.Note(f"note {number}"))
    head = Composer([run], False).head(run.view())
    assert (len(head["journal"]), head["entries"]) == (JOURNAL_ROWS, JOURNAL_ROWS + 5)


def test_an_open_interval_is_described_without_infinity() -> None:
    knob = describe_knob(FakeRun().view().knobs[1])
    assert (knob["low"], knob["high"], knob["log"]) == (0.0, None, True)


def test_the_signature_notices_what_a_person_would() -> None:
    run = FakeRun().run_to(10)
    before = signature(run.view())
    assert signature(run.view()) == before
    for command in (
        commands.Adjust("lr", 0.5),
        commands.Freeze("layers.0"),
        commands.SetPace(5),
        commands.Note("x"),
        commands.Undo(),
    ):
        run.submit(command)
        after = signature(run.view())
        assert after != before
        before = after


def test_a_frozen_frame_holds_head_and_buffers_behind_a_magic_word() -> None:
    run = FakeRun().run_to(700)
    head, buffers = Composer([run], False).frame(run.view(), 1000)
    data = freeze_frame(head, buffers)
    size, first = struct.unpack_from("<II", data, 4)
    assert data[:4] == b"ITW1"
    assert json.loads(data[12 : 12 + size])["run"]["step"] == 700
    assert (12 + size) % 8 == 0
    assert data[12 + size : 12 + size + first] == bytes(buffers[0])
    assert len(data) < 60_000


@pytest.mark.parametrize("columns", [2, 50, 2000])
def test_a_run_without_points_makes_a_frame_too(columns: int) -> None:
    run = FakeRun()
    head, buffers = Composer([run], False).frame(run.view(), columns)
    assert curve(head, "loss")["count"] == 0
    assert len(buffers) == 2
