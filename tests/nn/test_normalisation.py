"""Normalising layers: values and gradients are PyTorch's, statistics follow the batches."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import nn
from interactive_train.nn.context import Call, calling
from tests.conftest import require
from tests.recorded import Recorded

torch = require("torch")


def draw(*shape: int, seed: int = 0, dtype: Any = np.float64) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(seed).normal(0.5, 2.0, shape), dtype=dtype)


LAYERS: dict[str, tuple[Callable[[], Any], str, tuple[int, ...]]] = {
    "layer norm": (lambda: nn.LayerNorm(7, eps=1e-3), "LayerNorm(7, eps=1e-3)", (2, 5, 7)),
    "layer norm of a vector": (lambda: nn.LayerNorm(7), "LayerNorm(7)", (7,)),
    "rms norm": (lambda: nn.RMSNorm(7, eps=1e-3), "RMSNorm(7, eps=1e-3)", (2, 5, 7)),
    "group norm": (lambda: nn.GroupNorm(2, 6), "GroupNorm(2, 6)", (3, 6, 4, 5)),
    "group norm without positions": (lambda: nn.GroupNorm(2, 6), "GroupNorm(2, 6)", (3, 6)),
    "group norm, not affine": (
        lambda: nn.GroupNorm(3, 6, affine=False),
        "GroupNorm(3, 6, affine=False)",
        (3, 6, 5),
    ),
    "instance norm": (
        lambda: nn.InstanceNorm(6),
        "InstanceNorm2d(6, affine=True)",
        (3, 6, 4, 5),
    ),
    "batch norm of rows": (lambda: nn.BatchNorm(5), "BatchNorm1d(5)", (8, 5)),
    "batch norm of sequences": (lambda: nn.BatchNorm(5), "BatchNorm1d(5)", (3, 5, 7)),
    "batch norm of images": (
        lambda: nn.BatchNorm(5, momentum=0.3, eps=1e-3),
        "BatchNorm2d(5, momentum=0.3, eps=1e-3)",
        (3, 5, 4, 2),
    ),
    "batch norm, not affine": (
        lambda: nn.BatchNorm(5, affine=False),
        "BatchNorm2d(5, affine=False)",
        (3, 5, 4, 2),
    ),
    "batch norm without statistics": (
        lambda: nn.BatchNorm(5, track_stats=False),
        "BatchNorm1d(5, track_running_stats=False)",
        (8, 5),
    ),
    "one image": (lambda: nn.BatchNorm(2), "BatchNorm2d(2)", (1, 2, 3, 3)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", LAYERS)
def test_values_gradients_and_statistics_are_pytorchs(case: str, training: bool) -> None:
    declared, peer_text, shape = LAYERS[case]
    peer = eval(f"nn.{peer_text}", {"nn": torch.nn}).double().train(training)  # the table above
    model = nn.init(declared(), dtype=np.float64)
    params, state = nn.split(model)
    for seed, name in enumerate(sorted(params)):
        params[name] = draw(*params[name].shape, seed=seed + 1)
        getattr(peer, name).data = torch.tensor(params[name])
    x, weights = draw(*shape), draw(*shape, seed=9)
    for _ in range(2):  # in evaluation, statistics that two batches have moved
        _, state = model.apply(params, state, x, training=True)
        peer.train()(torch.tensor(x))
    peer.train(training)
    after = state

    def run(params: Any, x: Any) -> Any:
        nonlocal after
        y, after = model.apply(params, state, x, training=training)
        return (y * weights).sum()

    value, (grads, dx) = it.value_and_grad(lambda both: run(*both))((params, x))
    at = torch.tensor(x, requires_grad=True)
    expected = (peer(at) * torch.tensor(weights)).sum()
    expected.backward()
    np.testing.assert_allclose(float(value), expected.item(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(np.asarray(dx), at.grad.numpy(), rtol=1e-9, atol=1e-10)
    for name in params:
        np.testing.assert_allclose(
            np.asarray(grads[name]), getattr(peer, name).grad.numpy(), rtol=1e-9, atol=1e-10
        )
    for name in after:
        np.testing.assert_allclose(after[name], getattr(peer, name).numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", LAYERS)
def test_a_layer_keeps_shape_and_type(case: str, dtype: Any) -> None:
    declared, _, shape = LAYERS[case]
    model = nn.init(declared(), dtype=dtype)
    x = draw(*shape, dtype=dtype)
    y = model.train()(it.Tensor(x))
    assert (y.shape, y.dtype) == (shape, dtype)
    strided = np.repeat(x, 2, axis=-1)[..., ::2]
    np.testing.assert_array_equal(model(it.Tensor(strided)).numpy(), y.numpy())


@pytest.mark.parametrize("case", LAYERS)
def test_what_is_recorded_holds_for_other_numbers(case: str) -> None:
    declared, _, shape = LAYERS[case]
    model = nn.init(declared())

    def run(arrays: list[Any], _: Any = None) -> list[Any]:
        with calling(Call(training=True)):
            y, pull = it.vjp(model, arrays[0])
            return [y, *pull(arrays[1])]

    recorded = Recorded(run, [draw(*shape, dtype=np.float32)] * 2)
    others = [draw(*shape, seed=seed, dtype=np.float32) for seed in (1, 2)]
    for got, want in zip(recorded(others), run([it.Tensor(x) for x in others]), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-5, atol=1e-6)


def test_batch_norm_learns_mean_and_variance_of_its_channels() -> None:
    model = nn.init(nn.BatchNorm(3, momentum=0.1), dtype=np.float64)
    params, state = nn.split(model)
    source = np.random.default_rng(0)
    for _ in range(200):
        x = source.normal([1.0, 2.0, 3.0], [0.5, 1.0, 2.0], (64, 3))
        y, state = model.apply(params, state, x, training=True)
        np.testing.assert_allclose(y.numpy().mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(state["running_mean"], [1, 2, 3], atol=0.2)
    np.testing.assert_allclose(np.sqrt(state["running_var"]), [0.5, 1, 2], rtol=0.1)
    y, same = model.apply(params, state, np.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(y.numpy(), 0.0, atol=0.2)
    np.testing.assert_array_equal(same["running_mean"], state["running_mean"])


def test_a_model_with_batch_norm_is_fitted() -> None:
    model = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm(16), nn.relu, nn.Linear(16, 2))
    x = draw(256, 2, dtype=np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    trainer = it.Trainer(model, it.optim.Adam(0.01), loss=it.losses.cross_entropy_sparse)
    state = trainer.fit(trainer.init(seed=0), (x, y), batch_size=32, epochs=10)
    found = np.asarray(trainer.predict(state, x)).argmax(1)
    assert (found == y).mean() > 0.95
    assert np.abs(state.layer_state["layers"]["1"]["running_mean"]).max() > 0.01


def test_float32_keeps_its_digits_far_from_zero() -> None:
    x = draw(64, 2, 8, 8, dtype=np.float32) + np.float32(1000.0)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 2, 3), keepdims=True)) / exact.std((0, 2, 3), keepdims=True)
    y, _ = nn.init(nn.BatchNorm(2)).train().apply({}, {}, x, training=True)
    np.testing.assert_allclose(y.numpy(), exact, atol=2e-4)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "one sample": (
        lambda: nn.init(nn.BatchNorm(3)).train()(np.ones((1, 3), np.float32)),
        "nn.BatchNorm: needs at least two values per channel to learn from; got shape (1, 3). Give",
    ),
    "no sample": (
        lambda: nn.init(nn.BatchNorm(3, track_stats=False))(np.ones((0, 3), np.float32)),
        "nn.BatchNorm: needs at least one value per channel; got shape (0, 3)",
    ),
    "other channels": (
        lambda: nn.init(nn.Sequential(nn.BatchNorm(3)))(np.ones((2, 4, 3), np.float32)),
        "nn.BatchNorm at layers.0: axis 1 of the input has 3 channels; got shape (2, 4, 3)",
    ),
    "a vector": (
        lambda: nn.init(nn.GroupNorm(1, 3))(np.ones(3, np.float32)),
        "nn.GroupNorm: axis 1 of the input has 3 channels; got shape (3,). An input is",
    ),
    "groups that do not divide": (
        lambda: nn.GroupNorm(4, 6),
        "nn.GroupNorm: groups divides features; got groups=4, features=6. Give for example "
        "groups=2.",
    ),
    "a momentum above 1": (lambda: nn.BatchNorm(3, momentum=1.5), "nn.BatchNorm: momentum"),
    "an eps of 0": (lambda: nn.RMSNorm(3, eps=0.0), "nn.RMSNorm: eps"),
    "no features": (lambda: nn.InstanceNorm(0), "nn.InstanceNorm: groups is a positive integer"),
    "another last axis": (
        lambda: nn.init(nn.RMSNorm(3))(np.ones((2, 4), np.float32)),
        "nn.RMSNorm: the last axis of the input has 3 features; got shape (2, 4). Reshape",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    wrong, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong()
