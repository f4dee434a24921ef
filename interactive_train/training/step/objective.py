"""Objectives: from what a user calls a loss to ``(model, element) -> loss``.

Flux's form gives the model to the loss: ``loss(model, *element)``. Kaun's form gives the
predictions: an element is ``(x, targets)`` for the trainer's loss, or ``(x, loss_fn)`` with a
loss of its own. A tuple is splatted, anything else is one argument, everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interactive_train.data import call_with
from interactive_train.runtime.errors import refusal
from interactive_train.training.step.stepper import Objective

Loss = Callable[..., Any]


def of_model(loss: Loss) -> Objective:
    """Return the objective of a loss that takes the model."""

    def objective(model: Any, element: Any) -> Any:
        return call_with(loss, element, model)

    return objective


def of_predictions(loss: Loss | None, where: str) -> Objective:
    """Return the objective of a loss that takes predictions, or of elements ``(x, loss_fn)``."""

    def objective(model: Any, element: Any) -> Any:
        x, second = pair(element, where)
        predictions = model(x)
        if callable(second) and not hasattr(second, "__array__"):
            return second(predictions)
        if loss is None:
            raise TypeError(
                refusal(
                    where,
                    "a loss is needed for elements (x, targets)",
                    "none",
                    "Give it: it.Trainer(model, rule, loss=losses.cross_entropy_sparse), "
                    "or make elements (x, loss_fn).",
                )
            )
        return loss(predictions, second)

    return objective


def pair(element: Any, where: str) -> tuple[Any, Any]:
    """Return an element of data as (input, targets or loss)."""
    if not isinstance(element, tuple) or len(element) != 2:
        got = f"a tuple of {len(element)}" if isinstance(element, tuple) else type(element).__name__
        raise TypeError(
            refusal(
                where,
                "an element of data is (x, targets) or (x, loss_fn)",
                got,
                "Make pairs, for example with it.batches(x, y).",
            )
        )
    return element[0], element[1]
