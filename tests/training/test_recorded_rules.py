"""Every update rule and modifier, recorded, leaves what eager steps leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from tests.optim.rules_list import RULES
from tests.program.fits import TOLERANCE, assert_close, both, draw

MORE: dict[str, optim.Rule] = {
    "RAdam forgetful": optim.RAdam(0.05, beta2=0.9),  # comes to its variance in few steps
    "Rprop at rest": optim.Rprop(0.0),
    "Adafactor slow": optim.Adafactor(0.5, weight_decay=0.1),
    "Lamb decayed": optim.Lamb(0.01),
    "Muon decayed": optim.Muon(0.01, nesterov=False),
    **{
        f"ClipNorm {p}": optim.Chain(optim.ClipNorm(0.05, p=p), optim.SGD(0.1))
        for p in (1, 2, 3.0, np.inf)
    },
    "SignDecay": optim.Chain(optim.SignDecay(), optim.Adam(0.01)),
    "AccumGrad": optim.Chain(optim.AccumGrad(2), optim.SGD(0.1, momentum=0.9)),
    "a schedule": optim.AdamW(schedules.linear(0.0, 0.05, 3)),
}
ALL = {**{name: case.rule for name, case in RULES.items()}, **MORE}
X = draw(23, 4)
Y = np.sin(X[:, :2]) + X[:, 2:]
WAYS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "float64": ("d", 1, {}),
    "float32 in 2 shards": ("f", 2, {}),
    "clipped, accumulated, in 3 shards": ("d", 3, {"clip_norm": 0.5, "accumulate": 2}),
}


def fit(rule: Any, way: str, model: Any = None, **more: Any) -> Any:
    kind, shards, options = WAYS[way]
    model = model or nn.Sequential(nn.Linear(4, 6), nn.tanh, nn.Linear(6, 2))
    trainer = it.Trainer(model, rule, loss=losses.mse)
    state = trainer.init(seed=2, dtype=np.dtype(kind))
    data = X.astype(kind), Y.astype(kind)
    options = {"batch_size": 5, "epochs": 3, "shuffle": 1} | options | more
    return (*both(trainer, state, data, shards=shards, **options), TOLERANCE[kind])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ALL)
def test_a_rule_updates_alike_eagerly_and_recorded(name: str, way: str) -> None:
    model = None
    if "Muon" in name:
        model = nn.Sequential(nn.Linear(4, 6, bias=False), nn.tanh, nn.Linear(6, 2, bias=False))
    eager, native, seen, tolerance = fit(ALL[name], way, model)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, tolerance)


@pytest.mark.parametrize("way", WAYS)
def test_several_rules_in_one_model_update_alike(way: str) -> None:
    def rule(path: str, array: Any) -> optim.Rule:
        if path.endswith("bias"):
            return optim.SGD(0.1)
        return optim.Adam(0.02) if path.startswith("layers.0") else optim.Lamb(0.02)

    eager, native, seen, tolerance = fit(rule, way)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, tolerance)


def test_master_copies_are_no_business_of_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    eager, native, seen, tolerance = fit(
        optim.MixedPrecision(optim.Adam(0.01)), "float32 in 2 shards"
    )
    assert_close(native, eager, tolerance)
    assert "MixedPrecision: keeps master copies" in seen.engine.refused
    assert capsys.readouterr().err.count("runs eagerly") == 1
