"""What a dashboard asks of a run: knobs by part where they differ, past courses, the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim, schedules
from tests.training.common import problem, trainer_of, until


def paused(rule: Any) -> it.Run:
    trainer = trainer_of(rule, 0.25)
    run = trainer.start(trainer.init(), problem(), batch_size=8, pace=500)
    run.pause().wait(10)
    return run


def values(run: it.Run, name: str) -> dict[str, float]:
    return {k.path: k.effective for k in run.view().knobs if k.description.name == name}


def test_biases_of_another_rate_are_listed_array_by_array() -> None:
    def rule(path: str, x: Any) -> optim.Rule:
        return optim.SGD(0.01 if path.endswith("bias") else 0.1)

    run = paused(rule)
    found = values(run, "lr")
    biases = [path for path, _ in run.state.opt_state.leaves() if path.endswith("bias")]
    assert found == {"": 0.1} | dict.fromkeys(biases, 0.01)
    run.adjust(biases[0], lr=0.5).wait(10)
    assert values(run, "lr") == found | {biases[0]: 0.5}
    run.close()


def test_a_layer_that_differs_as_a_whole_is_listed_once() -> None:
    run = paused(optim.SGD(0.1))
    layer = run.view().groups[-1].path
    run.adjust(layer, lr=0.5).wait(10)
    assert values(run, "lr") == {"": 0.1, layer: 0.5}
    run.close()


def test_a_past_course_is_what_was_used_and_the_rest_what_is_planned() -> None:
    run = paused(optim.AdamW(0.1, weight_decay=schedules.linear(0.0, 1.0, 1000)))
    before = run.step
    run.adjust(weight_decay=it.scale(0.5)).wait(10)
    run.advance(3).wait(10)
    until(lambda: run.status == "paused")
    run.adjust(weight_decay=0.25).wait(10)
    steps = [1, before, before + 1, before + 3, before + 4, before + 100]
    base = np.interp(steps, [0, 1000], [0.0, 1.0])
    planned = base * [1, 1, 0.5, 0.5, 0, 0] + [0, 0, 0, 0, 0.25, 0.25]
    np.testing.assert_allclose(run.course("weight_decay", steps), planned, atol=2e-3)
    run.undo().wait(10)
    assert run.course("weight_decay", [before + 100])[0] == pytest.approx(
        (before + 100) / 2000, abs=2e-3
    )
    run.close()


def test_closing_a_run_tells_who_asked_for_it_once() -> None:
    told: list[str] = []
    run = paused(optim.SGD(0.1))
    run.subscribe(lambda: None, lambda: told.append(run.status))
    run.stop()
    run.close()
    assert told == ["stopped"]
