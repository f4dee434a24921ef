"""it.Knob: a user's own number, live in a fit, kept in its state, the default elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.program.fits import watched
from tests.training.common import line, until

LOUD = it.Knob("loudness", 1.0, low=0.5, high=10.0, scale="log")


class Louder(nn.Module):
    """Multiplies by a knob."""

    def __init__(self, knob: Any = LOUD) -> None:
        self.knob = knob

    def forward(self, x: Any) -> Any:
        return x * self.knob


def fixed(where: str, knob: Any = LOUD) -> tuple[it.Trainer, Any]:
    """Return a trainer whose loss is the knob, read in a loss, a layer or an augmentation."""
    x = np.ones((4, 1), np.float32)
    layers = [nn.Linear(1, 1)] + ([Louder(knob)] if where == "layer" else [])

    def loss(p: Any, t: Any) -> Any:
        factor = knob if where == "loss" else np.mean(t)
        factor = p.mean() if where == "layer" else factor
        return p.mean() * 0.0 + factor

    data = it.Data.from_list([(x, x)] * 4).map(
        lambda a, b: (a, b * float(knob)) if where == "data" else (a, b)
    )
    trainer = it.Trainer(nn.Sequential(*layers), optim.SGD(0.0), loss=loss)
    state = trainer.make_state({"layers.0.weight": np.zeros((1, 1)), "layers.0.bias": np.ones(1)})
    return trainer, (state, data)


@pytest.mark.parametrize("where", ["loss", "layer", "data"])
def test_it_is_turned_journaled_and_taken_back_in_mid_fit(where: str) -> None:
    trainer, (state, data) = fixed(where)
    run = trainer.start(state, data, pace=400)
    run.advance(2).wait(10)
    until(lambda: run.status == "paused")
    turn: Any = lambda: run.adjust(loudness=3.0)  # noqa: E731
    for change, expected in ((turn, 3.0), (run.undo, 1.0)):
        change().wait(10)
        at = len(run.history)
        run.advance(2).wait(10)
        until(lambda: run.status == "paused")
        assert run.history.loss[at:].tolist() == [expected] * 2
    rows = [(e.kind, e.path, e.name, e.old, e.new) for e in run.journal if e.name == "loudness"]
    assert rows[0] == ("adjust", "", "loudness", "1", "3")
    views = {k.description.name: k for k in run.view().knobs}
    assert views["loudness"].description == LOUD.description
    with pytest.raises(ValueError, match=r"run.adjust: loudness must be .*\[0.5, 10\]; got 11"):
        run.adjust(loudness=11.0)
    run.adjust(loudness=lambda step: 2.0).wait(10)
    assert run.setting("loudness").scheduled


@pytest.mark.parametrize("where", ["loss", "layer", "data"])
def test_the_state_keeps_it_for_the_next_fit(where: str) -> None:
    trainer, (state, data) = fixed(where)
    run = trainer.start(state, data, epochs=1).wait(10)
    run.adjust(loudness=4.0).wait(10)
    assert run.state.controls["loudness"].effective(1) == 4.0
    trainer.fit(run.state, data, progress=False)
    assert trainer.history.loss.tolist() == [4.0] * 4
    trainer.fit(state, data, progress=False)
    assert trainer.history.loss.tolist() == [1.0] * 4
    assert float(LOUD) == 1.0


def test_predict_and_evaluate_use_the_setting_of_the_state() -> None:
    trainer, (state, data) = fixed("layer")
    x = np.ones((2, 1), np.float32)
    run = trainer.start(state, data, epochs=1, validation=(x, x)).wait(10)
    assert run.predict(x).tolist() == [[1.0], [1.0]]
    run.adjust(loudness=5.0).wait(10)
    assert run.predict(x).tolist() == trainer.predict(run.state, x).tolist() == [[5.0], [5.0]]
    assert run.evaluate() == {"validation_loss": 5.0}
    assert trainer.evaluate(run.state, (x, x)) == {"loss": 5.0}
    assert np.asarray(run.state.model(x)).tolist() == [[1.0], [1.0]]  # no fit: the default
    trainer.fit(run.state, data, validation=(x, x), progress=False)
    assert trainer.history.last("validation_loss") == 5.0
    (value, _), _ = trainer.value_and_grad(run.state, x, x)
    assert value == 5.0
    assert trainer.step(run.state, x, x)[0] == 5.0
    assert trainer.step(run.state, x, x, training=False)[0] == 5.0


def test_outside_of_a_fit_it_is_a_number() -> None:
    knob = it.Knob("k", 2.0)
    assert [knob + 1, 1 + knob, knob - 1, 1 - knob, knob * 3, 3 * knob] == [3, 3, 1, -1, 6, 6]
    assert [knob / 4, 4 / knob, knob**3, 3**knob, -knob, float(knob)] == [0.5, 2, 8, 9, -2, 2]
    assert repr(LOUD) == "Knob('loudness', 1, in [0.5, 10])"


def test_two_declarations_of_one_name_are_refused() -> None:
    trainer, (x, _) = line()
    one, other = it.Knob("k", 1.0), it.Knob("k", 2.0)
    twin = it.Knob("k", 1.0)
    state = trainer.init()
    with pytest.raises(ValueError, match=r"it.Knob: one declaration per name; got two of 'k'"):
        trainer.fit(state, [(x, lambda p: p.sum() * one * other)], progress=False)
    data = [(x, lambda p: p.sum() * one), (x, lambda p: p.sum() * other)]
    with pytest.raises(ValueError, match=r"it.Knob: one declaration per name"):
        trainer.fit(state, data, progress=False)
    trainer.fit(state, [(x, lambda p: p.sum() * one * twin)], progress=False)


def test_a_new_declaration_in_a_later_fit_replaces_the_old_if_the_setting_fits() -> None:
    trainer, (x, _) = line()
    old = it.Knob("k", 2.0)
    state = trainer.fit(trainer.init(), [(x, lambda p: p.mean() * 0.0 + old)], progress=False)
    wide, narrow = it.Knob("k", 1.0, low=0, high=9), it.Knob("k", 0.5, low=0, high=1)
    after = trainer.fit(state, [(x, lambda p: p.mean() * 0.0 + wide)], progress=False)
    assert trainer.history.loss.tolist() == [2.0]
    assert after.own_knobs == (wide.description,)
    with pytest.raises(ValueError, match=r"knob 'k': k must be .*\[0, 1\]; got 2.0"):
        trainer.fit(state, [(x, lambda p: p.mean() * 0.0 + narrow)], progress=False)


def test_a_name_of_the_optimiser_is_refused() -> None:
    trainer, (x, _) = line(optim.Adam(0.1))
    knob = it.Knob("beta1", 1.0)
    with pytest.raises(ValueError, match=r"it.Knob: a name that neither .*; got 'beta1'"):
        trainer.fit(trainer.init(), [(x, lambda p: p.sum() * knob)], progress=False)


def test_the_flux_form_reads_it_too() -> None:
    model = {"w": np.ones(1)}
    opt_state = it.setup(optim.SGD(0.0), model)
    history = it.train(
        lambda m, x: m["w"].sum() * LOUD * x, model, [1.0, 2.0], opt_state, progress=False
    )
    assert history.loss.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("a b", 1.0), {}, ValueError, "it.Knob: the name is an identifier; got 'a b'"),
        ((3, 1.0), {}, ValueError, "it.Knob: the name is an identifier; got 3"),
        (("k", "1"), {}, TypeError, "it.Knob: default must be a real number; got '1'"),
        (("k", True), {}, TypeError, "it.Knob: default must be .* got True"),
        (("k", np.nan), {}, ValueError, "it.Knob: default must be .* got nan"),
        (("k", 5.0), {"high": 1.0}, ValueError, "it.Knob: default must be .*; got 5.0"),
        (("k", 1.0), {"low": None}, TypeError, "it.Knob: low must be a real number; got None"),
        (("k", 1.0), {"high": np.nan}, ValueError, "it.Knob: high must be .* got nan"),
        (("k", 1.0), {"low": 2, "high": 1}, ValueError, "low is below high; got low=2, high=1"),
        (("k", 1.0), {"scale": "log"}, ValueError, "a log scale needs low above 0; got -inf"),
        (("k", 1.0), {"scale": "cubic"}, ValueError, 'scale is "linear" or "log"; got \'cubic\''),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(
    arguments: Any, options: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        it.Knob(*arguments, **options)


def test_it_changes_the_gradient() -> None:
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=lambda p, t: losses.mse(p, t) * LOUD)
    x = np.ones((2, 1), np.float32)
    run = trainer.start(trainer.init(), [(x, 0 * x)], epochs=1).wait(10)
    norm = trainer.value_and_grad(run.state, x, 0 * x)[1]
    run.adjust(loudness=2.0).wait(10)
    twice = trainer.value_and_grad(run.state, x, 0 * x)[1]
    assert float(optim.global_norm(twice)) == pytest.approx(2 * float(optim.global_norm(norm)))


@pytest.mark.parametrize("recorded", [True, False])
def test_a_gradient_of_ones_own_may_read_it(recorded: bool) -> None:
    """With mse = (w - 0)^2 at w = 1 the gradient is 2; its knob makes it 2 loudness."""
    scaled = it.custom_vjp(lambda v: v * 1.0, lambda g, y, v: (g * LOUD,))
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(1, 1, bias=False), nn.Lambda(scaled)),
        optim.SGD(0.125),
        loss=losses.mse,
    )
    x = np.ones((2, 1), np.float32)
    with watched(recorded=recorded) as seen:
        state = trainer.make_state({"layers.0.weight": np.ones((1, 1))})
        run = trainer.start(state, [(x, 0 * x)], epochs=1).wait(10)
        assert run.state.model.layers[0].weight[0, 0] == 0.75
        run.adjust(loudness=2.0).wait(10)
        run.extend(steps=1)
        assert run.wait(10).state.model.layers[0].weight[0, 0] == 0.375
    assert bool(seen.eager) is not recorded
