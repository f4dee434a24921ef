"""Evaluation: a model as it stands - what it predicts, and its loss and metrics on validation data.

The means are exact over unequal batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interactive_train.autodiff.tensor import Tensor
from interactive_train.data import Data, as_data, require_elements
from interactive_train.metrics import Accumulator, Metric, as_metric
from interactive_train.nn.context import Call, calling
from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.nn.module import dtype_of
from interactive_train.runtime.errors import refusal
from interactive_train.training.step.objective import Loss, pair

Metrics = Mapping[str, Any] | Sequence[Any] | Callable[..., Any] | None
BATCH = 512  # examples at a time when arrays are given


def predicted(model: Any, x: Any, knobs: KnobValues) -> np.ndarray[Any, Any]:
    """Return a model's output as in evaluation, with the user's own knobs where they stand."""
    with calling(Call(False, dtype=dtype_of(model))), turned_to(knobs):
        output = model(x)
    return output.numpy() if isinstance(output, Tensor) else np.asarray(output)


def named_metrics(metrics: Metrics, where: str) -> dict[str, Metric]:
    """Return metrics by name, given as a dict, a list or one function."""
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return {name: as_metric(f, where) for name, f in metrics.items()}
    if callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, Sequence) or isinstance(metrics, str):
        raise TypeError(
            refusal(
                where, "metrics is a dict of functions by name", repr(metrics), "{'accuracy': f}"
            )
        )
    found = [as_metric(f, where) for f in metrics]
    return {metric.name: metric for metric in found}


def validation_data(data: Any, where: str) -> Data:
    """Return validation data as `Data` that loses no example."""
    if isinstance(data, tuple):
        rows = np.shape(data[0])[0] if np.ndim(data[0]) else 0
        return as_data(data, where, batch_size=max(1, min(BATCH, rows)), drop_last=False)
    return as_data(data, where)


def evaluate(
    model: Any,
    data: Data,
    metrics: Mapping[str, Metric],
    loss: Callable[..., Any] | None,
    where: str,
) -> dict[str, Any]:
    """Return the mean loss (as "loss", if there is one) and the metrics of a model on data.

    Metrics are floats, or arrays such as a confusion matrix. The mean is weighted by examples;
    the loss of an element is taken for their mean.
    """
    accumulators = {name: Accumulator(metric, where) for name, metric in metrics.items()}
    total, count = 0.0, 0
    with calling(Call(False, dtype=dtype_of(model))):
        for element in require_elements(iter(data.iterate(0, 0)), data, where):
            x, targets = pair(element, where)
            predictions = model(x)
            if callable(targets) and not hasattr(targets, "__array__"):
                if metrics:
                    raise TypeError(
                        refusal(
                            where,
                            "metrics need targets",
                            "an element (x, loss_fn)",
                            "Give the validation data as (x, targets).",
                        )
                    )
                rows = _rows(predictions)
                total, count = total + _loss(targets(predictions)) * rows, count + rows
                continue
            rows = _rows(targets)
            if loss is not None:
                total, count = total + _loss(loss(predictions, targets)) * rows, count + rows
            for accumulator in accumulators.values():
                accumulator.add(np.asarray(predictions), targets)
    values = {"loss": total / count} if count else {}
    return values | {name: a.value() for name, a in accumulators.items()}


def _loss(result: Any) -> float:
    """Return the loss, also of one that gives (loss, aux)."""
    return float(result[0] if isinstance(result, tuple) and result else result)


def _rows(values: Any) -> int:
    shape = np.shape(values)
    return shape[0] if shape else 1


def evaluator_of(
    validation: Any, chosen: Mapping[str, Metric], loss: Loss | None, where: str
) -> Callable[[Any], dict[str, float]] | None:
    """Return what evaluates a model behind every pass, None without validation data."""
    if validation is None:
        if chosen:
            raise ValueError(
                refusal(
                    where,
                    "metrics are those of validation data",
                    "metrics without validation=",
                    "Pass validation=(x_test, y_test).",
                )
            )
        return None
    data = validation_data(validation, where)
    if data.is_one_shot:
        raise TypeError(
            refusal(
                where,
                "validation data are asked for again behind every pass",
                f"{type(validation).__name__}, which passes once",
                "Give arrays (x, y), or a list of it.",
            )
        )

    def evaluator(model: Any) -> dict[str, float]:
        values = evaluate(model, data, chosen, loss, where)
        return {f"validation_{name}": value for name, value in values.items()}

    return evaluator
