"""Layers against PyTorch's numbers, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import nn
from interactive_train.nn.context import Call, calling
from interactive_train.runtime.key import Key

GOLDEN = Path(__file__).parents[1] / "golden" / "training.npz"
X = np.ones((4, 3), np.float32)


def of_layer(kind: Any, *options: int) -> Callable[..., Any]:
    """Return a layer as a function of its input and arrays."""
    model = nn.init(kind(*options), dtype=np.float64)

    def run(x: Any, weight: Any, bias: Any) -> Any:
        twin = nn.init(model, dtype=np.float64)
        twin.weight, twin.bias = weight, bias
        return twin(x)

    return run


CASES: dict[str, Callable[..., Any]] = {
    "gelu": nn.gelu,
    "linear": of_layer(nn.Linear, 5, 4),
    "layer norm": of_layer(nn.LayerNorm, 5),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_pytorchs(case: str) -> None:
    with np.load(GOLDEN) as golden:
        value, weights = golden[f"{case}/value"], golden[f"{case}/weights"]
        names = sorted(n for n in golden.files if n.startswith(f"{case}/input"))
        inputs = [golden[n] for n in names]
        expected = [golden[n.replace("input", "gradient")] for n in names]
    result, pull = it.vjp(CASES[case], *inputs)
    np.testing.assert_allclose(result.numpy(), value, rtol=1e-10, atol=1e-12)
    for found, wanted in zip(pull(weights), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_a_layer_keeps_any_leading_axes() -> None:
    model = nn.init(nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.gelu), seed=1)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    whole = model(x)
    assert whole.shape == (2, 4, 5)
    np.testing.assert_allclose(model(x[1, 2]).numpy(), whole.numpy()[1, 2], rtol=1e-5, atol=1e-6)


def test_dropout_drops_the_rate_and_keeps_the_mean() -> None:
    layer = nn.Dropout(0.25)
    x = np.ones(100_000, np.float32)
    with calling(Call(True, Key.from_seed(0))):
        y: NDArray[Any] = np.asarray(layer(x))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.005


def test_a_rate_of_zero_keeps_all() -> None:
    x = np.random.default_rng(0).normal(size=100).astype(np.float32)
    with calling(Call(True, Key.from_seed(0))):
        np.testing.assert_array_equal(nn.Dropout(0.0)(x).numpy(), x)


def test_dropout_draws_by_key_place_and_call_alone() -> None:
    model = nn.init(nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)))
    x = np.ones(64, np.float32)

    def drops(seed: int) -> NDArray[Any]:
        with calling(Call(True, Key.from_seed(seed))):
            return np.asarray(model(x))

    assert (drops(1) == drops(1)).all()
    assert (drops(1) != drops(2)).any()
    with calling(Call(True, Key.from_seed(1))):
        first, again = np.asarray(model.layers[0](x)), np.asarray(model.layers[0](x))
    assert (first != again).any()


def test_a_plain_call_drops_only_in_train_mode() -> None:
    model = nn.init(nn.Sequential(nn.Dropout(0.5)))
    x = np.ones(1000, np.float32)
    assert (np.asarray(model(x)) == 1).all()
    assert (np.asarray(model.train()(x)) == 0).any()
    assert model.mode == "train"
    assert (np.asarray(model.eval()(x)) == 1).all()


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a wrong last axis": (
        lambda: nn.init(nn.Linear(4, 2))(X),
        ValueError,
        r"nn.Linear: the last axis of the input has 4 features; got shape \(4, 3\)\. "
        r"Reshape the input, or declare nn.Linear\(3, 2\)",
    ),
    "a wrong last axis deep in a model": (
        lambda: nn.init(nn.Sequential(nn.relu, nn.Sequential(nn.Linear(4, 2))))(X),
        ValueError,
        r"nn.Linear at layers.1.layers.0: the last axis",
    ),
    "a wrong last axis of a norm": (
        lambda: nn.init(nn.LayerNorm(4))(X),
        ValueError,
        r"nn.LayerNorm: the last axis of the input has 4 features; got shape \(4, 3\)",
    ),
    "a scalar": (lambda: nn.init(nn.Linear(1, 2))(1.0), ValueError, r"got shape \(\)"),
    "integers into Linear": (
        lambda: nn.init(nn.Linear(3, 2))(X.astype(np.int64)),
        TypeError,
        r"nn.Linear: the input must be floating; got int64 of shape \(4, 3\)\. Convert it with",
    ),
    "integers into LayerNorm": (
        lambda: nn.init(nn.LayerNorm(3))(X.astype(np.int32)),
        TypeError,
        "nn.LayerNorm: the input must be floating",
    ),
    "a model that was only declared": (
        lambda: nn.Linear(3, 2)(X),
        ValueError,
        "Linear: the model must be filled .* model = it.init",
    ),
    "no features": (lambda: nn.Linear(0, 2), ValueError, "in_features is a positive integer"),
    "features in words": (
        lambda: nn.Linear(3, "two"),  # type: ignore[arg-type]
        TypeError,
        "nn.Linear: out_features is a positive integer; got 'two'",
    ),
    "a rate of 1": (lambda: nn.Dropout(1.0), ValueError, r"nn.Dropout: rate .* \[0, 1\); got 1.0"),
    "a rate in words": (
        lambda: nn.Dropout("half"),  # type: ignore[arg-type]
        TypeError,
        "nn.Dropout: rate must be a real number",
    ),
    "an eps of 0": (lambda: nn.LayerNorm(3, eps=0.0), ValueError, "nn.LayerNorm: eps"),
    "a class for a layer": (
        lambda: nn.Sequential(nn.Linear),
        TypeError,
        "nn.Sequential: every layer is a module or a function; got .*Linear.* at position 0",
    ),
    "an initial value of another shape": (
        lambda: nn.init(nn.Linear(3, 2, weight_init=lambda key, shape: np.zeros(shape[::-1]))),
        ValueError,
        r"it.init: the initial value at 'weight' has the declared shape \(3, 2\); got shape \(2, 3",
    ),
    "a dtype of integers": (
        lambda: nn.init(nn.Linear(3, 2), dtype=np.int32),
        TypeError,
        "it.init: dtype is float32 or float64; got int32",
    ),
    "a seed that is a bool": (
        lambda: nn.init(nn.Linear(3, 2), seed=True),
        TypeError,
        "it.init: a seed is an integer",
    ),
    "a summary of a function": (
        lambda: nn.summary(np.tanh, X),  # type: ignore[arg-type]
        TypeError,
        "it.summary: the model is an nn.Module; got ufunc",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()
