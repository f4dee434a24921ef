"""Rules are recorded with unknown arrays, hyperparameters and counters, and step as ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train import optim
from interactive_train.autodiff.tensor import Tensor
from interactive_train.kernels.status import CHANGED
from interactive_train.optim.norms import root_of_squares
from tests.optim.rules_list import RULES
from tests.recorded import Recorded

RNG = np.random.default_rng(11)
MORE: dict[str, optim.Rule] = {
    "RAdam forgetful": optim.RAdam(0.05, beta2=0.9),  # comes to its variance in few steps
    "Rprop at rest": optim.Rprop(0.0),
    "Adafactor slow": optim.Adafactor(0.5, weight_decay=0.1),
    "Lamb decayed": optim.Lamb(0.01),
    "Muon decayed": optim.Muon(0.01, nesterov=False),
    "AMSGrad": optim.AMSGrad(0.02),
    **{f"ClipNorm {p}": optim.ClipNorm(0.5, p=p) for p in (1, 2, 3.0, np.inf, -np.inf)},
    "SignDecay": optim.SignDecay(),
    "AccumGrad": optim.AccumGrad(2),
}
ALL = {**{name: case.rule for name, case in RULES.items()}, **MORE}


class Stepping:
    """A rule on one array as a function of arrays and numbers, whatever these are."""

    def __init__(self, rule: optim.Rule, x: Any) -> None:
        self.rule = rule
        knobs = {name: setting.effective(1) for name, setting in rule.settings().items()}
        self.state = rule.at(knobs).init(x)
        self.knobs = list(knobs)
        self.arrays = [k for k, v in self.state.items() if isinstance(v, np.ndarray)]
        self.floats = [k for k in self.state if k not in self.arrays]

    def numbers(self, step: int) -> list[float]:
        settings = self.rule.settings()
        knobs = [settings[name].effective(step) for name in self.knobs]
        return [*knobs, *(self.state[name] for name in self.floats)]

    def given(self, x: Any, g: Any) -> list[Any]:
        return [x, g, *(self.state[name] for name in self.arrays)]

    def __call__(self, tensors: list[Tensor], numbers: list[Any]) -> list[Any]:
        x, g, *arrays = tensors
        knobs = dict(zip(self.knobs, numbers, strict=False))
        floats = dict(zip(self.floats, numbers[len(knobs) :], strict=True))
        state: Any = {**dict(zip(self.arrays, arrays, strict=True)), **floats}
        dx: Any = g
        for phase, part in enumerate(self.rule.parts()):
            if part is not None and dx is not None:
                norm = root_of_squares([dx]) if phase else None
                state, dx = part.at({**knobs, "global_norm": norm}).apply(state, x, dx)
        return [dx, *(state[name] for name in (*self.arrays, *self.floats))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALL)
def test_a_recorded_rule_steps_like_the_rule(name: str, dtype: Any) -> None:
    x = RNG.normal(size=(4, 3)).astype(dtype)
    stepping = Stepping(ALL[name], x)
    recorded: Recorded | None = None
    for step in range(1, 9):
        g = RNG.normal(size=x.shape).astype(dtype)
        arrays, numbers = stepping.given(x, g), stepping.numbers(step)
        with np.errstate(all="ignore"):
            plain = stepping([Tensor(a) for a in arrays], list(numbers))
        expected = [np.asarray(v) if isinstance(v, Tensor) else v for v in plain]
        try:
            if recorded is None:
                recorded = Recorded(stepping, arrays, numbers)
            found = recorded(arrays, numbers)
        except RuntimeError as error:  # a branch goes elsewhere: record again
            assert str(error) == f"status {CHANGED}"  # noqa: PT017
            assert name.startswith(("RAdam", "Accum", "accum"))
            recorded = Recorded(stepping, arrays, numbers)
            found = recorded(arrays, numbers)
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            if theirs is None:
                assert ours is None
                continue
            assert np.asarray(ours).dtype == np.asarray(theirs).dtype
            tolerance = 1e-6 if dtype == np.float32 else 1e-14
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        names = (*stepping.arrays, *stepping.floats)
        stepping.state = dict(zip(names, expected[1:], strict=True))
        if expected[0] is not None:
            x = x - expected[0]


@pytest.mark.parametrize("name", ALL)
def test_counters_stay_plain_floats(name: str) -> None:
    x = RNG.normal(size=(4, 3))
    stepping = Stepping(ALL[name], x)
    for _ in range(6):
        found = stepping([Tensor(a) for a in stepping.given(x, x)], stepping.numbers(1))
        floats = found[len(found) - len(stepping.floats) :]
        assert all(type(value) is float for value in floats)
        names = (*stepping.arrays, *stepping.floats)
        plain = [v.numpy() if isinstance(v, Tensor) else v for v in found[1:]]
        stepping.state = dict(zip(names, plain, strict=True))
