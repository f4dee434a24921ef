"""Snapshots: bounded in bytes, spread over the whole course, counted honestly, and cheap."""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.travel import keeping
from interactive_train.training.travel.snapshots import MOST, OVERHEAD
from tests.training.common import all_bits, going, line, until


def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a snapshot at every boundary."""
    monkeypatch.setattr(keeping, "SPACING", 0.0)
    monkeypatch.setattr(keeping, "SHARE", 1e9)


def test_they_stay_under_the_bound_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    often(monkeypatch)
    trainer = it.Trainer(nn.Linear(40, 40), optim.Adam(0.001), loss=losses.mse)
    x = np.ones((8, 40), np.float32)
    run = trainer.start(
        trainer.init(), (x, x), batch_size=8, pace=3000, snapshot_limit=1_000_000, epochs=1500
    )
    run.wait(60)
    view = run.view()
    assert view.snapshot_limit == 1_000_000
    assert 600_000 < view.snapshot_bytes <= 1_000_000
    steps = [s.step for s in view.snapshots]
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    ages = 1500 - np.array(steps)
    for age in (12, 50, 200, 700):  # some in every doubling of the age
        assert ((ages > age) & (ages <= 2 * age)).sum() >= 2
    run.rewind(700).wait(20)
    assert run.step == 700


def test_a_million_steps_of_a_tiny_model_keep_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SPACING", 0.005)
    monkeypatch.setattr(keeping, "SHARE", 1.0)
    trainer, _ = line()
    x = np.linspace(-1, 1, 32768, dtype=np.float32).reshape(-1, 1)
    run = trainer.start(trainer.init(), (x, 3 * x), batch_size=8, snapshot_limit=200_000)
    run.run_until(step=1_000_000)
    until(lambda: run.status == "paused", 100)
    view = run.view()
    assert view.step == 1_000_000 == len(run.history)
    assert len(view.snapshots) > 20
    assert view.snapshot_bytes <= 200_000
    assert run._session.time is not None
    at = view.snapshots[len(view.snapshots) // 2].step + 1000
    loss = run.history.loss[at - 1]
    run.rewind(at).wait(30)
    assert run.history.loss[-1] == loss == run.view().loss
    assert not run.view().message


def test_named_ones_and_ends_stay_beyond_the_bound() -> None:
    run = going(pace=1000, snapshot_limit=0)
    run.pause().wait(10)
    run.snapshot("kept").wait(10)
    kept = all_bits(run.state)
    run.run_until(step=run.step + 20).wait(10)
    until(lambda: run.status == "paused")
    end = all_bits(run.state)
    run.rewind("kept").wait(10)
    assert all_bits(run.state) == kept
    run.switch("main").wait(10)
    assert all_bits(run.state) == end
    assert {s.name for s in run.view().snapshots} == {"", "kept"}


def test_arrays_that_rest_are_shared_and_counted_once() -> None:
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(200, 200), nn.Linear(200, 1)), optim.Adam(0.01), loss=losses.mse
    )
    x = np.ones((8, 200), np.float32)
    run = trainer.start(trainer.init(), (x, x[:, :1]), batch_size=8, pace=500)
    run.freeze("layers.0").wait(10)
    run.pause().wait(10)
    before = run.view().snapshot_bytes
    for number in range(5):
        run.run_until(step=run.step + 3).wait(10)
        until(lambda: run.status == "paused")
        run.snapshot(f"s{number}").wait(10)
    grown = run.view().snapshot_bytes - before
    whole = 200 * 200 * 4 * 3  # the resting weight and its moments
    assert grown < 2 * whole


def test_the_objects_of_a_snapshot_take_what_is_counted_for_them() -> None:
    run = going(pace=2000)
    run.pause().wait(10)
    session = run._session
    assert session.time is not None
    session.time.take("warm")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(50):
        session.time.take(f"s{number}")
    used = (tracemalloc.get_traced_memory()[0] - before) / 50
    tracemalloc.stop()
    counted = OVERHEAD * len(session.time.line.snapshots[-1].sizes)
    assert used < 2.5 * counted + 2000, (used, counted)


def test_taking_them_costs_little_of_a_fast_run() -> None:
    x = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(64, 256), nn.relu, nn.Linear(256, 64)), optim.Adam(1e-3),
        loss=losses.mse,
    )  # fmt: skip
    run = trainer.start(trainer.init(), (x, x), batch_size=32, shuffle=0)
    spent, time_of = [], run._session.time
    assert time_of is not None
    before, take = time.monotonic(), time_of.take

    def timed(*args: Any) -> Any:
        begun = time.perf_counter()
        found = take(*args)
        spent.append(time.perf_counter() - begun)
        return found

    time_of.take = timed  # type: ignore
    time.sleep(3.0)
    share = sum(spent) / (time.monotonic() - before)
    run.stop().wait(10)
    assert spent
    assert share < 0.02  # 0.2 % on a quiet machine
    print(f"{share:.2%} of the time, {len(spent)} snapshots", file=sys.stderr)


def test_no_more_than_a_fixed_number_however_small(monkeypatch: pytest.MonkeyPatch) -> None:
    often(monkeypatch)
    run = going(pace=20_000, epochs=400)
    run.wait(30)
    assert len(run.view().snapshots) <= MOST


def test_a_run_that_has_ended_keeps_few_when_another_one_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    often(monkeypatch)
    first = going(pace=5000, epochs=40)
    first.wait(10)
    first.snapshot("named").wait(10)
    assert len(first.view().snapshots) > 20
    going(pace=500)
    assert [s.step for s in first.view().snapshots] == [0, 80]
    assert first.rewind(33).wait(10).step == 33
