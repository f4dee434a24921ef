"""The promise at message level, without a browser, on both ipykernels: a dashboard's own messages.

A fit runs in the background of the kernel; the messages are those that the page sends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kernel.client import KernelClient, Message

START = """
import json
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train_widgets import Dashboard

rng = np.random.default_rng(0)
x = rng.standard_normal((256, 8)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Dropout(0.1), nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(schedules.constant(1e-3)), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(seed=0), (x, y), batch_size=32, shuffle=0, pace=PACE, name="test")
board = Dashboard(run)
display(board)
"""


class Board:
    """A dashboard in a kernel, spoken to as its page does."""

    def __init__(self, kernel: KernelClient, pace: str, subshell: str | None) -> None:
        self.kernel, self.subshell = kernel, subshell
        execution = kernel.execute(START.replace("PACE", pace))
        assert execution.status == "ok", execution.error
        view = execution.displays[0]["application/vnd.jupyter.widget-view+json"]
        self.comm: str = view["model_id"]
        self.sent = 0
        self.say(kind="ready", view="v", rate=10, columns=400)

    def say(self, **content: Any) -> None:
        """Send one message of the page."""
        self.kernel.send_custom(self.comm, content, subshell=self.subshell)

    def command(self, verb: str, **fields: Any) -> None:
        """Send a command as a press of a control does."""
        self.sent += 1
        pressed = 1000 * time.time()
        self.say(kind="command", verb=verb, id=f"c{self.sent}", pressed=pressed, **fields)

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the kernel."""
        return json.loads(self.kernel.run(f"print(json.dumps({expression}))"))

    def until(self, expression: str, holds: Callable[[Any], bool] = bool) -> Any:
        """Ask until it holds."""
        deadline = time.monotonic() + 15
        while not holds(found := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression} was still {found!r}"
        return found


@pytest.fixture(params=["main shell", "subshell"])
def board(kernel: KernelClient, request: pytest.FixtureRequest) -> Board:
    """A run at 50 steps a second under a dashboard, with and without a subshell."""
    subshell = (kernel.create_subshell() or "a subshell") if request.param == "subshell" else None
    made = Board(kernel, "50", subshell)
    made.until("run.step", lambda step: step > 2)
    return made


def test_a_slider_message_changes_the_rate_from_the_step_of_its_ticket(board: Board) -> None:
    board.command("adjust", name="lr", path="", value=2e-4, gesture="g1")
    board.until("len(run.journal)")
    step = board.value("run.journal[0].step")
    board.until("run.step", lambda now: now > step + 5)
    steps, rates = board.value("[a.tolist() for a in run.series('lr')]")
    assert all(rate == (2e-4 if at > step else 1e-3) for at, rate in zip(steps, rates, strict=True))
    assert board.value("run.journal[0].source") == "dashboard"
    assert board.until("len(board.latencies)") == 1


def test_curves_are_sent_while_it_trains_and_wait_for_the_page(board: Board) -> None:
    def frames() -> list[Message]:
        sent = board.kernel.published("comm_msg", board.comm)
        return [m for m in sent if m["content"]["data"].get("method") == "custom"]

    board.kernel.collect(1.0)
    unacknowledged = len(frames())
    assert 1 <= unacknowledged <= 3
    last = frames()[-1]["content"]["data"]["content"]
    board.say(kind="ack", sequence=last["sequence"])
    board.kernel.collect(0.5)
    assert len(frames()) > unacknowledged


def test_freezing_leaves_weights_bit_identical_and_thawing_moves_them(board: Board) -> None:
    board.command("freeze", path="layers.0")
    board.until("'layers.0.weight' in run.state.controls['frozen']")
    board.kernel.run("kept = run.state.model; step = run.step")
    board.until("run.step - step", lambda steps: steps >= 5)
    pairs = "zip(it.trainables(kept), it.trainables(run.state.model))"
    same = f"[bool((a == b).all()) for a, b in {pairs}]"
    assert board.value(same) == [True, True, False, False]
    board.command("thaw", path="layers.0")
    board.until("run.state.controls['frozen'] == []")
    board.kernel.run("step = run.step")
    board.until("run.step - step", lambda steps: steps >= 5)
    assert board.value(same) == [False] * 4


def test_pause_stops_the_counter_and_resume_goes_on(board: Board) -> None:
    board.command("pause")
    board.until("run.status == 'paused'")
    step = board.value("run.step")
    time.sleep(0.3)
    assert board.value("run.step") == step
    board.command("advance", steps=3)
    board.until("run.step", lambda now: now == step + 3)
    board.until("run.status == 'paused'")
    board.command("resume")
    board.until("run.step", lambda now: now > step + 10)


def test_nonsense_changes_nothing_and_kills_nothing(board: Board) -> None:
    board.command("adjust", name="lrr", path="", value=1.0)
    board.command("adjust", name="lr", path="", value=-1.0)
    board.command("explode")
    board.say(kind="command")
    board.say(nothing=1)
    step = board.value("run.step")
    board.until("run.step", lambda now: now > step + 5)
    assert board.value("[len(run.journal), run.status, run.setting('lr').effective(1)]") == [
        0,
        "running",
        1e-3,
    ]


def test_a_program_without_a_person_waits_for_the_end(kernel: KernelClient) -> None:
    code = START.replace("PACE", "1").replace("batch_size=32", "batch_size=32, epochs=2")
    execution = kernel.execute(code + "\nprint(run.status, run.step)", allow_stdin=False)
    assert execution.status == "ok", execution.error
    assert execution.stdout.endswith("finished 16\n")
