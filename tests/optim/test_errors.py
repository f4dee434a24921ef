"""What the optimiser refuses, and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train import nn, optim, schedules


def state_of(rule: optim.Rule | None = None) -> optim.OptimizerState:
    return optim.setup(rule or optim.Adam(), {"w": np.ones(2), "b": np.ones(1)})


def read_only() -> Any:
    array = np.ones(2)
    array.flags.writeable = False
    return array


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a negative rate": (
        lambda: optim.SGD(-1),
        ValueError,
        r"optim.SGD: lr must be a finite number in \[0, inf\); got -1.0. The default is 0.01",
    ),
    "a rate in words": (
        lambda: optim.Adam("fast"),
        TypeError,
        r"optim.Adam: lr must be a real number in \[0, inf\); got 'fast'. The default",
    ),
    "a rate that is a bool": (lambda: optim.SGD(True), TypeError, "lr must be a real number"),
    "a rate that is not a number": (lambda: optim.SGD(np.nan), ValueError, "lr .* got nan"),
    "a momentum of 1": (
        lambda: optim.SGD(momentum=1.0),
        ValueError,
        r"optim.SGD: momentum must be a finite number in \[0, 1\); got 1.0",
    ),
    "a beta of 1": (lambda: optim.Adam(beta2=1), ValueError, r"beta2 .* in \[0, 1\); got 1.0"),
    "a negative decay": (
        lambda: optim.AdamW(weight_decay=-0.1),
        ValueError,
        "weight_decay .* got -0.1",
    ),
    "a flag that is none": (
        lambda: optim.SGD(nesterov=1),  # type: ignore[arg-type]
        TypeError,
        "optim.SGD: nesterov must be True or False; got 1",
    ),
    "a schedule that begins below 0": (
        lambda: optim.SGD(lambda step: -0.1),
        ValueError,
        "optim.SGD: lr .* got -0.1",
    ),
    "a schedule that says nothing": (
        lambda: optim.SGD(lambda step: None),
        TypeError,
        "optim.SGD: what the schedule .* got None",
    ),
    "a schedule not called": (
        lambda: optim.SGD(schedules.cosine_decay),
        TypeError,
        "optim.SGD: lr is a number or a schedule; got the class cosine_decay",
    ),
    "a factor as the rate of a rule": (
        lambda: optim.SGD(optim.scale(0.5)),
        TypeError,
        "lr is a number or a schedule; got Scaled",
    ),
    "a negative factor": (lambda: optim.scale(-1.0), ValueError, "it.scale: factor .* got -1.0"),
    "setup with the class": (
        lambda: optim.setup(optim.Adam, {"w": np.ones(1)}),  # type: ignore[arg-type]
        TypeError,
        "it.setup: the first argument is a rule; got the class Adam",
    ),
    "setup with a number": (
        lambda: optim.setup(0.1, {"w": np.ones(1)}),  # type: ignore[arg-type]
        TypeError,
        "it.setup: the first argument is a rule; got 0.1",
    ),
    "a chooser that chooses nothing": (
        lambda: optim.setup(lambda path, x: None, {"w": np.ones(1)}),  # type: ignore[arg-type, return-value]
        TypeError,
        "it.setup: the rule for 'w' is an optim.Rule; got None",
    ),
    "setup of a declared model": (
        lambda: optim.setup(optim.SGD(), nn.Linear(2, 3)),
        ValueError,
        "it.setup: the model must be filled; got only a declaration at 'weight'",
    ),
    "a read-only array": (
        lambda: optim.setup(optim.SGD(), {"w": [read_only()]}),
        ValueError,
        "it.setup: .* writable .*; got a read-only array at 'w.0'",
    ),
    "a NumPy scalar": (
        lambda: optim.setup(optim.SGD(), {"w": np.float64(1.0)}),
        ValueError,
        "got a float64 at 'w'",
    ),
    "float16 without a master": (
        lambda: optim.setup(optim.SGD(), {"w": np.ones(2, np.float16)}),
        TypeError,
        "it.setup: trainable arrays are float32 or float64; got float16 at 'w'",
    ),
    "an unknown knob": (
        lambda: optim.adjust(state_of(), beta=0.5),
        ValueError,
        "it.adjust: a hyperparameter .*; got 'beta'. Did you mean \"beta[12]\"",
    ),
    "adjust with nothing": (lambda: optim.adjust(state_of()), TypeError, "something to set"),
    "adjust by two rates": (
        lambda: optim.adjust(state_of(), 0.1, lr=0.2),
        TypeError,
        "takes one learning rate",
    ),
    "adjust for another rule": (
        lambda: optim.adjust(state_of(), optim.SGD, lr=0.2),
        ValueError,
        "SGD.*; got only Adam",
    ),
    "adjust to a text": (lambda: optim.adjust(state_of(), "fast"), TypeError, "got 'fast'"),
    "freeze a model": (
        lambda: optim.freeze(nn.init(nn.Linear(2, 3))),
        TypeError,
        r"it.freeze: works on an optimiser state .*; got a model or an array .*opt_state.layers",
    ),
    "freeze a rule": (
        lambda: optim.freeze(optim.Adam()),  # type: ignore[arg-type]
        TypeError,
        "got the rule Adam. Make one with opt_state = it.setup",
    ),
    "a part that is none": (
        lambda: state_of()["weigth"],
        KeyError,
        "optimiser state: a path.* got 'weigth'",
    ),
    "an attribute that is none": (lambda: state_of().v, AttributeError, "got 'v'"),
    "a release of nobody": (lambda: optim.release(state_of(), "rate"), ValueError, "got 'rate'"),
    "update without a state": (
        lambda: optim.update(optim.Adam(), {}, {}),  # type: ignore[arg-type]
        TypeError,
        "it.update: works on an optimiser state .* got the rule Adam",
    ),
    "update without gradients": (
        lambda: optim.update(state_of(), {"w": np.ones(2), "b": np.ones(1)}, None),
        TypeError,
        "it.update: grads is a tree shaped like the model; got None",
    ),
    "a gradient of another shape": (
        lambda: optim.update(
            state_of(), {"w": np.ones(2), "b": np.ones(1)}, {"w": np.ones(3), "b": None}
        ),
        ValueError,
        r"it.update: the gradient at 'w' has the parameter's shape \(2,\); got \(3,\)",
    ),
    "a gradient that is missing": (
        lambda: optim.update(state_of(), {"w": np.ones(2), "b": np.ones(1)}, {"w": np.ones(2)}),
        KeyError,
        "it.update, grads",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused(case: str) -> None:
    call, kind, message = CASES[case]
    with pytest.raises(kind, match=message):
        call()


def test_an_adjust_that_is_refused_changes_no_knob_at_all() -> None:
    state = state_of()
    before = {path: dict(leaf.knobs) for path, leaf in state}
    with pytest.raises(ValueError, match="beta1"):
        optim.adjust(state, lr=0.5, beta1=1.5)
    with pytest.raises(ValueError, match="Did you mean"):
        optim.adjust(state, lr=0.5, beta3=0.5)
    assert {path: leaf.knobs for path, leaf in state} == before


def test_an_update_that_is_refused_changes_nothing() -> None:
    model = {"w": np.ones(2), "b": np.ones(1)}
    state = optim.setup(optim.Adam(), model)
    with pytest.raises(ValueError, match="shape"):
        optim.update(state, model, {"w": np.ones(2), "b": np.ones(4)})
    assert (model["w"] == 1).all()
    assert state.step == 0
    assert state["w"].state["beta1_power"] == 1.0


def test_a_model_without_parameters_gets_a_state_and_a_notice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = optim.setup(optim.SGD(), {"steps": np.array(3)})
    assert len(state) == 0
    assert "no trainable parameters" in capsys.readouterr().err
