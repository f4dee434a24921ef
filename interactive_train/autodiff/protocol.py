"""NumPy's functions on Tensors: which operation stands in for each, and what is refused.

``np.exp(tensor)`` and ``np.sum(tensor, axis=0)`` arrive here through NumPy's protocols. A
function without a gradient is refused with the way out, never computed behind the tape's back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from interactive_train.runtime.errors import did_you_mean, refusal

Operations = Mapping[str, Callable[..., Any]]

# Functions that only ask something; they see plain arrays.
QUESTIONS = {"allclose", "array_equal", "isclose", "ndim", "shape", "size"}
QUESTIONS |= {"array_repr", "array_str", "array2string"}
QUESTIONS_OF_ELEMENTS = {"isfinite", "isinf", "isnan", "signbit"}
NAMES = {"amax": "max", "amin": "min", "permute_dims": "transpose", "concat": "concatenate"}
OPTIONS = {
    ("clip", "a_min"): "low",
    ("clip", "a_max"): "high",
    ("clip", "min"): "low",
    ("clip", "max"): "high",
    ("swapaxes", "axis1"): "first",
    ("swapaxes", "axis2"): "second",
}


def from_ufunc(
    operations: Operations,
    ufunc: Any,
    method: str,
    inputs: Sequence[Any],
    options: Mapping[str, Any],
) -> Any:
    """Compute a universal function on operands of which one is a Tensor.

    Raises
    ------
    TypeError
        For one without a gradient, and for options such as ``out=``.
    """
    name = ufunc.__name__
    if name in QUESTIONS_OF_ELEMENTS and method == "__call__":
        return ufunc(*plain(inputs), **options)
    operation = operations.get(name)
    if method != "__call__" or operation is None or options:
        detail = f"np.{name}" + ("" if method == "__call__" else f".{method}")
        detail += f" with {', '.join(options)}=" if options else ""
        raise TypeError(_no_gradient(operations, name, detail))
    return operation(*inputs)


def from_function(
    operations: Operations, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Compute another NumPy function.

    Raises
    ------
    TypeError
        For one without a gradient, and for options that the operation lacks.
    """
    name = function.__name__
    if name in QUESTIONS:
        return function(*plain(args), **{key: plain(value) for key, value in kwargs.items()})
    operation = operations.get(NAMES.get(name, name))
    if operation is None:
        raise TypeError(_no_gradient(operations, name, f"np.{name}"))
    options = {OPTIONS.get((name, key), key): value for key, value in kwargs.items()}
    known = _parameters(operation)
    unknown = [key for key in options if known and key not in known]
    if unknown:
        raise TypeError(
            refusal(
                f"np.{name}",
                "a Tensor's function takes fewer options",
                f"{unknown[0]}=",
                did_you_mean(unknown[0], known),
            )
        )
    return operation(*args, **options)


def plain(value: Any) -> Any:
    """Return arrays for Tensors, also inside tuples and lists."""
    if isinstance(value, (tuple, list)):
        return type(value)(plain(part) for part in value)
    return value.numpy() if hasattr(value, "numpy") else value


def _no_gradient(operations: Operations, name: str, detail: str) -> str:
    return refusal(
        "Tensor",
        "this NumPy function has no gradient here",
        detail,
        "Convert with .numpy() for arithmetic outside of a gradient. "
        + did_you_mean(name, sorted(operations)),
    )


@lru_cache(maxsize=256)
def _parameters(operation: Callable[..., Any]) -> tuple[str, ...]:
    """Return the parameters of an operation; none for a primitive, whose operands have no names."""
    found = inspect.signature(operation).parameters.values()
    return tuple(p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD)
