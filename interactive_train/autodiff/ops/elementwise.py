"""Elementwise primitives with NumPy's broadcasting.

Each takes its forward from one scalar expression of the kernels floor. Gradients are written
as if all shapes were equal; `Elementwise` sums them back over what was broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.shape import sum_to
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tensor import FLOATS, OPERATIONS, Spec, Tensor, as_tensor
from interactive_train.kernels import elementwise as kernels
from interactive_train.kernels import labels
from interactive_train.kernels.elementwise import TWO_OVER_SQRT_PI
from interactive_train.kernels.kernel import Expression
from interactive_train.kernels.signature import FIXED_TYPES
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal


class Elementwise(Primitive):
    """A primitive that maps scalars to a scalar, on arrays of any shapes that broadcast."""

    def __init__(self, expression: Expression, name: str = "") -> None:
        self.expression = expression
        self.types = expression.inputs.split()
        super().__init__(name or expression.name, self._plan)

    def gradients(self, *vjps: Callable[..., Tensor] | None) -> None:
        """Declare gradients as for equal shapes."""
        super().gradients(*(vjp and _unbroadcast(vjp, i) for i, vjp in enumerate(vjps)))

    def __call__(self, *args: Any, **attributes: Any) -> Tensor:
        """Return the result for operands that broadcast."""
        types = self.types
        if len(args) != len(types):
            raise TypeError(
                refusal(self.name, f"takes {len(types)} arrays", str(len(args)), "Check the call.")
            )
        if "b1" not in types:
            return self.apply(promote(self.name, args), attributes)
        floats = iter(promote(self.name, [a for a, t in zip(args, types, strict=True) if t == "T"]))
        inputs = [
            next(floats) if kind == "T" else _condition(self.name, value)
            for value, kind in zip(args, types, strict=True)
        ]
        return self.apply(inputs, attributes)

    def _plan(self, *specs: Spec) -> Plan:
        shapes = [shape for shape, _ in specs]
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                refusal(
                    self.name,
                    "shapes must broadcast",
                    " and ".join(map(str, shapes)),
                    "Aligned at the last axis, each pair of extents is equal or has a 1.",
                )
            ) from None
        floating = np.dtype(next((c for _, c in reversed(specs) if c in FLOATS), "f"))
        output = self.expression.output
        dtype = floating if output == "T" else FIXED_TYPES[output]
        pattern, sizes, spread = spread_pattern(shapes, shape)
        operands = INPUTS[: len(specs)]
        if self.expression.commutative and pattern[0] != "f" and pattern[1] == "f":
            pattern, operands = pattern[::-1], operands[::-1]
        return Plan(
            shape,
            dtype,
            self.expression.kernel(pattern),
            floating,
            (RESULT, *operands, *sizes),
            spread,
        )


class OfIntegers(Elementwise):
    """An operation that has a twin for integer arrays, beside which truth values are integers."""

    def __init__(self, expression: Expression, twin: Expression) -> None:
        super().__init__(expression)
        self.twin = Elementwise(twin)

    def __call__(self, *args: Any, **attributes: Any) -> Tensor:
        """Return the result for operands that broadcast; among integers it has no gradient."""
        kinds = self.types
        values = [a for a, kind in zip(args, kinds, strict=False) if kind == "T"]
        if len(args) == len(kinds) and any(map(_is_integer_array, values)):
            tensors = [as_tensor(a, self.name) for a in args]
            found = [t for t, kind in zip(tensors, kinds, strict=True) if kind == "T"]
            if all(t.dtype.kind in "ib" for t in found):
                return self.twin.apply(
                    [
                        _integers(t) if kind == "T" else _condition(self.name, t)
                        for t, kind in zip(tensors, kinds, strict=True)
                    ],
                    attributes,
                )
        return super().__call__(*args, **attributes)


def _is_integer_array(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray)) and value.dtype.kind in "iu"


def _integers(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype.kind == "i" else truths_to_integers.apply([tensor], {})


def _condition(where: str, value: Any) -> Tensor:
    tensor = as_tensor(value, where)
    if tensor.dtype != np.bool_:
        raise TypeError(
            refusal(
                where,
                "the condition is a boolean array",
                str(tensor.dtype),
                "Compare, for example x > 0.",
            )
        )
    return tensor


def spread_pattern(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...]
) -> tuple[str, tuple[int, ...], tuple[tuple[int, tuple[int, ...]], ...]]:
    """Say how each operand lies under the result, see `kernels.kernel.PATTERNS`.

    Returns
    -------
    (pattern, sizes, spread)
        The sizes of the loops: n, or rows and columns, or outer, middle and inner. `spread` names
        the operands that no letter covers beside the others; they are broadcast first.
    """
    letters: list[str] = []
    sizes: tuple[int, ...] = (math.prod(shape),)
    spread = []
    for position, own in enumerate(shapes):
        size = math.prod(own)
        if own == shape or size == math.prod(shape):
            letters.append("f")
            continue
        if size == 1:
            letters.append("s")
            continue
        letter, wanted = _letter((1,) * (len(shape) - len(own)) + own, shape)
        if letter and (len(sizes) == 1 or sizes == wanted):
            letters.append(letter)
            sizes = wanted
        else:
            letters.append("f")
            spread.append((position, shape))
    return "".join(letters), sizes, tuple(spread)


def _letter(core: tuple[int, ...], shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return the letter of an operand of as many axes as the result, and the sizes it asks for."""
    first = next(i for i, extent in enumerate(core) if extent != 1)
    last = len(core) - next(i for i, extent in enumerate(reversed(core)) if extent != 1)
    parts = tuple(math.prod(part) for part in (shape[:first], shape[first:last], shape[last:]))
    if core[first:] == shape[first:]:
        return "r", (parts[0], parts[1] * parts[2])
    if core[:last] == shape[:last]:
        return "c", (parts[0] * parts[1], parts[2])
    return ("b", parts) if core[first:last] == shape[first:last] else ("", ())


