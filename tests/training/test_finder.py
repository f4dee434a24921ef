"""lr_find: a rehearsal of which nothing remains, and a sane suggestion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.common import all_bits, line, problem, trainer_of


@pytest.mark.parametrize("rule", [optim.SGD(0.1), optim.Adam(0.01)], ids=repr)
def test_nothing_remains(rule: Any) -> None:
    trainer, (x, y) = trainer_of(rule), problem()
    data = it.batches(x, y, batch_size=8, shuffle=1)
    state = trainer.fit(trainer.init(), data, progress=False)
    before, history, last = all_bits(state), trainer.history, trainer.last_state
    order = [element[1].tolist() for element in it.batches(x, y, batch_size=8, shuffle=1)]
    twin = it.lr_find(trainer, state, data, steps=20)
    assert all_bits(state) == before
    assert trainer.history is history
    assert trainer.last_state is last
    assert [element[1].tolist() for element in data] == order
    again = it.lr_find(trainer, state, data, steps=20)
    assert again.loss.tobytes() == twin.loss.tobytes()


def test_on_a_quadratic_it_suggests_a_rate_at_which_plain_descent_converges() -> None:
    trainer, data = line(optim.SGD(0.1))
    sweep = it.lr_find(trainer, trainer.init(), data, batch_size=8)
    assert 1e-3 < sweep.suggestion < 1.0
    assert sweep.lr[0] == pytest.approx(1e-7)
    np.testing.assert_allclose(sweep.lr[1:] / sweep.lr[:-1], (1e8) ** (1 / 99))
    assert len(sweep.lr) == len(sweep.loss) == len(sweep.smoothed) <= 100
    state = it.adjusted(trainer.init(), lr=sweep.suggestion)
    trainer.fit(state, data, batch_size=8, epochs=300, progress=False)
    assert trainer.history.loss[-1] < 0.01 * trainer.history.loss[0]


def test_it_ends_where_the_loss_explodes_or_is_not_finite() -> None:
    trainer, data = line(optim.SGD(0.1))
    sweep = it.lr_find(trainer, trainer.init(), data, batch_size=8, high=1e6)
    assert sweep.lr[-1] < 1e5
    assert np.isfinite(sweep.loss).all()


def test_losses_below_zero_do_not_end_it() -> None:
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1))
    x = np.ones((4, 1), np.float32)
    data = [(x, lambda p: (p * p).mean() - 5.0)]
    assert len(it.lr_find(trainer, trainer.init(), data, high=0.1, steps=50).lr) == 50


def test_a_loss_that_never_falls_has_no_suggestion() -> None:
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1))
    x = np.ones((4, 1), np.float32)
    sweep = it.lr_find(trainer, trainer.init(), [(x, lambda p: p.sum() * 0.0 + 1.0)], steps=10)
    assert math.isnan(sweep.suggestion)
    sweep.plot()


def test_it_starts_where_the_state_stands() -> None:
    trainer, data = line(optim.SGD(0.01))
    state = trainer.fit(trainer.init(), data, batch_size=8, epochs=500, progress=False)
    sweep = it.lr_find(trainer, state, data, batch_size=8, steps=10)
    assert sweep.lr[0] == pytest.approx(1e-7)
    assert sweep.loss[0] == pytest.approx(trainer.evaluate(state, data)["loss"], rel=1e-4)


def test_it_draws_a_figure() -> None:
    figure_type = pytest.importorskip("matplotlib.figure").Figure
    trainer, data = line()
    sweep = it.lr_find(trainer, trainer.init(), data, batch_size=8, steps=30)
    figure = sweep.plot()
    assert isinstance(figure, figure_type)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert len(axes.lines[0].get_xdata()) == len(sweep.lr)
    assert f"{sweep.suggestion:.3g}" in repr(sweep)


class Rateless(optim.Rule):
    """A rule without a learning rate."""

    def init(self, x: Any) -> Any:
        return {}

    def apply(self, state: Any, x: Any, g: Any) -> Any:
        return state, 0.1 * g


LINE = line()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trainer": 3}, TypeError, "it.lr_find: the first argument is a Trainer; got 3"),
        ({"state": LINE[0].model}, TypeError, "it.lr_find: the second argument is a TrainState"),
        ({"low": 0}, ValueError, "it.lr_find: low must be .* got 0"),
        ({"low": "tiny"}, TypeError, "it.lr_find: low must be .* got 'tiny'"),
        ({"low": 1.0, "high": 1.0}, ValueError, "it.lr_find: high must be .* got 1.0"),
        ({"high": math.inf}, ValueError, "it.lr_find: high must be .* got inf"),
        ({"steps": 4}, ValueError, "it.lr_find: steps .* at least 5; got 4"),
        ({"steps": 9.5}, TypeError, "it.lr_find: steps .* got 9.5"),
        ({"batch_size": 0}, ValueError, "it.lr_find: batch_size .* got 0"),
        ({"data": []}, ValueError, "it.lr_find: there must be an element"),
        ({"data": iter([])}, TypeError, "it.lr_find: the data are passed again"),
        ({"data": [(np.ones((1, 1)), np.full((1, 1), np.nan))]}, it.NonFiniteError, "it.lr_find"),
        ({"trainer": it.Trainer(nn.Linear(1, 1), optim.SGD(0.1))}, TypeError, "a loss is needed"),
    ],
)
def test_bad_arguments_are_refused(options: Any, error: Any, message: str) -> None:
    trainer, data = LINE
    given = {"trainer": trainer, "state": trainer.init(), "data": data} | options
    with pytest.raises(error, match=message):
        it.lr_find(**({"batch_size": 8} if given["data"] is data else {}) | given)


def test_a_rule_without_a_rate_is_refused() -> None:
    trainer = it.Trainer(nn.Linear(1, 1), Rateless(), loss=losses.mse)
    with pytest.raises((ValueError, KeyError), match="lr"):
        it.lr_find(trainer, trainer.init(), LINE[1], batch_size=8)
