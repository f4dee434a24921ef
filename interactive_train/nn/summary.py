"""summary: the layers of a model, what comes out of them, how many parameters they hold."""

from __future__ import annotations

from typing import Any

from interactive_train import tree
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import shadow
from interactive_train.nn.module import Module, dtype_of, trainables
from interactive_train.runtime.errors import refusal


def summary(model: Module, x: Any) -> str:
    """Return a table of layers, output shapes and parameter counts.

    Parameters
    ----------
    model : Module
        Filled.
    x : array_like
        An input, or a batch of inputs; the model is run on it once.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> model = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2)), seed=0)
    >>> print(summary(model, np.zeros((1, 4), dtype=np.float32)))
    path      layer       output   parameters
    layers.0  Linear      (1, 3)           15
    layers.1  relu        (1, 3)            0
    layers.2  Linear      (1, 2)            8
              Sequential  (1, 2)           23
    """
    if not isinstance(model, Module):
        raise TypeError(
            refusal("it.summary", "the model is an nn.Module", type(model).__name__, "")
        )
    with calling(Call(False, dtype=dtype_of(model), trace=[])) as call:
        shadow(model, {})(x)
    rows = [("path", "layer", "output", "parameters")]
    sizes = [(path, leaf.size) for path, leaf in trainables(model, paths=True)]
    for path, kind, shape in call.trace or []:
        held = sum(n for p, n in sizes if p.startswith(tree.join(path, "")) or not path)
        rows.append((path, kind, str(tuple(int(n) for n in shape)), f"{held:,}".replace(",", " ")))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            (cell.rjust(width) if column == 3 else cell.ljust(width))
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
