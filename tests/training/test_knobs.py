"""Knobs: effective = override, else scale * base(step); undo, gestures, the journal."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.optim.setting import Setting
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records.commands import Adjust, Freeze
from tests.training.common import line, problem, trainer_of, until

HALF = it.scale(0.5)
RAMP = schedules.linear(0.0, 1.0, 10)


def paused(rule: Any = None, rate: float = 0.25) -> it.Run:
    """Return a run of the classifier that stands behind its first steps."""
    trainer = trainer_of(rule or optim.Adam(0.1), rate)
    run = trainer.start(trainer.init(), problem(), batch_size=8, pace=500)
    run.pause().wait(10)
    return run


def step_of(run: it.Run) -> int:
    """Take one step and return its number."""
    step = run.step + 1
    run.advance().wait(10)
    until(lambda: run.status == "paused")
    return step


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], 0.4),
        ([0.7], 0.7),
        ([HALF], 0.2),
        ([HALF, HALF], 0.1),
        ([0.8, HALF], 0.4),
        ([HALF, 0.8], 0.8),
        ([HALF, 0.8, "release"], 0.4),
        ([HALF, "release"], 0.4),
        ([0.8, schedules.constant(0.3)], 0.3),
        ([HALF, schedules.constant(0.3)], 0.3),
        ([schedules.constant(0.3), 0.9, "release"], 0.3),
    ],
)
def test_a_scheduled_knob_is_overridden_scaled_and_released(
    changes: list[Any], expected: float
) -> None:
    setting = Setting(RAMP)
    for change in changes:
        setting = setting.released() if change == "release" else setting.adjusted(change)
    assert setting.effective(4) == pytest.approx(expected)
    assert setting.course([4, 4]).tolist() == pytest.approx([expected] * 2)


@pytest.mark.parametrize(
    ("changes", "expected"), [([], 0.4), ([0.7], 0.7), ([HALF], 0.2), ([0.7, "release"], 0.7)]
)
def test_a_constant_knob_is_set_and_multiplied(changes: list[Any], expected: float) -> None:
    setting = Setting(0.4)
    for change in changes:
        setting = setting.released() if change == "release" else setting.adjusted(change)
    assert setting.effective(4) == pytest.approx(expected)


def test_the_run_uses_what_the_knob_says() -> None:
    run = paused(optim.SGD(RAMP))
    rates: dict[int, float] = {}
    for name in ("base", "override", "release", "scale", "schedule"):
        if name == "override":
            run.adjust(lr=0.25)
        elif name == "release":
            run.release("lr")
        elif name == "scale":
            run.adjust(lr=HALF)
        elif name == "schedule":
            run.adjust(lr=lambda step: 1.0 / step)
        k = step_of(run)
        rates[k] = {
            "base": float(RAMP(k)),
            "override": 0.25,
            "release": float(RAMP(k)),
            "scale": 0.5 * float(RAMP(k)),
            "schedule": 1.0 / k,
        }[name]
    found = dict(zip(run.history.step.tolist(), run.history.lr.tolist(), strict=True))
    assert {k: found[k] for k in rates} == pytest.approx(rates)


def test_a_knob_is_set_per_path_and_per_pattern() -> None:
    run = paused()
    run.adjust("layers.0", lr=0.01).wait(10)
    run.adjust("layers.*.bias", beta1=0.5).wait(10)
    leaves = run.state.opt_state
    values = {path: leaf.effective(1) for path, leaf in leaves}
    assert {path: v["lr"] for path, v in values.items()} == {
        "layers.0.weight": 0.01,
        "layers.0.bias": 0.01,
        "layers.3.weight": 0.1,
        "layers.3.bias": 0.1,
    }
    assert [path for path, v in values.items() if v["beta1"] == 0.5] == [
        "layers.0.bias",
        "layers.3.bias",
    ]
    assert run.setting("lr", "layers.3.weight").base == 0.1


def test_a_layers_knob_is_live() -> None:
    run = paused(rate=0.25)
    before = run.state
    run.adjust("layers.2", rate=0.0).wait(10)
    step_of(run)
    state = run.state
    assert state.model.layers[2].rate == 0.0
    assert before.model.layers[2].rate == 0.25
    trainer = trainer_of(optim.Adam(0.1), rate=0.0)
    x, y = problem()
    at = before.position[1]
    loss, _ = trainer.step(before, x[at : at + 8], y[at : at + 8], training=False)
    assert run.history.loss[-1] == pytest.approx(loss, rel=1e-6)
    assert state.controls["layers.2.rate"] == Setting(0.0)
    again = trainer.fit(state, (x, y), batch_size=8, progress=False)
    assert again.model.layers[2].rate == 0.0  # the knob goes with the state


class Damped(nn.Module):
    """Has a knob with the name of an optimiser's."""

    hyperparameters = (Hyperparameter("lr", 1.0, low=0.0, help="Not the optimiser's."),)

    def __init__(self) -> None:
        self.lr = 1.0
        self.weight: Any = nn.Parameter((1,), nn.initializers.ones)

    def forward(self, x: Any) -> Any:
        return x * self.weight * self.lr


