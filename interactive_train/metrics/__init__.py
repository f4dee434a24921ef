"""Metrics: how good predictions are, as a float; exact over batches of any sizes."""

from interactive_train.metrics.calibration import calibration_error
from interactive_train.metrics.classification import accuracy, binary_accuracy, top_k_accuracy
from interactive_train.metrics.counts import confusion_matrix, f1, precision, recall
from interactive_train.metrics.over_data import evaluate, evaluate_many
from interactive_train.metrics.ranking import average_precision, roc_auc
from interactive_train.metrics.record import (
    Accumulator,
    Metric,
    as_metric,
    metric,
    metric_with_options,
)
from interactive_train.metrics.regression import r2
from interactive_train.metrics.tracker import Tracker

__all__ = [
    "Accumulator",
    "Metric",
    "Tracker",
    "accuracy",
    "as_metric",
    "average_precision",
    "binary_accuracy",
    "calibration_error",
    "confusion_matrix",
    "evaluate",
    "evaluate_many",
    "f1",
    "metric",
    "metric_with_options",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
]
