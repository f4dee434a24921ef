"""What a classifier says, as probabilities and names; shared by the views that show classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import did_you_mean, refusal

OUTPUTS = ("logits", "probabilities")


def probabilities(outputs: NDArray[Any], kind: str = "logits") -> NDArray[np.float64]:
    """Return class probabilities of shape (n, classes) from a model's outputs.

    Parameters
    ----------
    outputs : array of shape (n, classes), (n, 1) or (n,)
        One number per row is the second of two classes.
    kind : {"logits", "probabilities"}

    Examples
    --------
    >>> probabilities(np.array([0.0, np.log(3)])).round(2)
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    values = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    if values.shape[1] == 1:
        p = values if kind == "probabilities" else 0.5 * (1.0 + np.tanh(0.5 * values))
        return np.concatenate([1.0 - p, p], axis=1)
    if kind == "probabilities":
        return values
    powers = np.exp(values - values.max(1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return shares


def known_outputs(outputs: str, where: str) -> str:
    """Return what a model's outputs are, "logits" or "probabilities", or refuse the word.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if outputs not in OUTPUTS:
        fix = did_you_mean(outputs, OUTPUTS)
        raise ValueError(refusal(where, "outputs must be known", repr(outputs), fix))
    return outputs


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


def drawn(text: str) -> str:
    r"""Return a text as matplotlib can draw it: blanks to be seen, dollars no mathematics.

    Examples
    --------
    >>> drawn("a b")
    'a␣b'
    >>> print(drawn("$"))
    \$
    """
    for blank, sign in ((" ", "␣"), ("\n", "↵"), ("\t", "⇥"), ("$", r"\$")):
        text = text.replace(blank, sign)
    return text


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
