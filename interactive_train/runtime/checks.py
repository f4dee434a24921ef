"""Argument checks that many calls share: numbers, counts, callables.

Each takes a value with its name and the call that received it, and returns the
value as a plain Python number, or refuses it in the project's one error form.
Nothing is repaired: a float where a count is due is an error, and so is a bool
where a number is due.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, SupportsFloat, cast

import numpy as np

from interactive_train.runtime.errors import refusal

_SHOWN = 80  # characters of a refused value that an error message repeats


def shown(value: object) -> str:
    """Return what an error message says of a value: its repr, an array's shape and dtype.

    Examples
    --------
    >>> shown("fast"), shown(np.zeros((2, 3)))
    ("'fast'", 'an array of shape (2, 3) and dtype float64')
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({type(value).__name__})"


def whole_number(
    value: object,
    name: str,
    where: str,
    *,
    low: int | None = 1,
    fix: str = "",
) -> int:
    """Return `value` as an int that is at least `low`, or refuse it.

    Parameters
    ----------
    value : object
        A Python or NumPy integer; bools and floats (also 32.0) are refused.
    name, where : str
        The argument and the call, for the message.
    low : int, optional
        The smallest valid number; None for any.
    fix : str
        The last sentence of the message; a general one when empty.

    Raises
    ------
    TypeError
        If `value` is no integer.
    ValueError
        If it is below `low`.

    Examples
    --------
    >>> whole_number(np.int32(64), "batch_size", "batches")
    64
    >>> whole_number(0, "batch_size", "batches")
    Traceback (most recent call last):
        ...
    ValueError: batches: batch_size must be an integer of at least 1; got 0. Give 1 or more.
    """
    rule = f"{name} must be an integer" + ("" if low is None else f" of at least {low}")
    number: int | None = None
    if not isinstance(value, (bool, np.bool_)) and getattr(value, "ndim", 0) == 0:
        try:
            number = operator.index(cast(Any, value))
        except TypeError:
            number = None
    if number is None:
        raise TypeError(
            refusal(where, rule, shown(value), fix or "Give a whole number, without a point.")
        )
    if low is not None and number < low:
        raise ValueError(refusal(where, rule, str(number), fix or f"Give {low} or more."))
    return number


def real_number(
    value: object,
    name: str,
    where: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    fix: str = "",
) -> float:
    """Return `value` as a finite float inside an interval, or refuse it.

    Parameters
    ----------
    value : object
        Anything with ``__float__`` and no dimensions that is no bool and no text.
    name, where : str
        The argument and the call, for the message.
    low, high : float
        The interval, ends included unless `open_low` / `open_high`.
    open_low, open_high : bool
        Whether the end itself is refused.
    fix : str
        The last sentence of the message; a general one when empty.

    Raises
    ------
    TypeError
        If `value` is no real number.
    ValueError
        If it is not finite or lies outside the interval.

    Examples
    --------
    >>> real_number(1, "alpha", "schedules.cosine_decay", low=0, high=1)
    1.0
    >>> real_number("fast", "value", "schedules.constant")
    Traceback (most recent call last):
        ...
    TypeError: schedules.constant: value must be a real number; got 'fast'. Give one, such as 0.1.
    """
    bounded = math.isfinite(low) or math.isfinite(high)
    left = "(" if open_low or math.isinf(low) else "["
    right = ")" if open_high or math.isinf(high) else "]"
    interval = f" in {left}{low:g}, {high:g}{right}" if bounded else ""
    if (
        isinstance(value, (bool, np.bool_, str, bytes, np.complexfloating))
        or getattr(value, "ndim", 0) != 0
        or not hasattr(value, "__float__")
    ):
        raise TypeError(
            refusal(
                where,
                f"{name} must be a real number{interval}",
                shown(value),
                fix or "Give one, such as 0.1.",
            )
        )
    try:
        number = float(cast(SupportsFloat, value))
    except OverflowError:
        number = math.inf
    below = number < low or (open_low and number == low)
    above = number > high or (open_high and number == high)
    if not math.isfinite(number) or below or above:
        raise ValueError(
            refusal(
                where,
                f"{name} must be a finite number{interval}",
                f"{number!r}",
                fix or "Give one inside these bounds." if bounded else fix,
            )
        )
    return number


def function(value: object, name: str, where: str, *, fix: str = "") -> Callable[..., Any]:
    """Return `value` if it can be called, or refuse it.

    Raises
    ------
    TypeError
        If it cannot.

    Examples
    --------
    >>> function(len, "f", "Data.map") is len
    True
    """
    if not callable(value):
        raise TypeError(
            refusal(
                where,
                f"{name} must be a function",
                shown(value),
                fix or "Give something that can be called.",
            )
        )
    return value


def name_of(value: object) -> str:
    """Return what a message calls a function: its own name, else its repr.

    Examples
    --------
    >>> name_of(np.linalg.norm), name_of(3)
    ('norm', '3')
    """
    name = getattr(value, "__qualname__", None)
    return name.rpartition("<locals>.")[2] if isinstance(name, str) else shown(value)


def flag(value: object, name: str, where: str) -> bool:
    """Return `value` if it is a bool, or refuse it.

    Raises
    ------
    TypeError
        If it is anything else; 0 and 1 are not taken for one.

    Examples
    --------
    >>> flag(True, "drop_last", "batches")
    True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(
            refusal(where, f"{name} must be True or False", shown(value), "Give one of the two.")
        )
    return bool(value)
