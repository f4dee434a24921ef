"""Every scalar expression, in each way its operands can lie, against NumPy and SciPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from interactive_train.kernels import catalogue, elementwise
from interactive_train.kernels.kernel import Expression
from tests.kernels.fenced import FLOATING, close, run

ORACLES: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "negative": np.negative,
    "absolute": np.absolute,
    "sign": np.sign,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "erf": scipy.special.erf,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "relu": lambda x: np.maximum(x, 0.0),
    "gate": lambda g, x: np.where(np.isnan(x), x, np.where(x > 0, g, 0.0)),
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "gelu_slope": lambda x: scipy.special.ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi),
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "where": np.where,
    "to_float32": lambda x: x,
    "to_float64": lambda x: x,
}
LEAD = {"f": (3, 5), "r": (1, 5), "c": (3, 1), "s": (1, 1)}
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-40, 3.0, -2.5]


def names(expressions: list[Expression]) -> list[str]:
    return [expression.name for expression in expressions]


def operand(kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> Any:
    draw = np.random.default_rng(seed).normal(size=shape) * 2
    return draw > 0 if kind == "b1" else draw.astype(dtype)


def check(
    expression: Expression, pattern: str, dtype: np.dtype[Any], way: str, values: list[Any]
) -> None:
    kernel = expression.kernel(pattern)
    shape = np.broadcast_shapes(*(v.shape for v in values))
    with np.errstate(all="ignore"):
        want = ORACLES[expression.name](
            *(v.astype(float) if v.dtype != bool else v for v in values)
        )
    fixed: dict[str, Any] = {"T": dtype, "b1": np.bool_, "f4": np.float32, "f8": np.float64}
    out = np.zeros(shape, fixed[expression.output])
    flat = set(pattern) <= {"f", "s"}
    sizes = (out.size,) if flat else shape
    code, got = run(kernel, dtype, out, *(np.ascontiguousarray(v) for v in values), *sizes, way=way)
    assert code == 0
    if got.dtype == np.bool_:
        np.testing.assert_array_equal(got, want)
    else:
        with np.errstate(over="ignore"):
            want = np.asarray(want).astype(got.dtype)
        close(got, want, min(dtype, got.dtype), scale=4)


def test_every_expression_has_an_oracle() -> None:
    assert set(names(list(elementwise.EXPRESSIONS))) == set(ORACLES)


@pytest.mark.parametrize("expression", elementwise.EXPRESSIONS, ids=lambda e: e.name)
def test_the_plain_loop_is_right_in_every_pattern(expression: Expression) -> None:
    kinds = expression.inputs.split()
    for pattern in itertools.product("frcs", repeat=len(kinds)):
        values = [
            operand(kind, LEAD[letter], FLOATING[1], seed)
            for seed, (kind, letter) in enumerate(zip(kinds, pattern, strict=True))
        ]
        full = np.broadcast_shapes(*(v.shape for v in values))
        if "f" in pattern or full == (3, 5):
            check(expression, "".join(pattern), FLOATING[1], "plain", values)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize("expression", elementwise.EXPRESSIONS, ids=lambda e: e.name)
def test_native_code_is_right_in_the_patterns_that_are_kept_ready(
    expression: Expression, dtype: np.dtype[Any]
) -> None:
    kinds = expression.inputs.split()
    for pattern in catalogue.READY.get(expression, "f" * len(kinds)).split():
        for rows, columns in ((3, 5), (1, 1), (7, 129), (0, 4), (4, 0)):
            lead = {"f": (rows, columns), "r": (1, columns), "c": (rows, 1), "s": (1, 1)}
            if "b" in pattern:
                continue
            values = [
                operand(kind, lead[letter], dtype, seed)
                for seed, (kind, letter) in enumerate(zip(kinds, pattern, strict=True))
            ]
            if np.broadcast_shapes(*(v.shape for v in values)) == (rows, columns):
                check(expression, pattern, dtype, "native", values)


@pytest.mark.parametrize("way", ["native", "plain"])
@pytest.mark.parametrize(
    "expression", [elementwise.ADD, elementwise.SUBTRACT], ids=lambda e: e.name
)
def test_one_value_serves_a_whole_channel(expression: Expression, way: str) -> None:
    for shape in ((2, 3, 5), (1, 1, 1), (7, 2, 129), (0, 4, 2), (2, 4, 0)):
        lead = {"f": shape, "b": (1, shape[1], 1)}
        for pattern in ("fb", "bf"):
            values = [operand("T", lead[p], FLOATING[0], seed) for seed, p in enumerate(pattern)]
            check(expression, pattern, FLOATING[0], way, values)


def test_a_value_per_channel_goes_with_whole_arrays_and_numbers_only() -> None:
    with pytest.raises(ValueError, match="b only beside f and s; got 'br'"):
        elementwise.ADD.kernel("br")


@pytest.mark.parametrize("way", ["native", "plain"])
@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize("expression", elementwise.EXPRESSIONS, ids=lambda e: e.name)
def test_nan_and_infinity_are_what_numpy_says(
    expression: Expression, dtype: np.dtype[Any], way: str
) -> None:
    kinds = expression.inputs.split()
    pairs = np.array(list(itertools.product(SPECIAL, repeat=2)), dtype=dtype)
    columns = iter((pairs[:, 0].copy(), pairs[:, 1].copy()))
    values = [np.arange(len(pairs)) % 2 == 0 if kind == "b1" else next(columns) for kind in kinds]
    check(expression, "f" * len(kinds), dtype, way, values)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_a_tiny_divisor_is_divided_by_not_inverted(dtype: np.dtype[Any]) -> None:
    tiny = np.array([[np.finfo(dtype).tiny / 8]], dtype)
    code, got = run(
        elementwise.DIVIDE.kernel("fs"), dtype, np.zeros(4, dtype), np.repeat(tiny, 4), tiny[0], 4
    )
    assert (code, got.tolist()) == (0, [1.0] * 4)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize(
    ("expression", "pattern"), [(elementwise.ADD, "ff"), (elementwise.GELU, "f")]
)
def test_the_adapter_in_place_equals_the_distinct_one(
    expression: Expression, pattern: str, dtype: np.dtype[Any]
) -> None:
    values = [operand("T", (1001,), dtype, seed) for seed in range(len(pattern))]
    kernel = expression.kernel(pattern)
    _, apart = run(kernel, dtype, np.zeros(1001, dtype), *values, 1001)
    _, together = run(kernel, dtype, np.zeros(1001, dtype), *values, 1001, in_place=True)
    np.testing.assert_array_equal(apart, together)


def test_a_pattern_has_one_known_letter_per_operand() -> None:
    with pytest.raises(ValueError, match=r"add: a pattern has one letter .*got 'f'"):
        elementwise.ADD.kernel("f")
    with pytest.raises(ValueError, match="got 'fx'"):
        elementwise.ADD.kernel("fx")
    assert "exp" in elementwise.EXP.kernel("f").text


def test_an_expression_is_one_return() -> None:
    def two_statements(x: Any) -> Any:
        y = x + 1.0
        return y

    with pytest.raises(
        ValueError, match="two_statements: the function of an expression is one ret"
    ):
        Expression(two_statements, "T").kernel("f")
