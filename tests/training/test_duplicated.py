"""Duplicated: a model and its gradient buffers, which stay the same arrays for ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.common import network, problem


def loss(model: Any, x: Any, y: Any) -> Any:
    return losses.cross_entropy_sparse(model(x), y)


def buffers(pair: it.Duplicated) -> dict[str, Any]:
    return dict(it.tree.flatten_with_paths(pair.grads))


def filled() -> Any:
    return it.init(network(0.0), seed=3)


def test_training_leaves_the_last_gradient_in_the_same_arrays() -> None:
    (x, y), model, plain = problem(), filled(), filled()
    pair = it.Duplicated(model)
    own = buffers(pair)
    opt_state = it.setup(optim.Adam(0.01), model)  # a plain model's state serves
    it.train(loss, pair, [(x, y)] * 3, opt_state, progress=False)
    plain_state = it.setup(optim.Adam(0.01), plain)
    it.train(loss, plain, [(x, y)] * 2, plain_state, progress=False)
    expected = dict(it.tree.flatten_with_paths(it.grad(loss)(plain, x, y)))
    for path, buffer in buffers(pair).items():
        assert buffer is own[path]
        np.testing.assert_array_equal(buffer, np.asarray(expected[path]))
    it.train(loss, plain, [(x, y)], plain_state, progress=False)
    for a, b in zip(it.trainables(plain), it.trainables(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_grad_fills_and_adds() -> None:
    pair = it.Duplicated({"w": np.array([1.0, 2.0]), "u": np.ones(1)})
    own = pair.grads["w"]
    f = it.grad(lambda m: (m["w"] ** 2).sum())
    f(pair)
    f(pair)
    assert own.tolist() == [2.0, 4.0]
    it.grad(lambda m: m["u"].sum(), zero=False)(pair)
    it.grad(lambda m: (m["w"] ** 2).sum(), zero=False)(pair)
    assert own.tolist() == [4.0, 8.0]
    assert pair.grads["u"].tolist() == [1.0]
    f(pair)
    assert (own.tolist(), pair.grads["u"].tolist()) == ([2.0, 4.0], [0.0])
    assert pair.grads["w"] is own


def test_setup_and_update_take_it() -> None:
    model = {"w": np.array([1.0, 2.0])}
    pair = it.Duplicated(model)
    opt_state = it.setup(optim.SGD(0.5), pair)
    assert [path for path, _ in opt_state] == ["w"]
    it.grad(lambda m: (m["w"] ** 2).sum())(pair)
    it.update(opt_state, pair, pair.grads)
    assert model["w"].tolist() == [0.0, 0.0]
    it.train_step(lambda m, x: (m["w"] * x).sum(), pair, 1.0, opt_state)
    assert pair.grads["w"].tolist() == [1.0, 1.0]


def test_frozen_and_tied_arrays_and_skipped_steps() -> None:
    model = {"a": np.ones(1), "b": np.ones(1)}
    pair = it.Duplicated(model)
    opt_state = it.setup(optim.SGD(0.1), pair)
    it.freeze(opt_state, "a")
    it.train(lambda m, x: (m["a"] * m["b"] * x).sum(), pair, [2.0], opt_state, progress=False)
    assert (pair.grads["a"].tolist(), pair.grads["b"].tolist()) == ([0.0], [2.0])
    it.train(
        lambda m, x: (m["a"] * m["b"] * x).sum(),
        pair,
        [3.0, np.nan],
        opt_state,
        on_nonfinite="skip",
        progress=False,
    )
    assert pair.grads["b"].tolist() == [3.0]


def test_it_runs_as_the_model_and_shows_the_norm() -> None:
    model = filled()
    pair, (x, _) = it.Duplicated(model), problem()
    np.testing.assert_array_equal(np.asarray(pair(x)), np.asarray(model(x)))
    pair.grads.layers[0].bias[...] = 3.0
    assert repr(pair).endswith(f"norm of the gradient {np.sqrt(72):.4g}")


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda: it.Duplicated({"w": np.ones(1)}), TypeError, "pairs a plain model; got a Dupli"),
        (lambda: nn.Linear(2, 2), ValueError, "it.Duplicated: the model holds trainable arrays"),
        (lambda: {"n": np.arange(3)}, ValueError, "holds trainable arrays; got dict"),
        (lambda: [], ValueError, "holds trainable arrays; got list"),
    ],
)
def test_what_cannot_be_paired_is_refused(model: Any, error: Any, message: str) -> None:
    given = model()
    with pytest.raises(error, match=message):
        it.Duplicated(given)
