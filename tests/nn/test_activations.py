"""Activations: PyTorch's values and gradients, kinks, NaN and enormous numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from tests.conftest import require

torch = require("torch")
Activation = Callable[[Any], Any]


def halves(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: x[..., : x.shape[-1] // 2] * function(x[..., x.shape[-1] // 2 :])


# Ours, and PyTorch's. What PyTorch lacks is written out; so is what it computes with constants in
# float32 (hardsigmoid; the slopes here are binary fractions for that reason).
PEERS: dict[str, tuple[Activation, Callable[[], Activation]]] = {
    "relu": (nn.relu, lambda: torch.nn.functional.relu),
    "relu6": (nn.relu6, lambda: torch.nn.functional.relu6),
    "leaky_relu": (nn.leaky_relu, lambda: torch.nn.functional.leaky_relu),
    "leaky_relu with a slope": (
        lambda x: nn.leaky_relu(x, 0.3),
        lambda: lambda x: torch.nn.functional.leaky_relu(x, 0.3),
    ),
    "prelu": (
        lambda x: nn.prelu(x, np.array(0.25)),
        lambda: lambda x: torch.nn.functional.prelu(x, torch.tensor([0.25]).double()),
    ),
    "elu": (nn.elu, lambda: torch.nn.functional.elu),
    "elu with alpha": (
        lambda x: nn.elu(x, 0.3),
        lambda: lambda x: torch.nn.functional.elu(x, 0.3),
    ),
    "selu": (nn.selu, lambda: torch.nn.functional.selu),
    "celu": (nn.celu, lambda: torch.nn.functional.celu),
    "celu with alpha": (
        lambda x: nn.celu(x, 0.25),
        lambda: lambda x: torch.nn.functional.celu(x, 0.25),
    ),
    "trelu": (nn.trelu, lambda: lambda x: torch.nn.functional.threshold(x, 1.0, 0.0)),
    "hard_tanh": (nn.hard_tanh, lambda: torch.nn.functional.hardtanh),
    "hard_sigmoid": (nn.hard_sigmoid, lambda: lambda x: torch.clamp(x / 6 + 0.5, 0, 1)),
    "hard_silu": (nn.hard_silu, lambda: torch.nn.functional.hardswish),
    "hard_shrink": (nn.hard_shrink, lambda: torch.nn.functional.hardshrink),
    "soft_shrink": (nn.soft_shrink, lambda: torch.nn.functional.softshrink),
    "sparse_plus": (
        nn.sparse_plus,
        lambda: lambda x: torch.where(x >= 1, x, torch.clamp(x + 1, min=0) ** 2 / 4),
    ),
    "sparse_sigmoid": (nn.sparse_sigmoid, lambda: lambda x: torch.clamp((x + 1) / 2, 0, 1)),
    "tanh": (nn.tanh, lambda: torch.tanh),
    "gelu": (nn.gelu, lambda: torch.nn.functional.gelu),
    "gelu_approx": (
        nn.gelu_approx,
        lambda: lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    ),
    "sigmoid": (nn.sigmoid, lambda: torch.sigmoid),
    "silu": (nn.silu, lambda: torch.nn.functional.silu),
    "mish": (nn.mish, lambda: torch.nn.functional.mish),
    "softplus": (nn.softplus, lambda: lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "log_sigmoid": (nn.log_sigmoid, lambda: torch.nn.functional.logsigmoid),
    "softsign": (nn.softsign, lambda: torch.nn.functional.softsign),
    "squareplus": (nn.squareplus, lambda: lambda x: (x + torch.sqrt(x * x + 4)) / 2),
    "log_cosh": (nn.log_cosh, lambda: lambda x: torch.log(torch.cosh(x))),
    "lisht": (nn.lisht, lambda: lambda x: x * torch.tanh(x)),
    "tanh_shrink": (nn.tanh_shrink, lambda: torch.nn.functional.tanhshrink),
    "glu": (nn.glu, lambda: torch.nn.functional.glu),
    "reglu": (nn.reglu, lambda: halves(torch.nn.functional.relu)),
    "geglu": (nn.geglu, lambda: halves(torch.nn.functional.gelu)),
    "swiglu": (nn.swiglu, lambda: halves(torch.nn.functional.silu)),
    "softmax": (nn.softmax, lambda: lambda x: torch.softmax(x, -1)),
    "log_softmax": (nn.log_softmax, lambda: lambda x: torch.log_softmax(x, -1)),
}
GATES = ("glu", "reglu", "geglu", "swiglu", "softmax", "log_softmax")
# Numbers off every kink; 0 and the tiny ones beside it are looked at too.
X = np.concatenate(
    [np.random.default_rng(0).uniform(-9, 9, 46), [0.0, 1e-9, -1e-9, 30.0, -30.0, 1e-3]]
).reshape(4, 13)[:, :12]


@pytest.mark.oracle
@pytest.mark.parametrize("name", PEERS)
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    ours, theirs = PEERS[name]
    at = torch.tensor(X, requires_grad=True)
    expected = theirs()(at)
    weights = np.random.default_rng(1).normal(size=tuple(expected.shape))
    (expected * torch.tensor(weights)).sum().backward()
    result, pull = it.vjp(ours, X)
    np.testing.assert_allclose(result.numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    (gradient,) = pull(weights)
    np.testing.assert_allclose(gradient.numpy(), at.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "name", ["relu", "relu6", "leaky_relu", "elu", "elu with alpha", "selu", "celu", "hard_tanh"]
)
def test_the_gradient_at_a_kink_is_pytorchs(name: str) -> None:
    ours, theirs = PEERS[name]
    x = np.array([-1.0, 0.0, 1.0, 6.0])
    at = torch.tensor(x, requires_grad=True)
    theirs()(at).sum().backward()
    np.testing.assert_allclose(it.grad(lambda x: ours(x).sum())(x).numpy(), at.grad.numpy())


@pytest.mark.parametrize("name", [n for n in PEERS if n not in GATES])
def test_gradients_of_gradients(name: str) -> None:
    x = np.array([-4.0, -2.2, -0.8, -0.3, 0.3, 0.8, 2.2, 4.0])
    it.check_grads(PEERS[name][0], (x,), order=2)


@pytest.mark.parametrize("name", [n for n in PEERS if n not in GATES])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays_nan_and_large_numbers_are_no_trouble(name: str, dtype: Any) -> None:
    x = np.array([np.nan, 1e4, -1e4, 0.0], dtype)
    y = PEERS[name][0](it.Tensor(x) if name != "prelu" else x.astype(np.float64))
    assert np.isnan(np.asarray(y)).tolist() == [True, False, False, False]
    assert y.dtype == dtype or name == "prelu"
    gradient = it.grad(lambda x: PEERS[name][0](x)[1:].sum())(x.astype(y.dtype))
    assert np.isfinite(gradient.numpy()[1:]).all()


@pytest.mark.parametrize("shape", [(0, 4), (4,), (2, 3, 6)])
@pytest.mark.parametrize("name", PEERS)
def test_any_shape_is_kept(name: str, shape: tuple[int, ...]) -> None:
    y = PEERS[name][0](np.ones(shape))
    assert y.shape == ((*shape[:-1], shape[-1] // 2) if name.endswith("glu") else shape)


def test_small_numbers_keep_their_digits() -> None:
    x = np.array([-1e-6], np.float32)
    for function in (nn.elu, nn.celu):
        assert float(function(x)[0]) == pytest.approx(np.expm1(-1e-6), rel=1e-6)


def test_gates_split_the_axis_that_is_named() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(nn.glu(x, axis=0).numpy(), nn.glu(x.T).numpy().T)
    with pytest.raises(ValueError, match=r"swiglu: the axis has two halves; got extent 3 of shape"):
        nn.swiglu(x)
    with pytest.raises(ValueError, match="glu: axes are distinct"):
        nn.glu(x, axis=2)


@pytest.mark.oracle
@pytest.mark.parametrize(("features", "shape"), [(1, (4,)), (3, (2, 3)), (3, (2, 3, 4, 5))])
def test_prelu_learns_its_slope_as_in_pytorch(features: int, shape: tuple[int, ...]) -> None:
    model = nn.init(nn.PReLU(features), dtype=np.float64)
    peer = torch.nn.PReLU(features).double()
    x = np.random.default_rng(0).normal(size=shape)
    params, state = nn.split(model)
    grads = it.grad(lambda params: (model.apply(params, state, x)[0] ** 2).sum())(params)
    (peer(torch.tensor(x)) ** 2).sum().backward()
    np.testing.assert_allclose(np.asarray(grads["weight"]), peer.weight.grad.numpy())
    np.testing.assert_allclose(model(x).numpy(), peer(torch.tensor(x)).detach().numpy())


def test_prelu_refuses_other_channels() -> None:
    with pytest.raises(ValueError, match=r"nn.PReLU: axis 1 .* 3 channels; got shape \(2, 4\)"):
        nn.init(nn.PReLU(3))(np.ones((2, 4), np.float32))


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="silu: arithmetic needs floating arrays"):
        nn.silu(np.array([1, 2]))
