"""A card names the step of the state that its numbers come from, though the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training import TrainState
from interactive_train.training.views.looking import Looking
from interactive_train_widgets import (
    AttentionView,
    ConvolutionView,
    DecisionBoundary,
    DrawDigit,
    FirstLayerWeights,
    Misclassified,
)

rng = np.random.default_rng(0)
LABELS = np.arange(40) % 2
POINTS = (rng.normal(size=(40, 2)) + LABELS[:, None]).astype(np.float32)
PICTURES = rng.random((40, 64), dtype=np.float32)
TOKENS = rng.integers(0, 8, 12)


class Reader(nn.Module):
    """A small transformer."""

    def __init__(self) -> None:
        self.tokens = nn.Embedding(8, 8)
        self.block = nn.TransformerBlock(8, 2)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        return self.out(self.block(self.tokens(x)))


def net() -> nn.Module:
    convolution = nn.Conv2d(1, 3, 3)
    return nn.Sequential(convolution, nn.relu, nn.Flatten(), nn.Linear(108, 2))


def lines() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 8), nn.relu, nn.Linear(8, 2))


SQUARES = PICTURES.reshape(-1, 1, 8, 8)
CASES: dict[str, tuple[Any, Any, Any, Callable[[Any], Any]]] = {
    "boundary": (
        nn.Linear(2, 2),
        POINTS,
        LABELS,
        lambda run: DecisionBoundary(run, POINTS, LABELS),
    ),
    "digit": (lines(), PICTURES, LABELS, DrawDigit),
    "first layer": (lines(), PICTURES, LABELS, FirstLayerWeights),
    "wall": (lines(), PICTURES, LABELS, lambda run: Misclassified(run, PICTURES, LABELS)),
    "convolution": (net(), SQUARES, LABELS, lambda run: ConvolutionView(run, SQUARES[:2])),
    "attention": (Reader(), TOKENS[None], TOKENS[None], lambda run: AttentionView(run, TOKENS)),
}


def advance(run: it.Run, steps: int) -> None:
    run.advance(steps).wait()
    with pytest.raises(it.RunPaused):
        run.wait()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[TrainState]:
    """The states that were read of a paused run, which takes a step behind each."""
    found: list[TrainState] = []
    prop: Any = Looking.state

    def state(run: it.Run) -> TrainState:
        found.append(prop.fget(run))
        if run.status == "paused":
            advance(run, 1)
        return found[-1]

    monkeypatch.setattr(Looking, "state", property(state))
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_step_is_that_of_the_state_that_was_used(name: str, read: list[TrainState]) -> None:
    model, x, y, make = CASES[name]
    trainer = it.Trainer(model, optim.SGD(0.1), loss=losses.cross_entropy_sparse)
    run = trainer.start(
        trainer.init(seed=0), (x, y), batch_size=min(8, len(x)), epochs=None, pace=200
    )
    run.pause().wait()
    view = make(run)
    asked = run.view()
    advance(run, 2)
    read.clear()
    head, buffers = view._painter.frame(asked, 600)
    (used,) = read  # all that a picture shows is of one state
    assert used.step == asked.step + 2
    assert run.step == asked.step + 3
    assert head["run"]["step"] == used.step
    alone = make(used)
    again, bytes_of_state = alone._painter.frame(alone._sources[0].view(), 600)
    same = ("arrays", "text", "table") if name != "first layer" else ("arrays",)
    assert [head[part] for part in same] == [again[part] for part in same]
    if name != "first layer":  # which compares with the state at which it was made
        assert head["data"] == again["data"]
    assert bytes(buffers[0]) == bytes(bytes_of_state[0])
    view.close()
    alone.close()
    run.close()