def test_a_name_that_both_own_is_refused_with_both_spellings() -> None:
    trainer = it.Trainer(nn.Sequential(Damped()), optim.SGD(0.1), loss=losses.mse)
    x = np.ones((4, 1), np.float32)
    run = trainer.start(trainer.init(), (x, x), batch_size=4, pace=100)
    with pytest.raises(ValueError, match=r"both the optimiser's and the layer's.*layers.0.weight"):
        run.adjust("layers.0", lr=0.5)
    run.adjust(lr=0.5).wait(10)
    run.adjust("layers.0.weight", lr=0.25).wait(10)
    assert run.state.opt_state["layers.0.weight"].effective(1)["lr"] == 0.25


def test_several_knobs_are_set_together_or_not_at_all() -> None:
    run = paused()
    rows = len(run.journal)
    with pytest.raises(ValueError, match="beta1"):
        run.adjust(lr=0.5, beta1=1.5)
    with pytest.raises(ValueError, match="Did you mean"):
        run.adjust(lr=0.5, beta3=0.5)
    run.note("everything before this was applied").wait(10)
    assert (run.setting("lr").base, len(run.journal)) == (0.1, rows + 1)
    run.adjust(lr=0.5, beta1=0.5).wait(10)
    assert (run.setting("lr").base, run.setting("beta1").base) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("change", "path", "row"),
    [
        (lambda run: run.adjust(lr=0.5), "", ("adjust", "lr: 0.1 -> 0.5")),
        (lambda run: run.adjust(lr=HALF), "", ("adjust", "lr: 0.1 -> 0.05")),
        (
            lambda run: run.adjust("layers.2", rate=0.5),
            "layers.2",
            ("adjust", "layers.2.rate: 0.25 -> 0.5"),
        ),
        (
            lambda run: run.freeze("layers.0"),
            "layers.0",
            ("freeze", "layers.0: training -> frozen"),
        ),
    ],
)
def test_an_intervention_is_a_row_and_can_be_taken_back(
    change: Any, path: str, row: tuple[str, str]
) -> None:
    run = paused()
    before = str(run.state.controls)
    ticket = change(run).wait(10)
    entry = run.journal[-1]
    assert (entry.kind, entry.text) == row
    assert (entry.step, entry.path, entry.source) == (ticket.step, path, "code")
    assert str(run.state.controls) != before
    undo = run.undo().wait(10)
    assert str(run.state.controls) == before
    assert (undo.old, undo.new) == (ticket.new, ticket.old)
    assert run.journal[-2].undone
    assert run.journal[-1].kind == "undo"
    with pytest.raises(ValueError, match=r"run.undo: .* that still stands; got none"):
        run.undo().wait(10)


def test_undo_takes_back_the_newest_first() -> None:
    run = paused()
    run.adjust("layers.0", lr=0.3)
    run.adjust(lr=0.2)
    run.freeze("layers.3")
    run.note("all of it")
    run.undo()
    run.undo().wait(10)
    rates = {p: leaf.effective(1)["lr"] for p, leaf in run.state.opt_state}
    assert set(rates.values()) == {0.3, 0.1}
    assert run.state.controls["frozen"] == []
    run.undo().wait(10)
    assert run.setting("lr", "layers.0").base == 0.1


