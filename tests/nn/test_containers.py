"""Containers: what runs after what, under which paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train import nn, tree

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def paths(model: Any) -> list[str]:
    return [path for path, _ in nn.trainables(nn.init(model), paths=True)]


def test_residual_adds_what_went_around() -> None:
    y = nn.Residual(lambda x: 2.0 * x)(X)
    np.testing.assert_array_equal(y.numpy(), 3.0 * X)
    model = nn.init(nn.Residual(nn.Linear(3, 4), shortcut=nn.Linear(3, 4, bias=False)), seed=1)
    want = model.layer(X).numpy() + model.shortcut(X).numpy()
    np.testing.assert_array_equal(model(X).numpy(), want)
    assert paths(model) == ["layer.weight", "layer.bias", "shortcut.weight"]


def test_residual_combines_as_it_is_told() -> None:
    model = nn.Residual(lambda x: -x, combine=lambda y, x: np.concatenate([y, x], axis=-1))
    np.testing.assert_array_equal(model(X).numpy(), np.concatenate([-X, X], axis=-1))


def test_residual_refuses_to_broadcast() -> None:
    model = nn.init(nn.Sequential(nn.Residual(nn.Linear(3, 1))))
    with pytest.raises(
        ValueError, match=r"nn.Residual at layers.0: .*; got \(2, 1\) and \(2, 3\)\. Give shortcut="
    ):
        model(X)


def test_compose_takes_several_inputs_and_hands_on_anything() -> None:
    model = nn.Compose(lambda x, y: {"sum": x + y}, lambda found: found["sum"] * 2.0)
    np.testing.assert_array_equal(model(X, X).numpy(), 4.0 * X)
    assert paths(nn.Compose(nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 1)))) == [
        "first.weight",
        "first.bias",
        "second.layers.0.weight",
        "second.layers.0.bias",
    ]


def test_a_lambda_is_a_model_and_has_a_name() -> None:
    model = nn.Lambda(lambda x: x * 2.0, name="double")
    np.testing.assert_array_equal(model(X).numpy(), 2.0 * X)
    assert tree.flatten(nn.init(nn.Sequential(model)))[0] == []
    assert "double" in nn.summary(nn.init(nn.Sequential(nn.Linear(3, 2), model)), X)


def test_functions_are_listed_where_they_stand() -> None:
    model = nn.init(nn.Sequential(nn.Residual(nn.relu), nn.Compose(nn.tanh, nn.Linear(3, 2))))
    found = [line.split()[:2] for line in nn.summary(model, X).splitlines()[1:]]
    assert found[:5] == [
        ["layers.0.layer", "relu"],
        ["layers.0", "Residual"],
        ["layers.1.first", "tanh"],
        ["layers.1.second", "Linear"],
        ["layers.1", "Compose"],
    ]


WRONG: dict[str, Any] = {"class": nn.Linear, "number": 3, "word": "tanh", "nothing": None}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.Residual(WRONG["class"]), "nn.Residual: the layer is a module or a function"),
        (
            lambda: nn.Residual(nn.relu, shortcut=WRONG["number"]),
            "nn.Residual: the shortcut is .*; got 3",
        ),
        (lambda: nn.Compose(nn.relu, WRONG["word"]), "nn.Compose: the second part .*; got 'tanh'"),
        (lambda: nn.Lambda(WRONG["nothing"]), "nn.Lambda: the function is .*; got None"),
    ],
)
def test_what_is_no_layer_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        wrong()
