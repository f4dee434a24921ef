"""Every loss trains alike eagerly and recorded, whatever it looks at."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.losses.test_properties import CASES
from tests.program.fits import TOLERANCE, assert_close, both, draw

RECORDABLE = {name: case for name, case in CASES.items() if not name.startswith("ctc")}
WAYS = [("d", 1, "mean"), ("d", 3, "sum"), ("f", 2, "mean")]


def problem(name: str, kind: str) -> tuple[Any, Any, Any]:
    """Return a model, 12 inputs and the targets of the case, three times over."""
    case = CASES[name]
    targets = np.concatenate([np.asarray(case.targets)] * 3)
    x = draw(12, *case.shape[1:-1], 3, dtype=kind)
    targets = targets.astype(kind) if targets.dtype.kind == "f" else targets
    return nn.Sequential(nn.Linear(3, case.shape[-1])), x, targets


@pytest.mark.parametrize(("kind", "shards", "reduction"), WAYS)
@pytest.mark.parametrize("name", RECORDABLE)
def test_a_loss_trains_alike_eagerly_and_recorded(
    name: str, kind: str, shards: int, reduction: str
) -> None:
    model, x, y = problem(name, kind)
    loss = partial(CASES[name].loss, reduction=reduction)
    trainer = it.Trainer(model, optim.SGD(0.05, momentum=0.5), loss=loss)
    state = trainer.init(seed=1, dtype=np.dtype(kind))
    eager, native, seen = both(
        trainer, state, (x, y), shards=shards, batch_size=5, epochs=2, shuffle=1
    )
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, TOLERANCE[kind])


def test_ctc_falls_back_with_one_notice(capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y = problem("ctc", "d")
    trainer = it.Trainer(model, optim.SGD(0.05), loss=losses.ctc)
    state = trainer.init(seed=1, dtype=np.float64)
    eager, native, seen = both(trainer, state, (x, y), batch_size=4, epochs=2)
    assert seen.eager == 6
    assert_close(native, eager, 0.0)
    notices = [line for line in capsys.readouterr().err.splitlines() if "eager" in line]
    assert len(notices) == 1
    assert "losses.ctc: the values of labels" in notices[0]


@pytest.mark.parametrize("shards", [1, 2])
def test_an_element_may_bring_its_loss(shards: int) -> None:
    x = draw(4, 6, 3)

    def loss_of(target: float, weights: Any) -> Any:
        return lambda p: (weights * (p - target) ** 2).mean()

    elements = [(x[i], loss_of(0.1 * i, np.arange(6.0).reshape(6, 1) + i)) for i in range(4)]
    trainer = it.Trainer(nn.Linear(3, 2), optim.Adam(0.05))
    state = trainer.init(seed=0, dtype=np.float64)
    eager, native, seen = both(trainer, state, elements, shards=shards, epochs=3)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, 1e-9)


def test_what_a_loss_returns_beside_the_loss_is_reported() -> None:
    def loss(p: Any, y: Any) -> Any:
        value = losses.mse(p, y)
        return value, {"worst": ((p - y) ** 2).max(), "doubled": 2.0 * value, "name": "mse"}

    x = draw(12, 3)
    trainer = it.Trainer(nn.Linear(3, 3), optim.SGD(0.1), loss=loss)
    state = trainer.init(seed=0, dtype=np.float64)
    told: list[list[Any]] = []

    def report(loss: float, aux: Any) -> None:
        told[-1].append((loss, float(aux["worst"]), float(aux["doubled"]), aux["name"]))

    modes: tuple[Literal["eager", "native"], ...] = ("eager", "native")
    for mode in modes:
        told.append([])
        with it.execution(mode):
            trainer.fit(state, (x, x[::-1]), batch_size=5, report=report, progress=False)
    for found, expected in zip(*told, strict=True):
        np.testing.assert_allclose(found[:3], expected[:3], rtol=1e-9)
        assert found[3] == "mse"
        assert found[2] == 2.0 * found[0]


def test_numbers_of_the_step_beside_the_loss_are_no_business_of_recordings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[Any] = []
    trainer = it.Trainer(
        nn.Linear(3, 3), optim.SGD(0.1), loss=lambda p, y: (losses.mse(p, y), p.numpy())
    )
    x = draw(4, 3)
    report = lambda aux: told.append(aux)  # noqa: E731
    trainer.fit(trainer.init(), (x, x), report=report, progress=False)
    assert isinstance(told[0], np.ndarray)
    assert "turned into a NumPy array" in capsys.readouterr().err