def test_a_drag_is_one_row_and_one_undo_and_keeps_every_value() -> None:
    run = paused()
    values = [0.09, 0.08, 0.07, 0.06]
    for i, value in enumerate(values):
        run.submit(Adjust("lr", value), source="dashboard", gesture="drag 1").wait(10)
        if i == 1:
            step_of(run)
            run.note("in between")
    run.submit(Adjust("lr", 0.05), source="dashboard", gesture="drag 2").wait(10)
    drags = [e for e in run.journal if e.kind == "adjust"]
    assert [(e.old, e.new, e.source) for e in drags] == [
        ("0.1", "0.06", "dashboard"),
        ("0.06", "0.05", "dashboard"),
    ]
    assert [value for _, value in drags[0].values] == values
    steps = [step for step, _ in drags[0].values]
    assert steps[1] + 1 == steps[2]
    run.undo().wait(10)
    assert run.setting("lr").base == 0.06
    run.undo().wait(10)
    assert run.setting("lr").base == 0.1
    run.submit(Adjust("lr", 0.04), gesture="drag 1").wait(10)  # goes on after its undo: a new row
    assert (run.journal[-1].old, run.journal[-1].new) == ("0.1", "0.04")


def test_another_change_in_the_middle_of_a_drag_begins_a_new_row() -> None:
    run = paused()
    run.submit(Adjust("lr", 0.5), gesture="drag")
    run.adjust(lr=0.9)
    run.submit(Adjust("lr", 0.6), gesture="drag").wait(10)
    texts = [e.text for e in run.journal if e.kind == "adjust"]
    assert texts == ["lr: 0.1 -> 0.5", "lr: 0.5 -> 0.9", "lr: 0.9 -> 0.6"]
    for expected in (0.9, 0.5, 0.1):
        run.undo().wait(10)
        assert run.setting("lr").base == expected


def test_who_waited_for_a_ticket_finds_its_row() -> None:
    trainer, data = line()
    run = trainer.start(trainer.init(), data, batch_size=4)
    for i in range(200):
        run.adjust(lr=0.1 / (i + 1)).wait(10)
        assert run.journal[-1].new == f"{0.1 / (i + 1):.6g}"
    run.stop()


