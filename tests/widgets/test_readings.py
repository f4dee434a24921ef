"""The traits of a widget: what they say, how seldom they are sent, and who may set them."""

from __future__ import annotations

import threading
import time
from typing import Any

import ipywidgets
import pytest
import traitlets

import interactive_train_widgets as widgets
from interactive_train.training.records import commands
from interactive_train_widgets.publisher import TELL
from tests.widgets.fake_run import FakeRun
from tests.widgets.test_widgets import PANELS, READY, eventually, fake_comm, heard, say

__all__ = ["fake_comm"]  # a fixture, for every test of this file


def updates(widget: Any, since: int = 0) -> list[dict[str, Any]]:
    log = [data for _, data, _ in widget.comm.log[since:]]
    return [data["state"] for data in log if data.get("method") == "update"]


@pytest.mark.parametrize("kind", PANELS)
def test_every_component_says_how_its_run_stands_as_soon_as_it_is_there(kind: Any) -> None:
    run = FakeRun().run_to(44)
    panel = kind(run)
    view = run.view()
    assert (panel.step, panel.epoch, panel.status) == (44, 3, "running")
    assert panel.loss == view.loss
    assert panel.lr == next(k.effective for k in view.knobs if k.description.name == "lr")
    assert panel.metrics == {m.name: m.values[-1] for m in view.metrics}


def test_readings_follow_slowly_and_together() -> None:
    run = FakeRun(pace=300, last_step=None).start()
    board = widgets.Dashboard(run)
    since = len(board.comm.log)
    say(board, READY | {"rate": 30})
    begun = time.monotonic()
    for _ in range(40):
        time.sleep(0.03)
        if frames := heard(board, "frame"):
            say(board, {"kind": "ack", "sequence": frames[-1]["sequence"]})
    sent = updates(board, since)
    assert 1 <= len(sent) <= 2 + (time.monotonic() - begun) / TELL
    assert {"step", "loss"} <= set(sent[0])  # one message for all of them
    run.join()
    eventually(lambda: board.status == "stopped")
    assert board.step == run.step


def test_an_observer_hears_of_a_run_that_no_page_shows_up_to_its_end() -> None:
    run = FakeRun(last_step=60, pace=200)
    curve = widgets.LossCurve(run)
    seen: list[int] = []
    threads: set[str] = set()

    def hear(change: Any) -> None:
        seen.append(change["new"])
        threads.add(threading.current_thread().name)

    curve.observe(hear, "step")
    run.start()
    eventually(lambda: curve.status == "finished")
    assert seen[-1] == 60
    assert seen == sorted(seen)
    assert threads == {"interactive-train dashboard"}
    eventually(lambda: not curve._publisher.alive)  # nothing is left behind a finished run


def test_a_link_keeps_a_users_own_widget_in_step() -> None:
    run = FakeRun(pace=200, last_step=None).start()
    board, bar = widgets.RunControls(run), ipywidgets.IntProgress(max=10**6)
    traitlets.dlink((board, "step"), (bar, "value"))
    eventually(lambda: bar.value > 20)
    run.join()


def test_readings_cannot_be_set_by_hand_nor_by_a_page() -> None:
    board = widgets.Dashboard(FakeRun().run_to(10))
    with pytest.raises(traitlets.TraitError, match="read-only"):
        board.step = 3
    message = {"method": "update", "state": {"step": 3}, "buffer_paths": []}
    say(board, READY)
    board._handle_msg({"content": {"data": message}, "buffers": []})
    assert board.step == 10
    eventually(lambda: heard(board, "tickets"))
    assert "cannot set this trait; got 'step'" in heard(board, "tickets")[0]["tickets"][0]["error"]


def test_a_step_is_selected_from_either_side_and_nonsense_is_refused() -> None:
    board = widgets.LossCurve(FakeRun().run_to(10))
    message = {"method": "update", "state": {"selected_step": 7}, "buffer_paths": []}
    since = len(board.comm.log)
    board._handle_msg({"content": {"data": message}, "buffers": []})
    eventually(lambda: board.selected_step == 7)
    assert updates(board, since) == []  # what a page says is not said back to it
    board.selected_step = 4
    assert updates(board, since) == [{"selected_step": 4}]
    wrong: Any
    for wrong in (-1, 2.5, "x"):
        with pytest.raises(traitlets.TraitError):
            board.selected_step = wrong


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_observer_that_raises_is_reported_once_and_nothing_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    run = FakeRun(pace=200, last_step=None).start()
    board = widgets.Dashboard(run)

    def explode(_: Any) -> None:
        raise RuntimeError("my own fault")

    board.observe(explode, "step")
    say(board, READY)
    eventually(lambda: board.step > 150, 5.0)
    assert [str(args.exc_value) for args in reported] == ["my own fault"]
    assert board.lr is not None
    assert heard(board, "frame")
    assert run.status == "running"
    run.submit(commands.Pause())
    eventually(lambda: board.status == "paused")
    run.join()
