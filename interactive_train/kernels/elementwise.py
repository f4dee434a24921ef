"""Elementwise operations, each one expression on scalars (`kernel.Expression` makes the loops).

NaN stays NaN in all of them: comparisons are written so that a NaN operand
reaches the result.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Expression

SQRT_HALF = math.sqrt(0.5)
ONE_OVER_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


def add(x: Any, y: Any) -> Any:
    return x + y


def subtract(x: Any, y: Any) -> Any:
    return x - y


def multiply(x: Any, y: Any) -> Any:
    return x * y


def divide(x: Any, y: Any) -> Any:
    return x / y


def power(x: Any, y: Any) -> Any:
    return x**y


def maximum(x: Any, y: Any) -> Any:
    return x if (x >= y or x != x) else y


def minimum(x: Any, y: Any) -> Any:
    return x if (x <= y or x != x) else y


def negative(x: Any) -> Any:
    return -x


def absolute(x: Any) -> Any:
    return abs(x)


def sign(x: Any) -> Any:
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


def exp(x: Any) -> Any:
    return np.exp(x)


def log(x: Any) -> Any:
    return np.log(x)


def sqrt(x: Any) -> Any:
    return np.sqrt(x)


def tanh(x: Any) -> Any:
    return np.tanh(x)


def erf(x: Any) -> Any:
    return math.erf(x)


def sigmoid(x: Any) -> Any:
    """exp(-x) may be Inf, whose reciprocal is the right 0."""
    return 1.0 / (1.0 + np.exp(-x))


def softplus(x: Any) -> Any:
    """The larger of x and 0, and a rest that cannot overflow: log(1 + exp(x))."""
    return (0.0 if x <= 0.0 else x) + np.log1p(np.exp(-abs(x)))


def relu(x: Any) -> Any:
    return 0.0 if x <= 0.0 else x


def gate(g: Any, x: Any) -> Any:
    """Let g through where x is positive: the gradient of relu."""
    return g if x > 0.0 else (0.0 if x <= 0.0 else x)


def gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + math.erf(x * SQRT_HALF))


def gelu_slope(x: Any) -> Any:
    """The derivative of gelu: Phi(x) + x phi(x) with the standard normal's Phi and phi."""
    return 0.5 * (1.0 + math.erf(x * SQRT_HALF)) + x * (np.exp(-0.5 * x * x) * ONE_OVER_SQRT_2PI)


def greater(x: Any, y: Any) -> Any:
    return x > y


def greater_equal(x: Any, y: Any) -> Any:
    return x >= y


def less(x: Any, y: Any) -> Any:
    return x < y


def less_equal(x: Any, y: Any) -> Any:
    return x <= y


def equal(x: Any, y: Any) -> Any:
    return x == y


def not_equal(x: Any, y: Any) -> Any:
    return x != y


def where(condition: Any, x: Any, y: Any) -> Any:
    return x if condition else y


def to_float32(x: Any) -> Any:
    return np.float32(x)


def to_float64(x: Any) -> Any:
    return np.float64(x)


ADD = Expression(add, commutative=True)
SUBTRACT = Expression(subtract)
MULTIPLY = Expression(multiply, commutative=True)
DIVIDE = Expression(divide)
POWER = Expression(power)
MAXIMUM = Expression(maximum)
MINIMUM = Expression(minimum)
NEGATIVE = Expression(negative, "T")
ABSOLUTE = Expression(absolute, "T")
SIGN = Expression(sign, "T")
EXP = Expression(exp, "T")
LOG = Expression(log, "T")
SQRT = Expression(sqrt, "T")
TANH = Expression(tanh, "T")
ERF = Expression(erf, "T")
SIGMOID = Expression(sigmoid, "T")
SOFTPLUS = Expression(softplus, "T")
RELU = Expression(relu, "T")
GATE = Expression(gate)
GELU = Expression(gelu, "T")
GELU_SLOPE = Expression(gelu_slope, "T")
GREATER = Expression(greater, "T T", "b1")
GREATER_EQUAL = Expression(greater_equal, "T T", "b1")
LESS = Expression(less, "T T", "b1")
LESS_EQUAL = Expression(less_equal, "T T", "b1")
EQUAL = Expression(equal, "T T", "b1")
NOT_EQUAL = Expression(not_equal, "T T", "b1")
WHERE = Expression(where, "b1 T T")
TO_FLOAT32 = Expression(to_float32, "T", "f4")
TO_FLOAT64 = Expression(to_float64, "T", "f8")

EXPRESSIONS = tuple(value for value in list(globals().values()) if isinstance(value, Expression))
