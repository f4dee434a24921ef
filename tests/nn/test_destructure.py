"""A model as one vector and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn


def model_of(dtype: Any = np.float32) -> Any:
    return it.init(nn.Sequential(nn.Linear(3, 2), nn.relu, nn.Linear(2, 2)), seed=1, dtype=dtype)


def test_there_and_back_is_the_same_model() -> None:
    model = model_of()
    flat, rebuild = it.destructure(model)
    assert flat.dtype == np.float32
    assert len(flat) == len(rebuild) == 3 * 2 + 2 + 2 * 2 + 2
    assert rebuild.paths == tuple(p for p, _ in it.trainables(model, paths=True))
    again = rebuild(flat)
    for (path, x), (_, y) in zip(
        it.trainables(model, paths=True), it.trainables(again, paths=True), strict=True
    ):
        np.testing.assert_array_equal(x, y, err_msg=path)
        assert not np.shares_memory(x, y)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(model(x).data), np.asarray(again(x).data))


def test_the_vector_is_a_copy() -> None:
    model = {"w": np.ones(2)}
    flat, _ = it.destructure(model)
    flat[:] = 5.0
    assert model["w"].tolist() == [1.0, 1.0]


def test_ties_stand_once_and_are_tied_again() -> None:
    shared = np.array([1.0, 2.0])
    flat, rebuild = it.destructure({"a": shared, "b": {"c": shared}, "d": np.zeros(1)})
    assert flat.tolist() == [1.0, 2.0, 0.0]
    again = rebuild(np.array([7.0, 8.0, 9.0]))
    assert again["a"] is again["b"]["c"]


def test_what_does_not_train_stays_the_models_own() -> None:
    model = {"w": np.ones(2), "count": np.array(3), "name": "x"}
    flat, rebuild = it.destructure(model)
    again = rebuild(flat * 2)
    assert again["count"] is model["count"]
    assert again["name"] == "x"


def test_mixed_types_are_widened_and_each_gets_its_own_back() -> None:
    flat, rebuild = it.destructure({"a": np.ones(1, np.float32), "b": np.ones((), np.float64)})
    assert flat.dtype == np.float64
    again = rebuild(flat)
    assert (again["a"].dtype, again["b"].dtype, again["b"].shape) == (np.float32, np.float64, ())


def test_a_tree_without_parameters_is_an_empty_vector() -> None:
    flat, rebuild = it.destructure({"n": np.array(3)})
    assert (len(flat), len(rebuild), rebuild(flat)["n"]) == (0, 0, 3)


def test_gradients_flow_from_the_model_into_the_vector() -> None:
    model = model_of(np.float64)
    flat, rebuild = it.destructure(model)
    x = np.ones((4, 3))

    def loss(model: Any) -> Any:
        return (model(x) ** 2).sum()

    by_vector = it.grad(lambda v: loss(rebuild(v)))(flat)
    by_model = it.grad(loss)(model)
    expected = np.concatenate([g.data.reshape(-1) for g in it.trainables(by_model)])
    np.testing.assert_allclose(by_vector.numpy(), expected, rtol=1e-12)
    it.check_grads(lambda v: loss(rebuild(v)), (flat + 0.1,))


def test_gradients_flow_from_the_vector_into_the_model() -> None:
    shared = np.array([1.0, 2.0])
    model = {"a": shared, "b": shared, "c": np.array([[3.0]])}
    grads = it.grad(lambda m: (it.destructure(m)[0] ** 2).sum())(model)
    np.testing.assert_array_equal(grads["a"].numpy(), [2.0, 4.0])
    np.testing.assert_array_equal(grads["c"].numpy(), [[6.0]])


def test_second_derivatives_pass_through() -> None:
    flat, rebuild = it.destructure({"w": np.array([1.0, 2.0])})

    def slope(v: Any) -> Any:
        return it.grad(lambda u: (rebuild(u)["w"] ** 3).sum())(v).sum()

    np.testing.assert_allclose(it.grad(slope)(flat).numpy(), [6.0, 12.0])


@pytest.mark.parametrize(
    ("vector", "error", "message"),
    [
        (np.ones(3), ValueError, r"rebuild: needs a floating vector of length 2; got shape \(3,\)"),
        (np.ones((2, 1)), ValueError, r"got shape \(2, 1\)"),
        (np.ones(2, int), TypeError, r"got shape \(2,\), int64"),
        ("ab", TypeError, r"rebuild: needs a floating vector"),
    ],
)
def test_another_vector_is_refused(vector: Any, error: type[Exception], message: str) -> None:
    _, rebuild = it.destructure({"w": np.ones(2)})
    with pytest.raises(error, match=message):
        rebuild(vector)


def test_a_declared_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"it.destructure: the model must be filled; .*'weight'"):
        it.destructure(nn.Linear(2, 1))
