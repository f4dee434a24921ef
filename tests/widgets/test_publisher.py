"""The publisher, turn by turn with a clock of our own, and once with its real thread."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest

from interactive_train.training.records import commands
from interactive_train.training.records.view import RunView
from interactive_train_widgets import messages
from interactive_train_widgets.describe import Head
from interactive_train_widgets.flow import HEARTBEAT, IN_FLIGHT
from interactive_train_widgets.frames import Buffers
from interactive_train_widgets.publisher import PAUSE_SETTLES, Publisher
from tests.widgets.fake_run import FakeRun

NUMBERS = itertools.count()


class Wire:
    """A port that writes down what was sent."""

    def __init__(self) -> None:
        self.sent: list[Head] = []
        self.kept: list[RunView] = []
        self.told: list[RunView] = []
        self.left = False

    def post(self, content: Head, buffers: Buffers) -> None:
        self.sent.append(content)

    def keep(self, view: RunView, head: Head, buffers: Buffers) -> None:
        self.kept.append(view)

    def tell(self, view: RunView) -> None:
        self.told.append(view)

    def select(self, step: int | None) -> None: ...

    def leave(self) -> None:
        self.left = True

    def kinds(self, kind: str) -> list[Head]:
        return [content for content in self.sent if content["kind"] == kind]


class Quiet(Publisher):
    """A publisher whose thread never starts."""

    def wake(self) -> None:
        pass


def make(run: FakeRun | None = None, **options: Any) -> tuple[FakeRun, Wire, Quiet]:
    run, wire = run or FakeRun(), Wire()
    return run, wire, Quiet(wire, [run], **options)


def ready(publisher: Publisher, view: str = "v", rate: float = 10) -> None:
    publisher.receive(messages.Ready(view, rate, 600))


def request(command: commands.Command, gesture: str = "") -> messages.Request:
    return messages.Request(f"id {next(NUMBERS)}", command, gesture, None)


def test_nothing_is_sent_before_the_browser_is_ready() -> None:
    run, wire, publisher = make()
    for now in range(100):
        run.run_to(now + 1)
        publisher.turn(float(now))
    assert wire.sent == []
    ready(publisher)
    publisher.turn(100.0)
    assert [content["kind"] for content in wire.sent] == ["frame"]


def test_steps_between_two_frames_are_coalesced_into_one() -> None:
    run, wire, publisher = make(FakeRun(last_step=None))
    ready(publisher)
    for tick in range(100):  # a second
        run.run_to(run.step + 7)
        publisher.turn(tick * 0.01)
        if wire.sent:
            publisher.receive(messages.Ack(wire.sent[-1]["sequence"]))
    assert 9 <= len(wire.kinds("frame")) <= 11
    assert wire.sent[-1]["run"]["step"] >= 630


def test_traits_are_told_twice_a_second_and_at_once_of_another_status() -> None:
    run, wire, publisher = make(FakeRun(last_step=None))
    ready(publisher)
    for tick in range(150):  # a second and a half
        run.run_to(run.step + 7)
        publisher.turn(tick * 0.01)
        if wire.kinds("frame"):
            publisher.receive(messages.Ack(wire.kinds("frame")[-1]["sequence"]))
    assert len(wire.kinds("frame")) > 10
    assert 3 <= len(wire.told) <= 4
    run.submit(commands.Pause())
    publisher.turn(1.6)
    assert wire.told[-1].status == "paused"


def test_without_acknowledgement_three_frames_leave_and_no_more() -> None:
    run, wire, publisher = make(FakeRun(last_step=None))
    ready(publisher)
    for tick in range(500):
        run.run_to(run.step + 1)
        publisher.turn(tick * 0.01)
    assert len(wire.kinds("frame")) == IN_FLIGHT


def test_nothing_is_sent_while_nothing_changes_but_a_heartbeat() -> None:
    run, wire, publisher = make(FakeRun().run_to(10))
    run.status = "paused"
    ready(publisher)
    for tick in range(int(HEARTBEAT * 10 * 3) + 2):
        publisher.turn(tick * 0.1)
        publisher.receive(messages.Ack(1))
    assert len(wire.kinds("frame")) == 1
    assert len(wire.kinds("beat")) == 3


def test_a_second_view_and_a_reload_get_a_whole_frame_at_once() -> None:
    _run, wire, publisher = make(FakeRun().run_to(50))
    ready(publisher)
    publisher.turn(0.0)
    publisher.turn(0.2)
    assert len(wire.sent) == 1
    ready(publisher, "second")
    publisher.turn(0.21)
    assert len(wire.sent) == 2
    assert [c["total"] for c in wire.sent[1]["curves"] if c["kind"] == "loss"] == [50]


def test_a_command_is_submitted_at_once_and_its_receipt_does_not_wait_for_a_frame() -> None:
    run, wire, publisher = make(FakeRun().run_to(10))
    ready(publisher)
    publisher.turn(0.0)
    publisher.receive(
        messages.Request("abc", commands.Adjust("weight_decay", 0.5), "", time.time() - 0.25)
    )
    assert run.view().knobs[2].effective == 0.5
    publisher.turn(0.001)
    (receipt,) = wire.sent[-1]["tickets"]
    assert (receipt["id"], receipt["step"], receipt["new"]) == ("abc", 10, "0.5")
    assert wire.sent[-1]["knobs"][1]["effective"] == 0.5
    assert 0.2 < publisher.latencies[0] < 5


def test_a_refused_command_comes_back_with_its_reason() -> None:
    _run, wire, publisher = make(FakeRun().run_to(10))
    publisher.receive(request(commands.Adjust("weight_decay", -1.0)))
    publisher.receive(request(commands.Adjust("weight_dekay", 1.0)))
    publisher.turn(0.0)
    errors = [ticket["error"] for ticket in wire.sent[-1]["tickets"]]
    assert "got -1" in errors[0]
    assert "weight_dekay" in errors[1]
    assert publisher.latencies == []


def test_a_source_that_raises_at_the_door_is_answered_too() -> None:
    run, wire, publisher = make()

    def slam(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("closed")

    run.submit = slam  # type: ignore[assignment]
    publisher.receive(request(commands.Pause()))
    publisher.turn(0.0)
    assert wire.sent[-1]["tickets"][0]["error"] == "closed"


def test_the_values_of_one_drag_are_one_row_of_the_journal() -> None:
    run, _, publisher = make(FakeRun(scheduled=False).run_to(5))
    for value in (0.01, 0.02, 0.03):
        publisher.receive(request(commands.Adjust("lr", value), "drag"))
    (entry,) = run.view().journal
    assert [value for _, value in entry.values] == [0.01, 0.02, 0.03]


def test_a_picture_is_kept_at_the_end_and_after_a_settled_pause_only() -> None:
    run, wire, publisher = make(FakeRun(last_step=100).run_to(50))
    run.status = "paused"
    publisher.turn(0.0)
    publisher.turn(PAUSE_SETTLES / 2)
    assert wire.kept == []
    publisher.turn(PAUSE_SETTLES + 0.1)
    publisher.turn(PAUSE_SETTLES + 0.2)
    assert [view.step for view in wire.kept] == [50]
    run.run_to(100)
    publisher.turn(5.0)
    publisher.turn(6.0)
    assert [view.step for view in wire.kept] == [50, 100]


def test_it_is_done_when_the_run_has_ended_and_the_last_frame_arrived() -> None:
    run, wire, publisher = make(FakeRun(last_step=100))
    ready(publisher)
    run.run_to(100)
    assert publisher.turn(0.0) is not None
    publisher.receive(messages.Ack(wire.kinds("frame")[-1]["sequence"]))
    assert publisher.turn(0.2) is None


def test_a_closed_publisher_sends_nothing_more() -> None:
    _run, wire, publisher = make(FakeRun().run_to(5))
    publisher.close()
    ready(publisher)
    publisher.turn(0.0)
    assert wire.sent == []


@pytest.fixture
def threads() -> Any:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) - before == set()


@pytest.mark.usefixtures("threads")
def test_the_thread_starts_with_ready_and_leaves_when_the_run_is_over() -> None:
    run, wire = FakeRun(pace=400, last_step=120), Wire()
    publisher = Publisher(wire, [run])
    run.start()
    assert not publisher.alive
    ready(publisher, rate=30)
    deadline = time.monotonic() + 5
    while publisher.alive and time.monotonic() < deadline:
        frames = wire.kinds("frame")
        if frames:
            publisher.receive(messages.Ack(frames[-1]["sequence"]))
        time.sleep(0.01)
    assert not publisher.alive or run.status == "finished"
    publisher.close()
    run.join()
    assert wire.kinds("frame")[-1]["run"]["status"] == "finished"
    assert 0 < publisher.cpu_seconds < 2


@pytest.mark.usefixtures("threads")
def test_a_receipt_arrives_within_a_tenth_of_a_second_from_a_running_thread() -> None:
    run, wire = FakeRun(pace=200, last_step=None).start(), Wire()
    publisher = Publisher(wire, [run])
    ready(publisher, rate=2)
    time.sleep(0.1)
    delays = []
    for number in range(5):
        start = time.monotonic()
        publisher.receive(request(commands.Adjust("weight_decay", 0.1 + number / 10)))
        while len(wire.kinds("tickets")) <= number and time.monotonic() < start + 2:
            time.sleep(0.001)
        delays.append(time.monotonic() - start)
    publisher.close()
    run.join()
    assert sorted(delays)[2] < 0.1


@pytest.mark.usefixtures("threads")
def test_a_source_that_breaks_is_reported_on_the_page_and_asked_again_by_the_next_message() -> None:
    run, wire = FakeRun().run_to(5), Wire()
    publisher = Publisher(wire, [run])
    whole = run.view
    run.view = lambda: 1 / 0  # type: ignore[assignment,return-value]
    ready(publisher)
    while publisher.alive:
        time.sleep(0.01)
    assert "division by zero" in wire.kinds("trouble")[0]["error"]
    run.view = whole  # type: ignore[method-assign]
    ready(publisher)
    while not wire.kinds("frame"):
        time.sleep(0.01)
    publisher.close()


@pytest.mark.usefixtures("threads")
def test_closing_in_mid_run_leaves_no_thread() -> None:
    run = FakeRun(pace=200, last_step=None).start()
    publisher = Publisher(Wire(), [run])
    ready(publisher)
    assert publisher.alive
    publisher.close()
    assert not publisher.alive
    run.join()


def test_a_zoomed_view_gets_its_window_though_the_run_rests() -> None:
    run = FakeRun(last_step=3000).run_to(2000)
    run.submit(commands.Pause())
    _, wire, publisher = make(run)
    ready(publisher)
    publisher.turn(0.0)
    publisher.receive(messages.Ack(1))
    publisher.receive(messages.Adapt("v", 10, 600, window=(100.0, 200.0)))
    publisher.turn(1.0)
    frame = wire.kinds("frame")[-1]
    assert (frame["sequence"], frame["windows"]) == (2, [[100.0, 200.0]])
    publisher.turn(2.0)
    assert len(wire.kinds("frame")) == 2


def dear(run: FakeRun) -> tuple[Wire, Quiet]:
    """A page in front of a run, whose frames take a tenth of a second each; one was just sent."""
    _, wire, publisher = make(run, slowest=4.0)
    ready(publisher)
    publisher.turn(0.0)
    for _ in range(50):
        publisher.flow.spent(0.1)
    return wire, publisher


def seconds_until(wire: Wire, publisher: Quiet, step: int, now: float, run: FakeRun) -> float:
    """Take turns when the publisher wants them, until a frame is of a step; a run that runs goes on
    by one step in each.
    """
    begun = now
    while wire.kinds("frame")[-1]["run"]["step"] < step:
        publisher.receive(messages.Ack(wire.kinds("frame")[-1]["sequence"]))
        pause = publisher.turn(now)
        assert pause is not None
        now += max(pause, 1e-3)
        if run.status == "running":
            run.step_once()
    return now - begun


def test_a_single_step_of_a_paused_run_is_drawn_at_once_though_frames_are_dear() -> None:
    run = FakeRun(last_step=None).run_to(10)
    run.submit(commands.Pause())
    wire, publisher = dear(run)
    for number, now in enumerate((0.5, 1.0, 5.0)):
        publisher.receive(request(commands.Advance(1)))
        assert run.view().status == "running"
        assert seconds_until(wire, publisher, 11 + number, now, run) < 0.3
        assert run.status == "paused"


def test_a_pause_is_drawn_at_once_though_frames_are_dear() -> None:
    run = FakeRun(last_step=None).run_to(10)
    wire, publisher = dear(run)
    run.run_to(20)
    publisher.turn(0.3)
    assert len(wire.kinds("frame")) == 1
    run.submit(commands.Pause())
    assert seconds_until(wire, publisher, 20, 0.4, run) <= 0.3


def test_while_any_of_its_runs_trains_dear_frames_keep_their_distance() -> None:
    run, other = FakeRun(last_step=None).run_to(10), FakeRun(last_step=None).run_to(10)
    run.submit(commands.Pause())
    wire = Wire()
    publisher = Quiet(wire, [run, other], slowest=4.0)
    ready(publisher)
    publisher.turn(0.0)
    for _ in range(50):
        publisher.flow.spent(0.1)
    for tick in range(39):
        run.run_to(run.step + 1)
        run.submit(commands.Pause())
        publisher.turn(tick * 0.1)
    assert len(wire.kinds("frame")) == 1
    other.submit(commands.Pause())
    publisher.turn(3.95)
    publisher.turn(3.96)
    assert len(wire.kinds("frame")) == 2


def test_rows_are_answered_under_their_name() -> None:
    _, wire, publisher = make(FakeRun().run_to(30))
    publisher.receive(messages.Rows("mine"))
    publisher.turn(0.0)
    (answer,) = wire.kinds("rows")
    assert (answer["id"], answer["curves"][0]["count"]) == ("mine", 30)


def test_a_message_that_comes_twice_is_applied_once_and_answered_twice() -> None:
    run, wire, publisher = make(FakeRun().run_to(10))
    ready(publisher)
    again = request(commands.Note("once"))
    publisher.receive(again)
    publisher.turn(0.0)
    publisher.receive(again)
    publisher.turn(1.0)
    assert len(run.journal) == 1
    first, second = (head["tickets"][0] for head in wire.kinds("tickets"))
    assert first == second
    assert first["error"] is None
