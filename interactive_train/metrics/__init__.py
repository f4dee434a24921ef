"""Metrics: how good predictions are, as a float; exact over batches of any sizes."""

from interactive_train.metrics.classification import accuracy
from interactive_train.metrics.record import Accumulator, Metric, as_metric, metric

__all__ = ["Accumulator", "Metric", "accuracy", "as_metric", "metric"]
