"""What a step leaves behind depends on what it found, in whatever order places are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.optim.rule import Rule
from tests.program.fits import assert_close, both, draw

Apply = Callable[[dict[str, Any], Any, Any], tuple[dict[str, Any], Any]]


class Own(Rule):
    """A rule of the user, with two arrays and one number of state."""

    def __init__(self, function: Apply, calm: bool) -> None:
        super().__init__()
        self.function, self.calm = function, calm

    def tame(self, values: dict[str, float]) -> bool:
        return self.calm

    def init(self, x: Any) -> Any:
        return {"m": self.zeros(x), "p": self.zeros(x), "one": np.ones((), x.dtype)}

    def apply(self, state: Any, x: Any, g: Any) -> Any:
        new, step = self.function(state, x, g)
        return {**state, **new}, step


RULES: dict[str, Apply] = {
    "steps by the old mean": lambda s, x, g: ({"m": 0.9 * s["m"] + g}, 0.1 * s["m"]),
    "swaps": lambda s, x, g: ({"m": s["p"] + g, "p": s["m"]}, 0.1 * s["m"]),
    "swaps without more": lambda s, x, g: ({"m": s["p"], "p": s["m"] + g}, 0.1 * g),
    "keeps the old weights": lambda s, x, g: ({"m": s["p"], "p": x}, 0.1 * (g + 0.1 * s["m"])),
    "keeps one value twice": lambda s, x, g: ({"m": 0.9 * s["m"] + g, "p": 0.9 * s["m"] + g}, g),
    "keeps the same value twice": lambda s, x, g: (lambda u: ({"m": u, "p": u}, 0.1 * u))(
        0.9 * s["m"] + g
    ),
    "keeps the gradient": lambda s, x, g: ({"m": g, "p": s["m"]}, 0.1 * (g + s["m"])),
    "uses its first row": lambda s, x, g: ({}, 0.1 * (g + 0.1 * x[0])),
    "shrinks by a number": lambda s, x, g: ({"one": s["one"] * 0.9}, 0.1 * g * s["one"]),
    "does nothing": lambda s, x, g: ({}, g * 0.0),
}


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("calm", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_the_user_sees_what_the_step_found(name: str, calm: bool, shards: int) -> None:
    model = nn.Sequential(nn.Linear(4, 30, bias=False), nn.tanh, nn.Linear(30, 2, bias=False))
    trainer = it.Trainer(model, Own(RULES[name], calm), loss=losses.mse)
    x = draw(20, 4)
    state = trainer.init(seed=0, dtype=np.float64)
    eager, native, seen = both(trainer, state, (x, x[:, :2]), shards=shards, batch_size=6, epochs=2)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, 1e-9)


class Keeps(nn.Module):
    """Writes buffers, each from what another one held."""

    def __init__(self, write: Callable[[Any, Any], Any]) -> None:
        self.last: Any = nn.Buffer((6,), nn.initializers.zeros)
        self.other: Any = nn.Buffer((6,), nn.initializers.ones)
        self.rows: Any = nn.Buffer((2, 6), nn.initializers.zeros)
        self.function = write

    def forward(self, x: Any) -> Any:
        y = np.tanh(x * 2.0)
        for name, value in self.function(self, y).items():
            self.write(name, value)
        return y + 0.1 * self.other


BUFFERS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "a row": lambda own, y: {"last": y[1] * 1.0, "other": own.last + 1.0},
    "pieces of a value": lambda own, y: {"last": y[1], "rows": (y * 3.0)[:2]},
    "each other": lambda own, y: {"last": own.other + 1.0, "other": own.last + y.mean(0)},
    "each other, plainly": lambda own, y: {"last": own.other, "other": own.last},
    "one value twice": lambda own, y: (lambda u: {"last": u, "other": u})(y.sum(0) + own.last),
    "constants": lambda own, y: {"last": np.arange(6.0), "other": own.other},
}


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("name", BUFFERS)
def test_a_layer_writes_what_the_step_found(name: str, shards: int) -> None:
    model = nn.Sequential(nn.Linear(4, 6), Keeps(BUFFERS[name]), nn.Linear(6, 2))
    trainer = it.Trainer(model, optim.Adam(0.01), loss=losses.mse)
    x = draw(20, 4)
    state = trainer.init(seed=0, dtype=np.float64)
    eager, native, seen = both(trainer, state, (x, x[:, :2]), shards=shards, batch_size=6, epochs=2)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, 1e-9)
