"""Derivatives along directions, gradients of one's own, and recomputation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.autodiff.tape import Node
from interactive_train.training.step.stepper import Stepper

RNG = np.random.default_rng(5)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((4, 2))


def test_jvp_is_the_difference_quotient() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.tanh(a @ b)

    va, vb, h = RNG.standard_normal(A.shape), RNG.standard_normal(B.shape), 1e-6
    value, derivative = it.jvp(f, [A, B], [va, vb])
    np.testing.assert_allclose(value, np.tanh(A @ B), rtol=1e-14)
    quotient = (np.tanh((A + h * va) @ (B + h * vb)) - np.tanh((A - h * va) @ (B - h * vb))) / 2 / h
    np.testing.assert_allclose(derivative, quotient, rtol=1e-7)
    assert derivative.node is None


def test_jvp_of_a_constant_is_zero_and_shapes_must_agree() -> None:
    _, derivative = it.jvp(lambda x: np.zeros(2), [np.ones(3)], [np.ones(3)])
    np.testing.assert_array_equal(derivative, np.zeros(2))
    with pytest.raises(ValueError, match=r"equal shapes; got \[\(3,\)\] and \[\(2,\)\]"):
        it.jvp(np.sum, [np.ones(3)], [np.ones(2)])


def test_jvp_is_differentiable() -> None:
    it.check_grads(lambda x: it.jvp(np.exp, [x], [np.ones(3)])[1], (np.array([0.1, 0.2, 0.3]),), 2)


def test_hvp_is_the_hessian_times_the_direction() -> None:
    x, v = np.array([0.3, -1.2, 0.7]), np.array([1.0, -2.0, 0.5])
    got = it.hvp(lambda p: (np.exp(p) * p.sum()).sum(), x, v)
    # f = sum(exp) * sum: H = diag(exp) * s + exp 1^T + 1 exp^T
    e, s = np.exp(x), x.sum()
    np.testing.assert_allclose(got, e * s * v + e * v.sum() + (e * v).sum(), rtol=1e-12)
    tree = {"a": x, "b": np.ones(2)}
    parts = it.hvp(lambda p: (p["a"] ** 2).sum() * p["b"].sum(), tree, {"a": v, "b": np.zeros(2)})
    np.testing.assert_allclose(parts["a"], 4 * v, rtol=1e-12)
    np.testing.assert_allclose(parts["b"], np.full(2, (2 * x * v).sum()), rtol=1e-12)


def test_a_gradient_of_ones_own_is_used_and_differentiable_in_turn() -> None:
    square = it.custom_vjp(lambda x: np.asarray(x) ** 2, lambda g, y, x: (g * 2.0 * x,))
    it.check_grads(square, (np.array([0.5, -1.0]),), order=2)
    wrong = it.custom_vjp(lambda x: x * 1.0, lambda g, y, x: (g[:1],))
    with pytest.raises(ValueError, match=r"gradient 0 has the input's shape \(2,\); got \(1,\)"):
        it.grad(lambda x: wrong(x).sum())(np.ones(2))
    missing = it.custom_vjp(lambda x, y: x * y, lambda g, y, a, b: (g,))
    with pytest.raises(ValueError, match="returns a tuple of 2"):
        it.grad(lambda x: missing(x, x).sum())(np.ones(2))


def test_remat_gives_the_same_gradients_and_keeps_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(x: Any) -> Any:
        for _ in range(6):
            x = np.tanh(x * 1.1)
        return x

    it.check_grads(it.remat(deep), (np.array([0.3, -0.8]),), order=2)
    x = np.array([0.3, -0.8])
    plain = it.grad(lambda x: np.sum(deep(x)))(x)
    again = it.grad(lambda x: np.sum(it.remat(deep)(x)))(x)
    np.testing.assert_array_equal(plain, again)

    def nodes(f: Any) -> int:
        seen: set[int] = set()

        def count(node: Node | None) -> None:
            if node is not None and node.number not in seen:
                seen.add(node.number)
                for tensor in node.inputs:
                    count(tensor.node)

        def loss(x: Any) -> Any:
            value = f(x)
            count(value.node)
            return value.sum()

        it.grad(loss)(x)
        return len(seen)

    assert nodes(it.remat(deep)) < nodes(deep) / 3


def test_remat_draws_the_same_dropout_again() -> None:
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Linear(64, 2))
    x, y = RNG.standard_normal((8, 4)).astype(np.float32), RNG.integers(0, 2, 8)
    trainer = it.Trainer(model, optim.SGD(0.1))
    state = trainer.init(seed=1)

    def run(m: nn.Module, x: Any) -> Any:
        return m(x)

    results = []
    for forward in (run, it.remat(run)):

        def loss(m: Any, element: Any, forward: Any = forward) -> Any:
            return losses.cross_entropy_sparse(forward(m, element[0]), element[1])

        results.append(Stepper(state).compute(loss, [(x, y)]))
    assert results[0].loss == results[1].loss
    for path, g in results[0].gradients.items():
        np.testing.assert_array_equal(g, results[1].gradients[path])


def test_remat_refuses_what_it_would_not_differentiate() -> None:
    def loss(w: Any) -> Any:
        return it.remat(lambda x: x * w)(w).sum()

    with pytest.raises(ValueError, match="comes in as an argument"):
        it.grad(loss)(np.ones(2))