def test_a_row_says_everything_in_json() -> None:
    run = paused()
    run.adjust(lr=0.5)
    run.note('a "quoted" remark\nin two lines').wait(10)
    lines = [json.loads(row) for row in run.journal.to_json_lines().splitlines()]
    rows = [line for line in lines if "command" in line]
    assert [row["kind"] for row in rows] == ["pause", "adjust", "note"]
    assert (rows[1]["step"], rows[1]["value"]) == (run.step, 0.5)
    assert rows[2]["new"] == 'a "quoted" remark\nin two lines'


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        (lambda run: run.adjust(), TypeError, "run.adjust: something to set; got nothing"),
        (
            lambda run: run.adjust(lr=-1),
            ValueError,
            r"run.adjust: lr must be .* \[0, inf\); got -1",
        ),
        (lambda run: run.adjust(lr="fast"), TypeError, r"run.adjust: lr must be .*; got 'fast'"),
        (lambda run: run.adjust(lr=np.nan), ValueError, "run.adjust: lr .* got nan"),
        (lambda run: run.adjust(lr=lambda step: -1.0), ValueError, "run.adjust: lr .* got -1.0"),
        (lambda run: run.adjust(lr=lambda step: 1 / 0), ZeroDivisionError, "division"),
        (
            lambda run: run.adjust(learning_rate=0.1),
            ValueError,
            "run.adjust: a hyperparameter of the optimiser; got 'learning_rate'",
        ),
        (lambda run: run.adjust(bata1=0.1), ValueError, 'Did you mean "beta1"'),
        (lambda run: run.adjust(rate=0.1), ValueError, r"layer's: adjust\('layers.2', rate="),
        (lambda run: run.adjust("layer.0", lr=0.1), ValueError, 'Did you mean "layers.0"'),
        (lambda run: run.adjust("layers.2", lr=0.1), ValueError, "'layers.2'; got 'lr'"),
        (lambda run: run.adjust("layers.2", rate=1.0), ValueError, r"rate .* \[0, 1\); got 1.0"),
        (lambda run: run.adjust(0, lr=0.1), TypeError, "run.adjust: a path is text; got 0"),
        (lambda run: run.release("rate"), ValueError, "run.release: a hyperparameter"),
        (lambda run: run.freeze("layers.2"), ValueError, "trainable arrays; got 'layers.2'"),
        (lambda run: run.freeze(0), TypeError, "run.freeze: a path is text; got 0"),
        (lambda run: run.thaw("head"), ValueError, "run.thaw: .* got 'head'"),
        (lambda run: run.advance(0), ValueError, "run.advance: steps .* at least 1; got 0"),
        (lambda run: run.advance(1.5), TypeError, "run.advance: steps .* got 1.5"),
        (lambda run: run.extend(), TypeError, "run.extend: epochs or steps; got neither"),
        (lambda run: run.extend(epochs=1, steps=1), TypeError, "run.extend: .* got both"),
        (lambda run: run.extend(steps=-5), ValueError, "run.extend: .* at least 1; got -5"),
        (lambda run: run.pace(0), ValueError, "run.pace: the pace .* got 0"),
        (lambda run: run.pace("slow"), TypeError, "run.pace: the pace .* got 'slow'"),
        (lambda run: run.note(3), TypeError, "run.note: a note is text; got 3"),
        (lambda run: run.evaluate(), ValueError, "run.evaluate: needs validation data"),
        (lambda run: run.series("accuracy"), KeyError, "history: a column; got 'accuracy'"),
    ],
)
@pytest.mark.parametrize("ended", [False, True], ids=["paused", "ended"])
def test_a_command_that_is_refused_changes_nothing(
    command: Any, kind: type[Exception], message: str, ended: bool
) -> None:
    run = paused()
    if ended:
        run.stop()
        run.wait(10)
    before = str(run.state.controls), len(run.journal), run.status, run.view().last_step
    with pytest.raises(kind, match=message):
        command(run)
    assert (str(run.state.controls), len(run.journal), run.status, run.view().last_step) == before


def test_a_refused_submission_raises_nothing_and_says_why_on_its_ticket() -> None:
    run = paused()
    for command in (Adjust("lr", -1.0), Freeze("nowhere"), Adjust(3, 0.1)):  # type: ignore[arg-type]
        ticket = run.submit(command)
        assert ticket.done
        assert ticket.sequence == -1
        assert "refused" in str(ticket)


def test_the_view_lists_every_knob_and_layer() -> None:
    run = paused(optim.AdamW(RAMP))
    run.adjust("layers.0", weight_decay=0.5)
    run.adjust(lr=HALF).wait(10)
    knobs = {(k.path, k.description.name): k for k in run.view().knobs}
    assert ("layers.2", "rate") in knobs
    assert knobs["", "lr"].scale == 0.5
    assert knobs["", "lr"].scheduled
    assert knobs["", "lr"].effective == pytest.approx(0.5 * float(RAMP(run.step + 1)))
    assert {
        k.path: k.effective for k in knobs.values() if k.description.name == "weight_decay"
    } == {
        "": 0.5,
        "layers.3": 0.01,
    }
    assert [(g.path, g.kind, g.parameters) for g in run.view().groups] == [
        ("layers.0", "Linear", 40),
        ("layers.3", "Linear", 27),
    ]
    np.testing.assert_allclose(run.course("lr", [5, 6]), [0.25, 0.3])


def test_a_schedule_that_is_out_of_range_where_the_run_stands_is_refused_on_its_ticket() -> None:
    run = paused()
    step_of(run)
    step_of(run)
    ticket = run.adjust(lr=lambda step: 0.1 if step < 3 else -0.1)
    with pytest.raises(ValueError, match=r"run.adjust: lr must be .*; got -0.1"):
        ticket.wait(10)
    assert run.setting("lr") == Setting(0.1)
    assert run.journal[-1].kind == "advance"
