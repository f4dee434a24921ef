"""What a classifier says, as probabilities and names; shared by the views that show classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal


def probabilities(output: NDArray[Any], where: str) -> NDArray[np.float64]:
    """Return a model's output as probabilities: the softmax of logits.

    Rows that are distributions already, of a model that ends in a softmax, stay as they are.

    Parameters
    ----------
    output : array, shape (n, classes)
    where : str
        The view that asks, for errors.

    Raises
    ------
    ValueError
        If there is not one output for each class.

    Examples
    --------
    >>> probabilities(np.array([[0.0, np.log(3.0)]]), "Misclassified").round(2).tolist()
    [[0.25, 0.75]]
    """
    logits = np.asarray(output, dtype=np.float64)
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(
            refusal(where, "the model gives an output for each class", f"shape {logits.shape}")
        )
    if np.all(logits >= 0) and np.allclose(logits.sum(axis=1), 1.0, atol=1e-3):
        return logits
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found


def named_classes(names: Sequence[object] | None, count: int, where: str) -> list[str]:
    """Return a name for each class: those that were given, or their numbers.

    Raises
    ------
    ValueError
        If there is not one for each.

    Examples
    --------
    >>> named_classes(None, 3, "DrawDigit")
    ['0', '1', '2']
    """
    if names is None:
        return [str(number) for number in range(count)]
    if len(names) != count:
        rule = f"one name for each of the model's {count} classes"
        raise ValueError(refusal(where, rule, f"{len(names)}", "Leave classes= out for numbers."))
    return [str(name)[:24] for name in names]


def percent(part: float) -> str:
    """Return a probability as a person reads it.

    Examples
    --------
    >>> percent(0.934), percent(0.9996), percent(0.004)
    ('93 %', '>99 %', '<1 %')
    """
    if 0.995 <= part < 1.0:
        return ">99 %"
    return "<1 %" if 0.0 < part < 0.005 else f"{100 * part:.0f} %"


def picture_shape(shape: Sequence[int], where: str) -> tuple[int, ...]:
    """Return the shape of one picture: (rows, columns), or with a channel, (1, rows, columns).

    Raises
    ------
    ValueError
        If it is neither.
    """
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 2 <= n <= 64 for n in sizes[-2:])
    if len(sizes) not in (2, 3) or not whole or (len(sizes) == 3 and sizes[0] != 1):
        raise ValueError(
            refusal(
                where,
                "shape is (rows, columns) of 2 to 64, or (1, rows, columns) for a convolution net",
                repr(shape),
                "Give shape=(8, 8).",
            )
        )
    return sizes
