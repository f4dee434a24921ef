"""The next step of one weight: what is foreseen is what the run then does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train_widgets import StepExplained
from tests.widgets.teaching.page import READY, eventually, heard, say

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype(np.float32)


def paused(rule: Any = None) -> it.Run:
    model = nn.Sequential(nn.Linear(3, 4), nn.tanh, nn.Linear(4, 1))
    trainer = it.Trainer(model, rule or optim.Adam(0.01), loss=losses.mse)
    run = trainer.start(trainer.init(seed=1), (X, Y), batch_size=8, epochs=None, pace=200)
    run.pause().wait()
    return run


@pytest.fixture
def run() -> Iterator[it.Run]:
    found = paused()
    yield found
    found.close()


@pytest.mark.parametrize(
    "rule",
    [
        optim.AdamW(0.01),
        optim.RMSprop(0.01),
        optim.Chain(optim.ClipGlobalNorm(0.1), optim.SGD(0.1, momentum=0.9)),
    ],
)
def test_the_run_takes_the_step_that_was_explained(rule: optim.Rule) -> None:
    run = paused(rule)
    view = StepExplained(run, "layers.0.weight", (2, 1))
    for _ in range(3):
        foreseen = view.explanation()
        assert foreseen.rows
        run.advance(1).wait()
        with pytest.raises(it.RunPaused):
            run.wait()
        weight = run.state.model.layers[0].weight[2, 1]
        assert foreseen.after == pytest.approx(float(weight), rel=1e-5, abs=1e-7)
    view.close()
    run.close()


def test_a_page_steps_and_the_numbers_follow(run: it.Run) -> None:
    view = StepExplained(run)
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    first = heard(view, "frame")[-1]["data"]
    say(view, {"kind": "command", "id": "s", "verb": "advance", "steps": 1})
    eventually(lambda: heard(view, "frame")[-1]["data"]["step"] == first["step"] + 1)
    second = heard(view, "frame")[-1]["data"]
    assert second["index"] == first["index"]
    assert second["before"] == pytest.approx(first["after"], rel=1e-5)
    view.close()


def test_the_step_beside_the_numbers_is_theirs_though_the_run_went_on_meanwhile(
    run: it.Run,
) -> None:
    view = StepExplained(run)
    asked = run.view()
    run.advance(2).wait()
    with pytest.raises(it.RunPaused):
        run.wait()
    head, _ = view._painter.frame(asked, 600)
    assert head["run"]["step"] == head["data"]["step"] - 1 == asked.step + 2
    view.close()


def test_array_and_index_are_chosen_and_wrong_ones_are_refused(run: it.Run) -> None:
    view = StepExplained(run, "layers.0.weight", (0, 0))
    say(view, READY)
    say(view, {"kind": "choose", "id": "a", "name": "path", "value": "layers.2.bias"})
    eventually(lambda: any(f["data"]["path"] == "layers.2.bias" for f in heard(view, "frame")))
    assert heard(view, "frame")[-1]["data"]["index"] == [0]
    bad: list[tuple[str, Any]] = [
        ("path", "layers.2.bios"), ("index", [1]), ("index", [0, 0]), ("index", [0.5]),
    ]  # fmt: skip
    for name, value in bad:
        say(view, {"kind": "choose", "id": "b", "name": name, "value": value})
    eventually(lambda: sum(len(m["tickets"]) for m in heard(view, "tickets")) == len(bad))
    errors = [t["error"] for m in heard(view, "tickets") for t in m["tickets"]]
    assert 'Did you mean "layers.2.bias"' in errors[0]
    assert "inside of shape (1,)" in errors[1]
    view.close()


def test_without_an_index_it_is_the_weight_with_the_largest_gradient(run: it.Run) -> None:
    view = StepExplained(run, "layers.0.weight")
    found = view.explanation()
    assert abs(found.gradient) == np.abs(run.next_step().gradients["layers.0.weight"]).max()
    view.close()


def test_a_frozen_array_is_said_on_the_page(run: it.Run) -> None:
    run.freeze("layers.0").wait()
    view = StepExplained(run, "layers.0.weight", (0, 0))
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    assert "It is frozen or not used" in heard(view, "frame")[-1]["trouble"]
    view.close()


def test_text_table_and_picture_say_what_happens(run: it.Run) -> None:
    view = StepExplained(run, "layers.0.weight", (0, 0))
    picture = view.compute(run.view(), 600)
    assert picture.text.startswith(f"Step {run.step + 1} of layers.0.weight[0, 0] by Adam")
    assert picture.table.rows[0][2] == "β₁·m + (1 − β₁)·g"
    assert "data:image/png" in view._still(picture)["text/html"]
    view.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("layer.0.weight",), "Did you mean"),
        (("layers.0.weight", (0,)), "index has 2 whole numbers"),
        (("layers.0.weight", (3, 0)), r"inside of shape \(3, 4\)"),
    ],
)
def test_wrong_places_are_refused(run: it.Run, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StepExplained(run, *arguments)


def test_a_state_has_no_next_batch_and_is_refused() -> None:
    state = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1)).init(seed=0)
    with pytest.raises(TypeError, match="a run, which knows its next batch; got TrainState"):
        StepExplained(state)  # type: ignore[arg-type]
