"""The walk back: nesting, what is unreached, depth, and what stays alive afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import Tensor, grad, stop_gradient, value_and_grad, vjp
from interactive_train.autodiff.tape import backward, leaf


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_the_loss_does_not_depend_on_has_no_gradient() -> None:
    params = {"a": np.ones(2), "b": np.ones(3), "n": np.array([1, 2])}
    _, grads = value_and_grad(lambda p: np.sum(p["a"]))(params)
    assert grads["b"] is None
    assert grads["n"] is None
    assert grads["a"].numpy().tolist() == [1.0, 1.0]


def test_a_tied_array_gets_one_gradient_of_both_uses() -> None:
    shared = np.array([2.0])
    grads = grad(lambda p: np.sum(p[0] * p[1]))([shared, shared])
    assert [float(g.sum()) for g in grads] == [4.0, 4.0]


def test_stop_gradient_is_a_constant() -> None:
    assert float(grad(lambda x: x * stop_gradient(x))(np.array(3.0))) == 3.0


def test_an_inner_gradient_sees_outer_values_and_passes_them_on() -> None:
    def f(x: Any) -> Any:  # d/dy (x y^2) at y = 3 is 6 x
        return grad(lambda y: x * y * y)(np.array(3.0))

    assert float(grad(f)(np.array(5.0))) == 6.0
    assert (
        float(grad(lambda x: value_and_grad(lambda y: x * y)(np.array(3.0))[0])(5.0 * np.ones(())))
        == 3.0
    )


def test_a_loss_that_is_the_parameter_itself() -> None:
    loss, g = value_and_grad(lambda x: x)(np.array(3.0))
    assert (float(loss), float(g)) == (3.0, 1.0)


def test_a_constant_loss_reaches_nothing() -> None:
    assert grad(lambda x: np.sum(Tensor([1.0])))(np.ones(2)) is None


def test_both_outputs_of_a_branch_are_added_in_a_fixed_order() -> None:
    x = np.random.default_rng(0).normal(size=100).astype(np.float32)
    g = grad(lambda v: np.sum(np.exp(v) * v + np.tanh(v) * v))
    assert len({g(x).numpy().tobytes() for _ in range(3)}) == 1


def test_a_chain_of_many_operations_neither_recurses_nor_crashes_when_freed() -> None:
    def f(x: Any) -> Any:
        for _ in range(20_000):
            x = x + 1.0
        return x

    assert float(grad(f)(np.array(0.0))) == 1.0


@pytest.mark.usefixtures("no_collector")
def test_a_step_leaves_nothing_behind_without_the_collector() -> None:
    seen: list[weakref.ref[Any]] = []

    def f(p: Any, x: Any) -> Any:
        h = np.tanh(x @ p["w"])
        seen.append(weakref.ref(h))
        return np.mean(h * h)

    loss, grads = value_and_grad(f)({"w": np.ones((3, 2))}, np.ones((4, 3)))
    assert seen[0]() is None, "kept by the loss or the gradients"
    assert loss.node is None
    assert grads["w"].node is None


@pytest.mark.usefixtures("no_collector")
def test_an_error_in_the_middle_leaves_nothing_behind() -> None:
    seen: list[weakref.ref[Any]] = []

    def f(x: Any) -> Any:
        h = np.exp(x)
        seen.append(weakref.ref(h))
        return h @ np.ones((7, 7))

    with pytest.raises(ValueError, match="matmul"):
        grad(f)(np.ones((2, 3)))
    del f
    assert seen[0]() is None


def test_auxiliary_values_carry_no_history() -> None:
    (_, aux), _ = value_and_grad(lambda x: (np.sum(x), {"doubled": x * 2, "n": 3}), has_aux=True)(
        np.ones(2)
    )
    assert aux["doubled"].node is None
    assert aux["n"] == 3
    odd = {0: "no tree", 1: 2}
    (_, aux), _ = value_and_grad(lambda x: (np.sum(x), odd), has_aux=True)(np.ones(2))
    assert aux is odd


def test_backward_from_leaves_made_by_hand() -> None:
    x = leaf(Tensor([2.0]))
    (g,) = backward(x * x, Tensor([1.0]), [x])
    assert g is not None
    assert g.numpy().tolist() == [4.0]
    assert backward(Tensor([1.0]), Tensor([1.0]), [x]) == [None]


@pytest.mark.parametrize(
    ("f", "params", "message"),
    [
        (lambda x: x, np.ones(2), r"the loss is one floating number; got shape \(2,\)"),
        (lambda x: None, np.ones(2), "returns the loss; got None. Is a return missing"),
        (lambda x: (np.sum(x), 1), np.ones(2), "one scalar; got a tuple. For extras use has_aux"),
        (lambda x: np.argmax(x), np.ones(2), "one floating number; got .* int64"),
        (lambda x: x * x, 2.0, "at least one floating array; got float without one"),
        (lambda x: x, np.ones(2, int), "at least one floating array; got ndarray without one"),
    ],
)
def test_a_loss_that_is_none_is_refused(f: Any, params: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        grad(f)(params)


def test_has_aux_wants_a_pair() -> None:
    with pytest.raises(TypeError, match=r"returns \(loss, aux\); got Tensor"):
        value_and_grad(lambda x: np.sum(x), has_aux=True)(np.ones(2))


def test_a_cotangent_has_the_shape_of_the_result() -> None:
    _, pull = vjp(lambda x: x, np.ones(3))
    with pytest.raises(ValueError, match=r"the result's shape \(3,\); got \(2,\)"):
        pull(np.ones(2))
