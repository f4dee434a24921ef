"""Integer predictions name classes; they are never thresholded."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from interactive_train import metrics


def test_class_numbers_are_compared_with_labels() -> None:
    rng = np.random.default_rng(0)
    p, t = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    assert metrics.accuracy(p, t) == accuracy_score(t, p)
    assert metrics.accuracy(np.array([2, 2, 2]), np.array([1, 1, 1])) == 0.0
    assert metrics.accuracy(np.array([0, 1]), np.array([1, 1])) == 0.5


@pytest.mark.parametrize("metric", [metrics.f1, metrics.precision, metrics.recall])
def test_where_scores_are_due_class_numbers_are_refused(metric: metrics.Metric) -> None:
    with pytest.raises(ValueError, match=r"probabilities, or 0 and 1; got class numbers up to 2"):
        metric(np.array([2, 0]), np.array([1, 0]))
