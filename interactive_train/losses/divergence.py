"""Kullback-Leibler divergence: how far predicted probabilities are from given ones."""

from __future__ import annotations

from typing import Any

from interactive_train.autodiff.ops.elementwise import log
from interactive_train.autodiff.ops.elementwise import where as choose
from interactive_train.autodiff.ops.softmax import log_softmax
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import examples_and_classes, pair
from interactive_train.losses.reduce import loss, reduced


@loss(unit="nats per example")
def kl_div(logits: Any, targets: Any, *, reduction: str = "mean") -> Tensor:
    """Kullback-Leibler divergence of softmax(logits) from the targets.

    loss = mean over examples of sum over classes of targets (log targets - log softmax(logits)),
    in nats; a target of 0 adds nothing. It is `cross_entropy` less the targets' own entropy,
    so 0 is the best. Log-probabilities may stand for logits, being their own log softmax.

    Parameters
    ----------
    logits : array_like, shape (..., classes)
        Raw scores; no softmax before.
    targets : array_like, shape (..., classes)
        Probabilities, another model's for example.
    reduction : {"mean", "sum", "none"}
        "mean" is over examples (PyTorch's "batchmean").

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example.

    Raises
    ------
    TypeError
        If the logits are no floats.
    ValueError
        If the shapes differ, a target is negative, or there is no example.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.7, 0.2, 0.1]])
    >>> round(abs(float(kl_div(np.log(p), p))), 12)
    0.0
    >>> round(float(kl_div(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]]))), 6)  # log 3
    1.098612
    """
    where = "losses.kl_div"
    x, y = pair(logits, targets, where, low=0.0, high=1.0, fix="Targets are probabilities.")
    examples_and_classes(x, where)
    known = y * log(choose(y > 0.0, y, 1.0))
    return reduced((known - y * log_softmax(x)).sum(axis=-1), reduction, where)
