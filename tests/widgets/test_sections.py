"""Sections: looked at only while somebody wants them, rarely, and beside the publisher."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.records.view import RunView
from interactive_train.training.views.statistics import Statistics
from interactive_train_widgets import messages
from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers
from interactive_train_widgets.publisher import Publisher
from interactive_train_widgets.sections import (
    AFTER_PRESS,
    FIRST,
    LONGEST,
    SHARE,
    SHORTEST,
    Sections,
    describe_statistics,
)
from tests.training.common import problem, until
from tests.widgets.fake_run import FakeRun

LAYERS = frozenset({"layers"})


class Looked(FakeRun):
    """A run that counts how often it is looked at."""

    def __init__(self, cost: float = 0.0) -> None:
        super().__init__()
        self.looks, self.cost, self.error = 0, cost, ""

    def statistics(self) -> Statistics:
        self.looks += 1
        if self.error:
            raise ValueError(self.error)
        end = time.thread_time() + self.cost
        while time.thread_time() < end:
            pass
        return Statistics(self.step, 0.5, {}, {})


def settled(sections: Sections, run: FakeRun, now: float, wanted: Any = LAYERS) -> list[Any]:
    """Take a turn, let the look end, take another."""
    first = sections.turn(wanted, run.view(), now)
    if sections._thread is not None:
        sections._thread.join(5)
    return first + sections.turn(wanted, run.view(), now)


def test_nothing_is_computed_before_somebody_wants_it() -> None:
    run = Looked().run_to(3)
    sections = Sections(run, lambda: None)
    assert settled(sections, run, 0.0, frozenset()) == []
    assert (run.looks, sections.busy) == (0, False)
    [message] = settled(sections, run, 0.0)
    assert (message["kind"], message["name"], message["step"]) == ("section", "layers", 3)
    assert (run.looks, sections.busy) == (1, False)


def test_a_look_is_sent_once_and_again_to_who_comes_back() -> None:
    run = Looked().run_to(3)
    sections = Sections(run, lambda: None)
    assert len(settled(sections, run, 0.0)) == 1
    assert settled(sections, run, 0.1) == []
    sections.again()
    assert len(settled(sections, run, 0.2)) == 1
    assert run.looks == 1


def test_a_run_that_moves_is_looked_at_by_what_it_costs() -> None:
    run, spent = Looked(cost=0.03).run_to(3), 0.0
    sections = Sections(run, lambda: None, lambda: spent)
    settled(sections, run, 0.0)
    run.step_once()
    assert settled(sections, run, FIRST - 0.1) == []
    assert len(settled(sections, run, FIRST)) == 1
    run.step_once()
    spent = 0.5 * 0.03 / SHARE
    assert settled(sections, run, FIRST + 10) == []
    spent = 4 * 0.03 / SHARE  # what the process computes pays for looks at it
    assert settled(sections, run, FIRST + 0.9 * SHORTEST) == []
    assert len(settled(sections, run, FIRST + SHORTEST)) == 1
    run.step_once()
    assert settled(sections, run, 20.0) == []
    assert len(settled(sections, run, FIRST + SHORTEST + LONGEST)) == 1


def test_no_look_begins_while_a_person_drags() -> None:
    run = Looked().run_to(3)
    sections = Sections(run, lambda: None)
    sections.pressed(5.0)
    assert settled(sections, run, 5.0 + 0.9 * AFTER_PRESS) == []
    sections.pressed(5.0 + AFTER_PRESS)
    assert settled(sections, run, 5.0 + 1.5 * AFTER_PRESS) == []
    run.status = "paused"  # nobody is disturbed: a single step is shown at once
    assert len(settled(sections, run, 5.0 + 1.5 * AFTER_PRESS)) == 1


def test_a_resting_run_is_looked_at_when_something_changed() -> None:
    run = Looked(cost=0.05).run_to(3)
    run.status = "paused"
    sections = Sections(run, lambda: None)
    settled(sections, run, 0.0)
    assert settled(sections, run, 100.0) == []
    run.step_once()
    assert len(settled(sections, run, 100.5)) == 1


def test_the_look_is_taken_on_a_thread_of_its_own_that_ends() -> None:
    run, woken = Looked().run_to(3), threading.Event()
    sections = Sections(run, woken.set)
    before = threading.active_count()
    sections.turn(LAYERS, run.view(), 0.0)
    assert woken.wait(5)
    assert sections._thread is not None
    sections._thread.join(5)
    assert threading.active_count() == before


def test_a_look_that_fails_is_said_and_the_next_one_tries_again() -> None:
    run = Looked().run_to(3)
    run.error = "no batch"
    sections = Sections(run, lambda: None)
    assert settled(sections, run, 0.0)[0]["error"] == "no batch"
    run.error = ""
    run.step_once()
    assert settled(sections, run, 10.0)[0]["error"] == ""


def test_a_source_without_layers_says_so() -> None:
    run = FakeRun()
    sections = Sections(run, lambda: None)
    [message] = sections.turn(LAYERS, run.view(), 0.0)
    assert "of runs only" in message["error"]
    assert not sections.busy
    assert sections.kept(LAYERS) == {"layers": message}
    assert sections.kept(frozenset()) == {}


@pytest.mark.parametrize("broken", [False, True])
def test_statistics_of_a_real_run_are_strict_json(broken: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.relu, nn.Linear(8, 3))
    trainer = it.Trainer(
        model, optim.SGD(1e30 if broken else 0.1), loss=losses.cross_entropy_sparse
    )
    run = trainer.start(
        trainer.init(seed=0), problem(), epochs=1, batch_size=10, on_nonfinite="skip"
    )
    text = json.dumps(describe_statistics(run.wait().statistics()), allow_nan=False)
    head = json.loads(text)
    assert [a["path"] for a in head["arrays"]] == list(run.state.opt_state.places())
    assert [o["kind"] for o in head["outputs"]] == ["Linear", "relu", "Linear", "Sequential"]
    assert len(head["arrays"][0]["weights"]["counts"]) == 24
    assert bool(head["message"]) is broken


class Wire:
    """A port that writes down what was sent, and the heads that were kept."""

    def __init__(self) -> None:
        self.sent: list[Head] = []
        self.kept: list[Head] = []

    def post(self, content: Head, buffers: Buffers) -> None:
        self.sent.append(content)

    def keep(self, view: RunView, head: Head, buffers: Buffers) -> None:
        self.kept.append(head)

    def tell(self, view: RunView) -> None:
        return

    def select(self, step: int | None) -> None: ...

    def leave(self) -> None:
        return


def test_a_view_that_unfolds_the_layers_gets_them_and_a_saved_picture_keeps_them() -> None:
    run, wire = Looked().run_to(5), Wire()
    run.status = "finished"
    publisher = Publisher(wire, [run])
    publisher.receive(messages.Ready("v", 10, 600))
    until(lambda: not publisher.alive or len(wire.kept) == 1)
    assert (run.looks, wire.kept[0]["sections"]) == (0, {})
    publisher.receive(messages.Adapt("v", 10, 600, ("layers",)))
    until(lambda: any(content["kind"] == "section" for content in wire.sent))
    run.step_once()
    publisher.receive(messages.Adapt("v", 10, 600, ("layers",)))
    until(lambda: len(wire.kept) == 2)
    assert wire.kept[1]["sections"]["layers"]["kind"] == "section"
    newest = [content for content in wire.sent if content["kind"] == "frame"][-1]
    publisher.receive(messages.Ack(newest["sequence"]))
    until(lambda: not publisher.alive)  # an ended run leaves no thread behind
    publisher.close()