def _unbroadcast(vjp: Callable[..., Tensor], position: int) -> Callable[..., Tensor]:
    def reduced(g: Tensor, y: Tensor, *inputs: Tensor) -> Tensor:
        return sum_to(vjp(g, y, *inputs), inputs[position].shape)

    return reduced


add: Elementwise = Elementwise(kernels.ADD)
add.gradients(lambda g, y, a, b: g, lambda g, y, a, b: g)

subtract: Elementwise = Elementwise(kernels.SUBTRACT)
subtract.gradients(lambda g, y, a, b: g, lambda g, y, a, b: -g)

multiply: Elementwise = Elementwise(kernels.MULTIPLY)
multiply.gradients(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)

divide: Elementwise = Elementwise(kernels.DIVIDE)
divide.gradients(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)

power: Elementwise = Elementwise(kernels.POWER)
power.gradients(
    lambda g, y, a, b: g * b * a ** where(b == 0.0, 1.0, b - 1.0),
    lambda g, y, a, b: g * y * log(where(a > 0.0, a, 1.0)),
)

# Where both are equal each gets half, so that the gradient is the mean of the two sides.
maximum: Elementwise = Elementwise(kernels.MAXIMUM)
maximum.gradients(
    lambda g, y, a, b: _share(g, a > b, a == b), lambda g, y, a, b: _share(g, b > a, a == b)
)

minimum: Elementwise = Elementwise(kernels.MINIMUM)
minimum.gradients(
    lambda g, y, a, b: _share(g, a < b, a == b), lambda g, y, a, b: _share(g, b < a, a == b)
)

negative: Elementwise = Elementwise(kernels.NEGATIVE)
negative.gradients(lambda g, y, x: -g)

absolute: Elementwise = Elementwise(kernels.ABSOLUTE)
absolute.gradients(lambda g, y, x: g * sign(x))

sign: Elementwise = Elementwise(kernels.SIGN)
sign.gradients(None)

exp: Elementwise = Elementwise(kernels.EXP)
exp.gradients(lambda g, y, x: g * y)

log: Elementwise = Elementwise(kernels.LOG)
log.gradients(lambda g, y, x: g / x)

sqrt: Elementwise = Elementwise(kernels.SQRT)
sqrt.gradients(lambda g, y, x: 0.5 * g / y)

tanh: Elementwise = Elementwise(kernels.TANH)
tanh.gradients(lambda g, y, x: g * (1.0 - y * y))

# erf'(x) = 2 / sqrt(pi) * exp(-x^2)
erf: Elementwise = Elementwise(kernels.ERF)
erf.gradients(lambda g, y, x: g * (TWO_OVER_SQRT_PI * exp(-x * x)))

