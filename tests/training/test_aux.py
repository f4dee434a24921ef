"""What a loss gives beside the loss: (loss, aux) in every form, everywhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, optim
from tests.training.common import line, parameter_bits


class Named(NamedTuple):
    """A result with names."""

    loss: Any
    error: Any


FORMS: list[tuple[Any, Any]] = [
    (lambda e: (e, 5), 5),
    (lambda e: (e, "a", "b"), ("a", "b")),
    (lambda e: (e, {"n": 1}), {"n": 1}),
    (lambda e: (e, [1, 2]), [1, 2]),
    (lambda e: (e, (1, 2)), (1, 2)),
    (lambda e: Named(e, 7), 7),
    (lambda e: (e,), None),
    (lambda e: e, None),
]


@pytest.mark.parametrize(("form", "expected"), FORMS)
def test_a_report_and_train_step_get_it(form: Any, expected: Any) -> None:
    def loss(m: Any, x: Any) -> Any:
        return form(((m["w"] - x) ** 2).sum())

    model, seen = {"w": np.zeros(1)}, []
    opt_state = it.setup(optim.SGD(0.25), model)
    it.train(
        loss, model, [1.0, 1.0], opt_state, report=lambda aux: seen.append(aux), progress=False
    )
    assert seen == [expected, expected]
    model = {"w": np.zeros(1)}
    found = it.train_step(loss, model, 3.0, it.setup(optim.SGD(0.25), model))
    assert found == (9.0 if expected is None else (9.0, expected))


def test_it_changes_no_step() -> None:
    trainer, (x, y) = line()
    plain = trainer.fit(trainer.init(), [(x, y)] * 3, progress=False)
    with_aux = it.Trainer(trainer.model, trainer.rule, loss=lambda p, t: (losses.mse(p, t), p))
    state = with_aux.fit(with_aux.init(), [(x, y)] * 3, progress=False)
    assert parameter_bits(state) == parameter_bits(plain)
    loss, stepped = with_aux.step(with_aux.init(), x, y)
    assert isinstance(loss, float)
    (value, _), _ = with_aux.value_and_grad(with_aux.init(), x, y)
    assert value == loss
    assert stepped.step == 1
    sweep = it.lr_find(with_aux, state, [(x, y)], steps=5)
    assert len(sweep.lr) == 5


def test_validation_takes_the_loss_of_it() -> None:
    trainer, data = line()
    with_aux = it.Trainer(trainer.model, trainer.rule, loss=lambda p, t: (losses.mse(p, t), p))
    state = with_aux.init()
    assert with_aux.evaluate(state, data) == trainer.evaluate(state, data)
    with_aux.fit(state, data, batch_size=4, validation=data, progress=False)
    assert with_aux.history.last("validation_loss") > 0
    own = [(data[0], lambda p: (losses.mse(p, data[1]), 1))]
    assert trainer.evaluate(state, own)["loss"] == pytest.approx(
        trainer.evaluate(state, data)["loss"]
    )


def test_it_keeps_nothing_of_the_step_alive() -> None:
    trainer, (x, y) = line()
    seen: list[Any] = []

    def loss(p: Any, t: Any) -> Any:
        e = losses.mse(p, t)
        return e, p, {"e": [e, (p,)]}

    with_aux = it.Trainer(trainer.model, trainer.rule, loss=loss)
    with_aux.fit(with_aux.init(), [(x, y)], report=lambda aux: seen.append(aux), progress=False)
    p, tree = seen[0]
    for tensor in (p, tree["e"][0], tree["e"][1][0]):
        assert tensor.node is None


def test_with_several_elements_per_step_it_is_a_list() -> None:
    trainer, (x, _) = line()
    data = [(x, lambda p, i=i: (p.sum(), i)) for i in range(5)]
    seen: list[Any] = []
    trainer.fit(
        trainer.init(), data, accumulate=2, report=lambda aux: seen.append(aux), progress=False
    )
    assert seen == [[0, 1], [2, 3], 4]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((), "the loss is one scalar; got a tuple"),
        ((None, 1), "returns the loss; got None"),
        ((np.ones(2), 1), r"one floating number; got shape \(2,\)"),
        ((3, 1), "one floating number; got shape .*int"),
    ],
)
def test_an_aux_without_a_loss_is_refused(result: Any, message: str) -> None:
    model = {"w": np.zeros(1)}
    with pytest.raises(TypeError, match=f"it.train: .*{message}"):
        it.train(lambda m, x: result, model, [1.0], it.setup(optim.SGD(0.1), model), progress=False)
