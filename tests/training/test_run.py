"""A run in the background: commands between steps, its ends, and what it never does."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.records.commands import Adjust, Extend
from tests.training.common import all_bits, going, line, parameter_bits, problem, trainer_of, until


def test_a_run_gives_the_bits_of_a_fit() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=7, shuffle=2)
    whole = trainer.fit(trainer.init(seed=1), data, epochs=4, progress=False)
    losses_of_fit = trainer.history.loss.tobytes()
    for pace in (None, 500):
        run = trainer.start(trainer.init(seed=1), data, epochs=4, pace=pace)
        assert all_bits(run.wait(20).state) == all_bits(whole)
        assert run.history.loss.tobytes() == losses_of_fit
        assert run.status == "finished"


def test_pausing_and_advancing_change_no_bit() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=7, shuffle=2)
    whole = trainer.fit(trainer.init(seed=1), data, epochs=4, progress=False)
    run = trainer.start(trainer.init(seed=1), data, epochs=4, pace=300)
    for _ in range(4):
        run.pause().wait(10)
        assert run.status == "paused"
        step = run.step
        run.advance(2).wait(10)
        until(lambda: run.status == "paused")
        assert run.step == step + 2
        run.resume()
    assert all_bits(run.wait(20).state) == all_bits(whole)


def test_a_paused_run_stands_and_applies_commands_at_once() -> None:
    run = going()
    step = run.pause().wait(10).step
    assert (run.status, run.step) == ("paused", step)
    time.sleep(0.05)
    assert run.step == step
    ticket = run.adjust(lr=0.02).wait(10)
    assert (ticket.step, ticket.old, ticket.new) == (step, "0.1", "0.02")
    run.advance().wait(10)
    until(lambda: run.status == "paused")
    assert run.history.lr[-1] == 0.02
    assert str(ticket) == f"adjust lr: applied at step {step}, 0.1 -> 0.02"


def test_a_ticket_names_the_boundary_from_which_the_new_value_holds() -> None:
    run = going(pace=None, epochs=None)
    tickets = [run.adjust(lr=value).wait(10) for value in (0.05, 0.01, 0.002)]
    until(lambda: run.step > (tickets[-1].step or 0) + 2)
    run.stop()
    run.wait(10)
    steps, rates = run.history.step, run.history.lr
    expected = np.full(len(steps), 0.1)
    for ticket, value in zip(tickets, (0.05, 0.01, 0.002), strict=True):
        assert ticket.step is not None
        expected[steps > ticket.step] = value
    np.testing.assert_array_equal(rates, expected)


def test_commands_are_applied_in_the_order_of_their_arrival() -> None:
    run = going(pace=5)
    tickets = [run.submit(Adjust("lr", 0.1 / (i + 2))) for i in range(50)]
    assert [t.sequence for t in tickets] == list(range(50))
    steps = [t.wait(10).step for t in tickets]
    assert steps == sorted(s for s in steps if s is not None)
    assert [t.old for t in tickets[1:]] == [t.new for t in tickets[:-1]]
    assert run.setting("lr").base == 0.1 / 51


def test_hundreds_of_commands_a_second_from_several_threads_are_all_applied() -> None:
    run = going(pace=None)
    tickets: list[Any] = []

    def press(value: float) -> None:
        for _ in range(100):
            tickets.append(run.submit(Adjust("lr", value), source="slider"))
            time.sleep(0.002)

    threads = [threading.Thread(target=press, args=(v,)) for v in (0.01, 0.02, 0.03)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ticket in tickets:
        ticket.wait(10)
    assert len(run.journal) == 300
    assert [e.sequence for e in run.journal] == list(range(300))
    assert sorted(t.sequence for t in tickets) == list(range(300))


def test_the_pace_is_kept_and_waiting_hears_commands() -> None:
    run = going(pace=50)
    begun, step = time.monotonic(), run.step
    time.sleep(0.5)
    rate = (run.step - step) / (time.monotonic() - begun)
    assert 5 < rate < 60  # never faster; slower only where the machine is busy
    run.pace(0.1).wait(5)
    begun = time.monotonic()
    run.adjust(lr=0.01).wait(5)
    run.pace(None).wait(5)
    assert time.monotonic() - begun < 5  # the next step was ten seconds away
    step = run.step
    until(lambda: run.step > step + 100)


def test_freezing_while_running_stops_that_layer_and_no_other() -> None:
    trainer = trainer_of(optim.Adam(0.01))
    run = trainer.start(trainer.init(), problem(), batch_size=8, pace=300)
    until(lambda: run.step > 3)
    ticket = run.freeze("layers.0").wait(10)
    assert (ticket.old, ticket.new) == ("training", "frozen")
    cold = run.state
    until(lambda: run.step > cold.step + 5)
    later = run.state
    for path, was in parameter_bits(cold).items():
        assert (parameter_bits(later)[path] == was) == path.startswith("layers.0")
    assert [g.frozen for g in run.view().groups] == [True, False]
    run.thaw("layers.*").wait(10)
    step = run.step
    until(lambda: run.step > step + 2)
    assert parameter_bits(run.state)["layers.0.weight"] != parameter_bits(cold)["layers.0.weight"]


def test_the_view_counts_epochs_of_this_run_and_stays() -> None:
    trainer, data = line()
    state = trainer.fit(trainer.init(), data, batch_size=4, epochs=3, progress=False)
    run = trainer.start(state, data, batch_size=4, epochs=2, pace=100)
    view = run.view()
    assert (view.first_step, view.last_step, view.steps_per_epoch) == (6, 10, 2)
    run.wait(10)
    assert view.status == "running"
    view = run.view()
    assert (view.status, view.step, view.epoch, view.pace) == ("finished", 10, 2, 100)
    assert np.isnan(view.steps_per_second)
    assert view.loss == run.history.loss[-1]


def test_data_of_unknown_length_may_be_extended_by_the_unit_of_the_plan() -> None:
    class Loader:
        def __iter__(self) -> Any:
            x = np.ones((2, 1), np.float32)
            return iter([(x, x)] * 3)

    trainer, _ = line()
    run = trainer.start(trainer.init(), Loader(), epochs=100, pace=100)
    ticket = run.submit(Extend(steps=5))
    with pytest.raises(ValueError, match=r"run.extend: passes of a known length"):
        ticket.wait(10)
    run.extend(epochs=1).wait(10)
    run.stop().wait(10)
    step = run.wait(10).step
    run.extend(steps=4)
    assert run.wait(10).step == step + 4


def test_a_model_of_any_tree_is_steered_by_its_paths() -> None:
    run = it.Trainer(nn.Linear(2, 1), optim.SGD(0.1), loss=losses.mse)
    x = np.ones((4, 2), np.float32)
    live = run.start(run.init(), (x, x[:, :1]), batch_size=4, pace=100)
    live.adjust("weight", lr=0.5).wait(10)
    live.freeze("bias").wait(10)
    assert [(g.path, g.frozen) for g in live.view().groups] == [("weight", False), ("bias", True)]
    assert {(k.path, k.description.name): k.effective for k in live.view().knobs}[
        "bias", "lr"
    ] == 0.1
