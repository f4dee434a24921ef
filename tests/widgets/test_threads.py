"""Who writes to a widget and when, and what is left behind when it is closed: nothing."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest

import interactive_train_widgets as widgets
from interactive_train_widgets import messages, publisher
from tests.widgets.fake_run import FakeRun
from tests.widgets.test_publisher import Wire, make, ready
from tests.widgets.test_widgets import READY, eventually, fake_comm, heard, say

__all__ = ["fake_comm"]  # a fixture, for every test of this file


def test_closing_waits_for_a_thread_that_is_about_to_end() -> None:
    class Lingering(publisher.Publisher):
        def _run(self) -> None:
            super()._run()
            time.sleep(0.2)

    lingering = Lingering(Wire(), [FakeRun(last_step=5).run_to(5)])
    lingering.wake()
    eventually(lambda: not lingering.alive)
    lingering.close()
    assert "interactive-train dashboard" not in {t.name for t in threading.enumerate()}


def test_a_port_that_breaks_ends_the_thread_but_not_the_publisher() -> None:
    class Torn(Wire):
        torn = True

        def post(self, content: Any, buffers: Any) -> None:
            if self.torn:
                raise OSError("the socket is closed")
            super().post(content, buffers)

    wire = Torn()
    mine = publisher.Publisher(wire, [FakeRun().run_to(5)])
    reported: list[Any] = []
    hook, threading.excepthook = threading.excepthook, reported.append
    try:
        mine.receive(messages.Ready("v", 10, 600))
        eventually(lambda: not mine.alive)
    finally:
        threading.excepthook = hook
    assert "socket" in str(reported[0].exc_value)
    wire.torn = False
    mine.receive(messages.Ready("v", 10, 600))
    eventually(lambda: wire.kinds("frame"))
    mine.close()


def test_an_answer_is_not_lost_when_the_run_cannot_be_looked_at() -> None:
    run, wire, mine = make(FakeRun().run_to(5))
    ready(mine)
    mine.refuse("a", ValueError("no"))
    whole = run.view
    run.view = lambda: 1 / 0  # type: ignore[assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        mine.turn(0.0)
    run.view = whole  # type: ignore[method-assign]
    mine.turn(1.0)
    assert wire.kinds("tickets")[0]["tickets"][0]["id"] == "a"


def test_an_observer_of_everything_that_raises_spoils_no_saved_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    run = FakeRun(last_step=50).run_to(50)
    board = widgets.Dashboard(run)

    def explode(_: Any) -> None:
        raise RuntimeError("my own fault")

    board.observe(explode)
    say(board, READY)
    eventually(lambda: heard(board, "frame"))
    say(board, {"kind": "ack", "sequence": 1})
    eventually(lambda: not board._publisher.alive)
    assert board.saved[:4] == b"ITW1"
    assert heard(board, "trouble") == []
    assert [str(args.exc_value) for args in reported] == ["my own fault"]
    board.unobserve(explode)


def test_what_a_page_selects_is_written_by_the_publishers_thread_alone() -> None:
    board = widgets.LossCurve(FakeRun().run_to(10))
    threads: list[str] = []
    board.observe(lambda _: threads.append(threading.current_thread().name), "selected_step")
    message = {"method": "update", "state": {"selected_step": 7}, "buffer_paths": []}
    board._handle_msg({"content": {"data": message}, "buffers": []})
    eventually(lambda: board.selected_step == 7)
    eventually(lambda: threads == ["interactive-train dashboard"])


@pytest.mark.parametrize(
    "state", [{"selected_step": "x"}, {"selected_step": -1}, {"_esm": "alert(1)"}]
)
def test_a_page_that_writes_nonsense_to_traits_is_answered(state: dict[str, Any]) -> None:
    board = widgets.LossCurve(FakeRun().run_to(10))
    script = board._esm
    say(board, READY)
    message = {"method": "update", "state": state, "buffer_paths": []}
    board._handle_msg({"content": {"data": message}, "buffers": []})
    eventually(lambda: heard(board, "tickets"))
    assert heard(board, "tickets")[0]["tickets"][0]["error"]
    assert (board.selected_step, board._esm) == (None, script)


def test_traits_set_by_a_person_never_meet_those_of_the_publisher() -> None:
    run = FakeRun(last_step=None).run_to(10)
    board = widgets.LossCurve(run)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    failures: list[Exception] = []

    def tell() -> None:
        try:
            for _ in range(300):
                run.step_once()
                board.tell(run.view())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=tell)
    try:
        thread.start()
        since, count = len(board.comm.log), 0
        while thread.is_alive():
            count += 1
            board.selected_step = count
    finally:
        thread.join()
        sys.setswitchinterval(interval)
    assert failures == []
    log = [d["state"] for _, d, _ in board.comm.log[since:] if d.get("method") == "update"]
    assert sum("selected_step" in state for state in log) == count  # none is lost
    assert all("selected_step" not in state or len(state) == 1 for state in log)
