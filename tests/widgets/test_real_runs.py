"""Dashboards over real runs: every declared knob of every kind of rule, and the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, metrics, nn, optim, schedules
from interactive_train.training.records import commands
from interactive_train_widgets.describe import describe
from interactive_train_widgets.frames import Composer
from tests.widgets.test_frames import arrays, curve

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = X[:, :3].argmax(axis=1).astype(np.int64)
RUNS: list[it.Run] = []


@pytest.fixture(autouse=True)
def end_runs() -> Iterator[None]:
    yield
    while RUNS:
        RUNS.pop().close()


def paused(rule: Any, loss: Any = losses.cross_entropy_sparse, **options: Any) -> it.Run:
    """Return a run that stands behind a few steps."""
    model = nn.Sequential(nn.Linear(4, 8), nn.relu, nn.Dropout(0.1), nn.Linear(8, 3))
    trainer = it.Trainer(model, rule, loss=loss)
    run = trainer.start(trainer.init(0), (X, Y), batch_size=20, epochs=50, pace=200, **options)
    RUNS.append(run)
    while run.step < 5:
        run.advance(5).wait(10)
    run.pause().wait(10)
    return run


def keys(run: it.Run) -> list[str]:
    return [knob["key"] for knob in describe(run.view())["knobs"]]


def test_every_member_of_a_chain_has_its_sliders_and_each_can_be_moved() -> None:
    rule = optim.Chain(optim.ClipGrad(1.0), optim.WeightDecay(1e-3), optim.AdamW(1e-2))
    run = paused(rule)
    found = keys(run)
    declared = [knob.name for knob in rule.hyperparameters]
    assert sorted(found) == sorted([*declared, "layers.2.rate"])
    assert found[0] == "lr"
    for knob in describe(run.view())["knobs"]:
        value = 0.5 * knob["effective"]
        run.submit(commands.Adjust(knob["name"], value, knob["path"])).wait(10)
        after = next(k for k in describe(run.view())["knobs"] if k["key"] == knob["key"])
        assert after["effective"] == pytest.approx(value)


def test_rules_chosen_by_path_have_sliders_by_array_where_they_differ() -> None:
    def rule(path: str, x: Any) -> optim.Rule:
        if path.endswith("bias"):
            return optim.SGD(0.05, momentum=0.9)
        return optim.RMSprop(1e-3)

    run = paused(rule)
    found = keys(run)
    assert {"lr", "decay", "eps", "momentum"} <= set(found)
    assert {"layers.0.bias.lr", "layers.3.bias.lr", "layers.3.bias.momentum"} <= set(found)
    run.submit(commands.Adjust("lr", 0.2, "layers.3.bias")).wait(10)
    values = {k["key"]: k["effective"] for k in describe(run.view())["knobs"]}
    assert values["layers.3.bias.lr"] == 0.2
    assert values["layers.0.bias.lr"] == 0.05
    assert values["lr"] == 1e-3


def test_a_knob_of_ones_own_stands_before_the_fine_print() -> None:
    sharpness = it.Knob("sharpness", 1.0, low=0.1, high=10.0, scale="log")
    run = paused(
        optim.Adam(1e-2), lambda p, t: losses.cross_entropy_sparse(p * float(sharpness), t)
    )
    found = keys(run)
    assert found.index("sharpness") == 1
    assert found.index("sharpness") < found.index("beta1")
    run.submit(commands.Adjust("sharpness", 2.0)).wait(10)
    knob = next(k for k in describe(run.view())["knobs"] if k["key"] == "sharpness")
    assert (knob["effective"], knob["low"], knob["high"], knob["log"]) == (2.0, 0.1, 10.0, True)


def test_a_scheduled_weight_decay_shows_what_was_used_before_and_after_a_change() -> None:
    run = paused(optim.AdamW(1e-2, weight_decay=schedules.linear(0.0, 1.0, 150)))
    before = run.step
    run.submit(commands.Adjust("weight_decay", 0.9)).wait(10)
    while run.step < before + 5:
        run.advance(5).wait(10)
    run.pause().wait(10)
    head, buffers = Composer([run], False).frame(run.view(), 600)
    steps, values = arrays(curve(head, "past", "weight_decay"), buffers)
    assert steps[0] == 1
    assert np.all(values[steps <= before] < 0.2)
    assert np.all(values[steps > before] == np.float32(0.9))


def test_a_confusion_matrix_reaches_the_page() -> None:
    run = paused(
        optim.Adam(1e-2), validation=(X, Y), metrics={"confusion": metrics.confusion_matrix}
    )
    metric = next(m for m in describe(run.view())["metrics"] if "matrix" in m)
    assert metric["name"] == "validation_confusion"
    assert np.sum(metric["matrix"]) == 60
