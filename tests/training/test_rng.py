"""``rng=`` overrides the state's key for one call; the state keeps its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train.training.step.stepper import Stepper
from tests.training.common import parameter_bits, problem, trainer_of


def test_a_fit_with_rng_draws_other_numbers_and_keeps_the_key() -> None:
    trainer = trainer_of(rate=0.5)
    x, y = problem()
    state = trainer.init(seed=0)
    options: dict[str, Any] = {"batch_size": 7, "progress": False}
    own = trainer.fit(state, (x, y), **options)
    other = trainer.fit(state, (x, y), rng=5, **options)
    again = trainer.fit(state, (x, y), rng=it.Key.from_seed(5), **options)
    assert parameter_bits(other) != parameter_bits(own)
    assert parameter_bits(other) == parameter_bits(again)
    assert other.rng == state.rng


def test_a_step_and_a_gradient_with_rng_agree() -> None:
    trainer = trainer_of(rate=0.5)
    x, y = problem()
    state = trainer.init(seed=0)
    loss, stepped = trainer.step(state, x, y, rng=3)
    (value, _), grads = trainer.value_and_grad(state, x, y, rng=3)
    assert loss == value != trainer.step(state, x, y)[0]
    assert parameter_bits(trainer.apply_gradients(state, grads)) == parameter_bits(stepped)
    assert stepped.rng == state.rng


def test_rng_is_a_key_or_a_seed() -> None:
    trainer = trainer_of()
    x, y = problem()
    with pytest.raises(TypeError, match=r"rng=: a seed is an integer.*got 'now'"):
        trainer.step(trainer.init(), x, y, rng="now")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got True"):
        trainer.fit(trainer.init(), (x, y), rng=True, progress=False)


def test_an_evaluation_that_leaves_examples_out_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_of()
    x, y = problem()
    trainer.evaluate(trainer.init(), it.batches(x[:9], y[:9], batch_size=4))
    assert "1 examples at the end are in no batch" in capsys.readouterr().err
    trainer.evaluate(trainer.init(), (x, y))
    assert capsys.readouterr().err == ""


def test_fewer_rows_than_a_batch_are_one_batch() -> None:
    trainer = trainer_of()
    x, y = problem()
    state = trainer.fit(trainer.init(), (x[:5], y[:5]), progress=False)
    assert state.step == 1
    assert np.isfinite(state.loss)


@pytest.mark.parametrize("call", ["fit", "start"])
def test_a_misspelt_keyword_is_answered(call: str) -> None:
    trainer = trainer_of()
    with pytest.raises(TypeError, match=f'trainer.{call}: .*got .epoch.*Did you mean "epochs"'):
        getattr(trainer, call)(trainer.init(), problem(), epoch=3)


def test_elements_that_share_a_step_draw_different_numbers() -> None:
    drawn: list[bytes] = []
    drop = it.nn.Dropout(0.5)

    def loss(model: Any, element: Any) -> Any:
        dropped = drop(model(element))
        drawn.append((dropped.numpy() == 0).tobytes())
        return dropped.sum()

    stepper = Stepper(it.Trainer(it.nn.Linear(1, 64), it.optim.SGD(0.1)).init(seed=0))
    one = np.ones((1, 1), np.float32)
    for _ in range(2):
        stepper.commit(stepper.compute(loss, [one, one]))
    assert len(set(drawn)) == len(drawn) == 4
