"""What may go wrong between a page and a run, in raw messages: the run goes on, none is lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.kernel.client import KernelClient
from tests.kernel.test_steering import START, Board

# What is left of widgets: threads, models, comms and the memory of dashboards.
COUNT = """
import threading, gc, ipywidgets
from ipykernel.comm import CommManager
def left():
    gc.collect()
    kernel = get_ipython().kernel
    names = [t.name for t in threading.enumerate()]
    return [
        sum("dashboard" in name or name.startswith("train ") for name in names),
        len(getattr(ipywidgets.widgets.widget, "_instances")),
        len(kernel.comm_manager.comms),
        sum(type(thing).__name__ == "Dashboard" for thing in gc.get_objects()),
    ]
"""


@pytest.fixture
def board(kernel: KernelClient) -> Board:
    """A run at 100 steps a second under a dashboard."""
    made = Board(kernel, "100", None)
    made.until("run.step", lambda step: step > 2)
    return made


def frames(board: Board, comm: str | None = None) -> list[dict[str, Any]]:
    """The whole pictures that were sent to a widget."""
    sent = board.kernel.published("comm_msg", comm or board.comm)
    data = [message["content"]["data"] for message in sent]
    contents = [d["content"] for d in data if d.get("method") == "custom"]
    return [content for content in contents if content["kind"] == "frame"]


def tickets(board: Board) -> list[dict[str, Any]]:
    sent = board.kernel.published("comm_msg", board.comm)
    data = [message["content"]["data"] for message in sent]
    contents = [d["content"] for d in data if d.get("method") == "custom"]
    return [t for content in contents if content["kind"] == "tickets" for t in content["tickets"]]


def wait_for_tickets(board: Board, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 10
    while len(found := tickets(board)) < count:
        assert time.monotonic() < deadline, f"only {len(found)} answers came"
        board.kernel.collect(0.05)
    return found


def wait_for_frame(board: Board, comm: str, step: int) -> None:
    deadline = time.monotonic() + 10
    while not [f for f in frames(board, comm) if f["run"]["step"] >= step]:
        assert time.monotonic() < deadline, "no picture came"
        board.kernel.collect(0.05)


def test_a_page_that_vanishes_stops_pictures_and_not_the_run(board: Board) -> None:
    board.kernel.collect(0.8)
    silent = len(frames(board))
    step = board.value("run.step")
    board.kernel.collect(0.5)
    assert len(frames(board)) == silent <= 3  # nobody acknowledges: nothing more is sent
    board.until("run.step", lambda now: now > step + 20)
    now = board.value("run.step")
    board.say(kind="ready", view="another", rate=10, columns=400)  # the page is there again
    wait_for_frame(board, board.comm, now)
    assert frames(board)[-1]["curves"][0]["total"] >= now


def test_a_comm_that_a_page_closed_is_left_and_the_run_can_be_shown_again(board: Board) -> None:
    board.kernel.send_comm(board.comm, {}, kind="comm_close")
    step = board.value("run.step")
    board.until("run.step", lambda now: now > step + 20)
    assert board.value("run.status") == "running"
    board.until("board.comm is None")
    shown = board.kernel.execute("again = Dashboard(run)\ndisplay(again)").displays[0]
    comm = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
    board.kernel.send_custom(comm, {"kind": "ready", "view": "n", "rate": 10, "columns": 400})
    wait_for_frame(board, comm, step)


def test_a_page_is_heard_though_another_pages_subshell_is_gone(kernel: KernelClient) -> None:
    board = Board(kernel, "100", kernel.create_subshell())
    board.until("run.step", lambda step: step > 2)
    passing = kernel.create_subshell()
    if passing is None:
        pytest.skip("this ipykernel has no subshells")
    kernel.send_comm("nobody", {"target_name": "jupyter.widget.control"}, subshell=passing)
    kernel.collect(0.3)
    kernel.delete_subshell(passing)
    board.say(kind="ready", view="v", rate=30, columns=400)
    kernel.collect(1.0)  # pictures leave meanwhile, and nothing else is handled
    board.command("adjust", name="lr", path="", value=5e-4, gesture="")
    assert wait_for_tickets(board, 1)[0]["error"] is None


def test_a_page_with_a_subshell_is_heard_while_a_cell_runs(kernel: KernelClient) -> None:
    subshell = kernel.create_subshell()
    if subshell is None:
        pytest.skip("this ipykernel has no subshells")
    board = Board(kernel, "100", subshell)
    board.until("run.step", lambda step: step > 2)
    busy = kernel.send_code("import time; time.sleep(4)")
    kernel.collect(0.3)
    board.command("adjust", name="lr", path="", value=5e-4, gesture="")
    begun = time.monotonic()
    assert wait_for_tickets(board, 1)[0]["error"] is None
    assert time.monotonic() - begun < 2
    kernel.wait_for(
        lambda m: (
            m["parent_header"].get("msg_id") == busy
            and m["msg_type"] == "status"
            and m["content"]["execution_state"] == "idle"
        )
    )


def test_two_dashboards_of_one_run_stay_in_step(board: Board) -> None:
    shown = board.kernel.execute("other = Dashboard(run)\ndisplay(other)").displays[0]
    comm = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
    board.kernel.send_custom(comm, {"kind": "ready", "view": "n", "rate": 10, "columns": 400})
    wait_for_frame(board, comm, 1)
    board.command("adjust", name="lr", path="", value=5e-4, gesture="")
    step = board.until("len(run.journal)") and board.value("run.journal[0].step")
    board.kernel.send_custom(comm, {"kind": "ready", "view": "n", "rate": 10, "columns": 400})
    wait_for_frame(board, comm, step + 1)
    board.until("other.lr", lambda rate: rate == 5e-4)
    knob = next(k for k in frames(board, comm)[-1]["knobs"] if k["key"] == "lr")
    assert knob["effective"] == 5e-4
    assert frames(board, comm)[-1]["journal"][0]["source"] == "dashboard"


def test_an_interrupt_ends_a_waiting_cell_and_neither_the_run_nor_its_dashboard(
    board: Board,
) -> None:
    waiting = board.kernel.send_code("run.wait()")
    board.kernel.collect(0.5)
    board.kernel.interrupt()
    board.kernel.wait_for(
        lambda m: m["parent_header"].get("msg_id") == waiting and m["msg_type"] == "error"
    )
    board.kernel.collect(0.3)
    board.kernel.interrupt()  # and once more with nothing to interrupt
    board.kernel.collect(0.3)
    step = board.value("run.step")
    board.until("run.step", lambda now: now > step + 20)
    board.command("adjust", name="lr", path="", value=5e-4, gesture="")
    board.until("len(run.journal)")
    assert board.value("run.status") == "running"


def test_a_command_after_the_end_is_answered_and_a_run_can_be_extended(board: Board) -> None:
    board.command("stop")
    board.until("run.status == 'stopped'")
    board.command("pause")
    board.command("adjust", name="lr", path="", value=5e-4, gesture="")
    board.until("run.setting('lr').effective(run.step + 1)", lambda rate: rate == 5e-4)
    board.command("extend", steps=30)
    board.until("run.status == 'finished'")
    answered = wait_for_tickets(board, 4)
    assert [t["id"] for t in answered] == ["c1", "c2", "c3", "c4"]
    assert "one that has ended" in answered[1]["error"]


def test_the_same_message_twice_is_applied_once(board: Board) -> None:
    for _ in range(2):
        board.say(kind="command", verb="note", id="same", text="once", pressed=1e3 * time.time())
    board.until("len(run.journal)")
    assert [t["id"] for t in wait_for_tickets(board, 2)] == ["same", "same"]
    assert board.value("[e.kind for e in run.journal]") == ["note"]


def test_two_hundred_commands_a_second_are_applied_in_order_and_none_is_lost(board: Board) -> None:
    count, begun = 600, time.monotonic()
    for i in range(count):
        board.command("adjust", name="lr", path="", value=1e-3 + 1e-6 * i, gesture="drag")
        time.sleep(max(0.0, begun + i / 200 - time.monotonic()))
    board.until("len(run.journal[0].values) if len(run.journal) else 0", lambda n: n == count)
    assert board.value("[round((v - 1e-3) / 1e-6) for _, v in run.journal[0].values]") == list(
        range(count)
    )
    answered = wait_for_tickets(board, count)
    assert [t["id"] for t in answered] == [f"c{i + 1}" for i in range(count)]
    assert not [t for t in answered if t["error"]]


def test_a_cell_that_runs_ten_times_leaves_nothing_behind(kernel: KernelClient) -> None:
    kernel.run(COUNT)

    def run_cell() -> None:
        shown = kernel.execute(
            START.replace("PACE", "100").replace("display(board)", "run"), cell="a"
        )
        assert shown.status == "ok", shown.error
        comm = shown.displays[0]["application/vnd.jupyter.widget-view+json"]["model_id"]
        kernel.send_custom(comm, {"kind": "ready", "view": "v", "rate": 10, "columns": 400})
        kernel.collect(0.2)

    run_cell()
    kernel.collect(1.0)
    first = json.loads(kernel.run("print(json.dumps(left()))"))
    for _ in range(9):
        run_cell()
    deadline = time.monotonic() + 10  # an old dashboard keeps its last picture, then it leaves
    while (last := json.loads(kernel.run("print(json.dumps(left()))"))) != first:
        assert time.monotonic() < deadline, (first, last)
        kernel.collect(0.2)
    assert first[0] == 2  # the run and its dashboard
    assert kernel.run("print([r.status for r in it.runs])") == (
        str(["stopped"] * 9 + ["running"]) + "\n"
    )
