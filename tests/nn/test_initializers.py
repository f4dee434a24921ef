"""Initial values: their distributions, bounds, and what they depend on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from interactive_train import nn
from interactive_train.nn import initializers as i
from interactive_train.runtime.key import Key
from tests.conftest import require

torch = require("torch")
KEY = Key.from_seed(0)
SHAPE = (200, 300)  # fan in 200, fan out 300
TRUNCATED = stats.truncnorm(-2, 2)

# What is drawn, and the distribution it should come from.
DRAWN: dict[str, tuple[Any, Any]] = {
    "uniform": (i.uniform(-1.0, 3.0), stats.uniform(-1, 4)),
    "normal": (i.normal(0.3, mean=1.0), stats.norm(1.0, 0.3)),
    "truncated normal": (i.truncated_normal(0.3), stats.truncnorm(-2, 2, 0, 0.3)),
    "one side": (i.truncated_normal(1.0, low=1.0, high=3.0), stats.truncnorm(1, 3)),
    "glorot_uniform": (i.glorot_uniform, math.sqrt(6 / 500)),
    "he_uniform": (i.he_uniform, math.sqrt(6 / 200)),
    "lecun_uniform": (i.lecun_uniform, math.sqrt(3 / 200)),
    "glorot_normal": (i.glorot_normal, 2 / 500),
    "he_normal": (i.he_normal, 2 / 200),
    "lecun_normal": (i.lecun_normal, 1 / 200),
    "scaled": (i.variance_scaling(3.0, "fan_out", "normal"), stats.norm(0, 0.1)),
    "scaled, other axes": (
        i.variance_scaling(6.0, "fan_in", "uniform", in_axis=1, out_axis=0),
        math.sqrt(18 / 300),
    ),
    "scaled, both": (i.variance_scaling(1.0, "fan_avg"), 1 / 250),
}


def expected(name: str) -> Any:
    found = DRAWN[name][1]
    if not isinstance(found, float):
        return found
    if "uniform" in name or name == "scaled, other axes":
        return stats.uniform(-found, 2 * found)
    return stats.truncnorm(-2, 2, 0, math.sqrt(found) / TRUNCATED.std())


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_come_from_their_distribution(name: str) -> None:
    values = DRAWN[name][0](KEY, SHAPE)
    assert values.shape == SHAPE
    assert stats.kstest(values.ravel(), expected(name).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(values[:100].ravel(), values[100:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_depend_on_key_and_shape_alone(name: str) -> None:
    draw = DRAWN[name][0]
    first = draw(KEY, (3, 5))
    np.testing.assert_array_equal(first, draw(Key.from_seed(0), (3, 5)))
    assert (first != draw(Key.from_seed(1), (3, 5))).any()
    assert draw(KEY, (0, 5)).shape == (0, 5)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (i.glorot_uniform, "xavier_uniform_"),
        (i.glorot_normal, "xavier_normal_"),
        (i.he_uniform, "kaiming_uniform_"),
        (i.he_normal, "kaiming_normal_"),
        (i.orthogonal(2.0), "orthogonal_"),
        (i.truncated_normal(1.0), "trunc_normal_"),
    ],
)
def test_the_spread_is_pytorchs(ours: Any, theirs: str) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"nonlinearity": "relu"} if theirs.startswith("kaiming") else {}
    options |= {"gain": 2.0} if theirs == "orthogonal_" else {}
    peer = getattr(torch.nn.init, theirs)(torch.empty(300, 200), **options)  # (out, in)
    assert ours(KEY, SHAPE).std() == pytest.approx(float(peer.std()), rel=0.02)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    w = i.orthogonal(2.0)(KEY, shape).reshape(-1, shape[-1])
    small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(small, 4.0 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_matrices_have_no_preferred_sign() -> None:
    signs = [i.orthogonal()(Key.from_seed(s), (2, 2))[0, 0] > 0 for s in range(200)]
    assert 70 < sum(signs) < 130


def test_fans_of_windows_and_vectors() -> None:
    assert i.fans((3, 5, 7, 11)) == (7 * 15, 11 * 15)
    assert i.fans((7, 11, 3, 5), in_axis=1, out_axis=0) == (11 * 15, 7 * 15)
    assert i.fans((6,)) == (6, 6)
    assert i.fans(()) == (1, 1)
    with pytest.raises(ValueError, match=r"initializers.fans: axes lie in -2 ... 1; got in_axis=2"):
        i.fans((2, 3), in_axis=2)


def test_a_layer_takes_any_of_them() -> None:
    for initializer in (i.constant(0.5), i.identity(2.0), i.orthogonal(), i.normal(1.0)):
        layer = nn.Linear(3, 4, weight_init=initializer)
        assert repr(initializer) in repr(layer.weight)
        np.testing.assert_array_equal(
            nn.init(layer, seed=3).weight,
            initializer(Key.from_seed(3).fold("weight"), (3, 4)).astype(np.float32),
        )


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a negative spread": (lambda: i.normal(-1.0), "initializers.normal: stddev"),
    "an empty interval": (
        lambda: i.truncated_normal(low=2.0, high=2.0),
        "initializers.truncated_normal: low is below high; got low=2, high=2",
    ),
    "ends in the wrong order": (lambda: i.uniform(1.0, 0.0), "low is not above high"),
    "an interval in the far tail": (
        lambda: i.truncated_normal(low=30.0, high=31.0)(KEY, (2, 2)),
        "initializers.truncated_normal: the interval holds a good part of the distribution; got "
        "[30, 31] standard deviations",
    ),
    "an unknown mode": (
        lambda: i.variance_scaling(1.0, "in"),  # type: ignore[arg-type]
        "initializers.variance_scaling: mode is one of fan_in, fan_out, fan_avg; got 'in'",
    ),
    "an unknown distribution": (
        lambda: i.variance_scaling(1.0, distribution="gauss"),  # type: ignore[arg-type]
        "distribution is one of uniform, normal, truncated_normal; got 'gauss'",
    ),
    "a negative scale": (lambda: i.variance_scaling(-1.0), "initializers.variance_scaling: scale"),
    "orthogonal biases": (
        lambda: i.orthogonal()(KEY, (3,)),
        "initializers.orthogonal: needs at least two axes; got shape (3,)",
    ),
    "an identity of three axes": (
        lambda: i.identity()(KEY, (2, 2, 2)),
        "initializers.identity: needs a matrix; got shape (2, 2, 2)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case: str) -> None:
    wrong, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong()