sigmoid: Elementwise = Elementwise(kernels.SIGMOID)
sigmoid.gradients(lambda g, y, x: g * (y * (1.0 - y)))

# softplus(x) = log(1 + exp(x)), so that log sigmoid(x) = -softplus(-x)
softplus: Elementwise = Elementwise(kernels.SOFTPLUS)
softplus.gradients(lambda g, y, x: g * sigmoid(x))

# relu'(x) = 1 for x > 0 and 0 at 0, as everywhere in the field.
relu: Elementwise = Elementwise(kernels.RELU)
relu.gradients(lambda g, y, x: gate(g, y))  # y > 0 where x > 0: x need not be kept

gate: Elementwise = Elementwise(kernels.GATE)
gate.gradients(lambda h, y, g, x: gate(h, x), None)

# gelu(x) = x Phi(x), gelu'(x) = Phi(x) + x phi(x) with the standard normal's Phi and phi.
gelu: Elementwise = Elementwise(kernels.GELU)
gelu.gradients(lambda g, y, x: g * gelu_slope(x))

# gelu''(x) = phi(x) (2 - x^2)
gelu_slope: Elementwise = Elementwise(kernels.GELU_SLOPE)
gelu_slope.gradients(
    lambda g, y, x: g * ((2.0 - x * x) * (kernels.ONE_OVER_SQRT_2PI * exp(-0.5 * x * x)))
)

where: Elementwise = OfIntegers(kernels.WHERE, labels.WHERE)
where.gradients(
    None,
    lambda g, y, c, a, b: where(c, g, 0.0),
    lambda g, y, c, a, b: where(c, 0.0, g),
)

greater: Elementwise = OfIntegers(kernels.GREATER, labels.GREATER)
greater_equal: Elementwise = OfIntegers(kernels.GREATER_EQUAL, labels.GREATER_EQUAL)
less: Elementwise = OfIntegers(kernels.LESS, labels.LESS)
less_equal: Elementwise = OfIntegers(kernels.LESS_EQUAL, labels.LESS_EQUAL)
equal: Elementwise = OfIntegers(kernels.EQUAL, labels.EQUAL)
not_equal: Elementwise = OfIntegers(kernels.NOT_EQUAL, labels.NOT_EQUAL)

to_float32: Elementwise = Elementwise(kernels.TO_FLOAT32)
to_float32.gradients(lambda g, y, x: astype(g, x.dtype))
to_float64: Elementwise = Elementwise(kernels.TO_FLOAT64)
to_float64.gradients(lambda g, y, x: astype(g, x.dtype))

# Integers and truth values have no gradients.
truths_to_integers: Elementwise = Elementwise(labels.TRUTHS_TO_INTEGERS)
_FROM = {
    ("i", "f"): Elementwise(labels.INTEGERS_TO_FLOAT32),
    ("i", "d"): Elementwise(labels.INTEGERS_TO_FLOAT64),
    ("b", "f"): Elementwise(labels.TRUTHS_TO_FLOAT32),
    ("b", "d"): Elementwise(labels.TRUTHS_TO_FLOAT64),
}


def pow(x: Any, y: Any) -> Tensor:  # noqa: A001
    """Return x to the power y; a square is one product."""
    if type(y) in (int, float) and y == 2:
        (tensor,) = promote("power", [x])
        return multiply(tensor, tensor)
    return power(x, y)


def astype(x: Any, dtype: Any) -> Tensor:
    """Return `x` in float32 or float64; differentiable if it is floating.

    Raises
    ------
    TypeError
        For any other type.
    """
    wanted = np.dtype(dtype)
    if isinstance(x, Tensor) and x.dtype == wanted:
        return x
    if wanted in (np.float32, np.float64):
        tensor = as_tensor(x, "astype")
        if tensor.dtype.kind != "f":
            return _FROM[tensor.dtype.kind, wanted.char].apply([tensor], {})
        return to_float32(tensor) if wanted == np.float32 else to_float64(tensor)
    raise TypeError(
        refusal("astype", "converts to float32 or float64", str(wanted), "Use .numpy() for others.")
    )


def _share(g: Tensor, first: Tensor, both: Tensor) -> Tensor:
    return where(first, g, where(both, 0.5 * g, 0.0))


OPERATIONS["astype"] = astype
OPERATIONS["abs"] = absolute
OPERATIONS["pow"] = OPERATIONS["power"] = pow
