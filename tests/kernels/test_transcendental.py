"""exp and its relatives, plain and native, against the same in float64 and in long doubles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels import compiler, transcendental
from interactive_train.kernels.elementwise import GELU, SIGMOID, SOFTPLUS
from interactive_train.kernels.kernel import Expression, Kernel
from interactive_train.kernels.source import adapter_source
from tests.kernels.fenced import FLOATING, WAYS, run

# Largest errors in units in the last place, as the module's docstring has them.
BOUNDS = {
    "exp": (2.0, 2.0),
    "expm1": (2.0, 2.0),
    "log": (1.0, 1.0),
    "log1p": (1.5, 1.5),
    "tanh": (2.0, 2.5),
    "erf": (1.5, 1.5),
}
EACH = pytest.mark.parametrize("name", BOUNDS)
BOTH = pytest.mark.parametrize("dtype", FLOATING, ids=str)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40, 1e-300, 5e-324, -2.5]
SPECIAL += [88.7, 88.8, -87.5, -103.9, -104.1, 709.7, 709.9, -745.1, -745.2, 1e30, -1e30, 3e38]


def exp(x: Any) -> Any:
    return np.exp(x)


def expm1(x: Any) -> Any:
    return np.expm1(x)


def log(x: Any) -> Any:
    return np.log(x)


def log1p(x: Any) -> Any:
    return np.log1p(x)


def tanh(x: Any) -> Any:
    return np.tanh(x)


def erf(x: Any) -> Any:
    return math.erf(x)


def computed(name: str, x: NDArray[Any], way: str) -> NDArray[Any]:
    """Return what the adapter of a loop over ``np.<name>`` gives, or the plain helper."""
    if way == "native":
        kernel = Expression(globals()[name], "T").kernel("f")
        return run(kernel, x.dtype, np.zeros_like(x), x, x.size)[1]
    helper = getattr(transcendental, name + ("_single" if x.dtype == np.float32 else "_double"))
    with np.errstate(all="ignore"):
        return np.array([helper(value) for value in x], x.dtype)


def exact(name: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return the function in float64 for float32, in long doubles for float64."""
    if name == "erf":
        return np.array([math.erf(value) for value in x.tolist()])
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    function: Callable[[Any], NDArray[Any]] = getattr(np, name)
    with np.errstate(all="ignore"):
        return function(wide)


def points(name: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Draw numbers of every size in the function's domain, and many where it bends."""
    rng = np.random.default_rng(0)
    top = float(np.log(np.finfo(dtype).max))
    tiny = np.exp(rng.uniform(-top / 3, 0, count)) * rng.choice([-1.0, 1.0], count)
    near = rng.uniform(-2, 2, count)
    far = {
        "exp": rng.uniform(-1.2 * top, top, count),
        "expm1": rng.uniform(-40, top, count),
        "tanh": rng.uniform(-20, 20, count),
        "erf": rng.uniform(-6, 6, count),
    }.get(name, np.exp(rng.uniform(-top, top, count)))
    x = np.concatenate([tiny, near, far])
    if name == "log":
        x = np.concatenate([np.abs(x), 1 + tiny / 4])
    return (x[x > -1] if name == "log1p" else x).astype(dtype)


@BOTH
@EACH
@pytest.mark.parametrize("way", WAYS)
def test_the_error_keeps_to_the_bound(name: str, dtype: np.dtype[Any], way: str) -> None:
    x = points(name, dtype, 20_000 if way == "native" else 500)
    want, got = exact(name, x), computed(name, x, way)
    assert np.isfinite(got).all()
    error = np.abs(got.astype(want.dtype) - want) / np.spacing(np.abs(want.astype(dtype)))
    # Where no wider type is at hand the reference itself is off by up to one unit.
    is_wider = np.finfo(want.dtype).eps < np.finfo(dtype).eps
    assert error.max() <= BOUNDS[name][dtype == np.float64] + (not is_wider)


@BOTH
@EACH
@pytest.mark.parametrize("way", WAYS)
def test_edges_are_what_numpy_says(name: str, dtype: np.dtype[Any], way: str) -> None:
    with np.errstate(over="ignore"):
        x = np.array(SPECIAL, dtype)
    got = computed(name, x, way)
    with np.errstate(all="ignore"):
        want = exact(name, x).astype(dtype)
    np.testing.assert_allclose(got, want, rtol=4 * float(np.finfo(dtype).eps), atol=0)
    zero = (want == 0) & (got == 0)
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


def test_subnormal_results_of_exp_are_gradual() -> None:
    x = np.arange(-104, -87, 0.01, dtype=np.float32)
    got, want = computed("exp", x, "native"), np.exp(x.astype(float))
    assert np.abs(got - want).max() <= 0.51 * 2.0**-149 + 2.0**-149
    assert (np.diff(got) >= 0).all()


# What is made of them: errors relative to the largest of the value and the argument's effect.
@BOTH
@pytest.mark.parametrize("expression", [SIGMOID, SOFTPLUS, GELU], ids=lambda e: e.name)
def test_activations_made_of_them(expression: Expression, dtype: np.dtype[Any]) -> None:
    x = np.linspace(-12, 12, 4001).astype(dtype)
    _, got = run(expression.kernel("f"), dtype, np.zeros_like(x), x, x.size)
    wide = x.astype(np.longdouble)
    erfs = np.array([math.erf(v / math.sqrt(2)) for v in x.tolist()])
    want, scale = {
        "sigmoid": (1 / (1 + np.exp(-wide)), None),
        "softplus": (np.logaddexp(np.longdouble(0), wide), None),
        "gelu": (wide * (1 + erfs) / 2, np.abs(wide)),
    }[expression.name]
    error = np.abs(got - want) / (want if scale is None else np.maximum(scale, 1e-3))
    assert error.max() <= 4 * np.finfo(dtype).eps


@BOTH
@EACH
def test_no_library_is_called(name: str, dtype: np.dtype[Any]) -> None:
    source = adapter_source(Expression(globals()[name], "T").kernel("f"), dtype)
    assert f"np.{name}(" not in source
    assert f"math.{name}(" not in source
    assert compiler._compile("probe", source).needs == ()


@pytest.mark.parametrize("name", ["exp", "log"])
def test_a_sum_that_may_be_reordered_leaves_the_functions_exact(name: str) -> None:
    """`reassoc` would undo the rounding to a whole number within exp."""

    def total_exp(out: Any, x: Any, n: int) -> int:
        total = 0.0
        for i in range(n):
            total += np.exp(x[i])
        out[0] = total
        return 0

    def total_log(out: Any, x: Any, n: int) -> int:
        total = 0.0
        for i in range(n):
            total += np.log(x[i])
        out[0] = total
        return 0

    function = total_exp if name == "exp" else total_log
    kernel = Kernel(f"total_{name}", function, "out=T[1] x:T[n] n", reorder=True)
    for dtype in FLOATING:
        x = np.linspace(0.1, 5, 1001).astype(dtype)
        _, got = run(kernel, dtype, np.zeros(1, dtype), x, x.size)
        want = getattr(np, name)(x.astype(float)).sum()
        np.testing.assert_allclose(got[0], want, rtol=100 * float(np.finfo(dtype).eps))
