"""Metrics that are arrays: a confusion matrix goes through a fit to history and view."""

from __future__ import annotations

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, metrics, nn, optim

X = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
Y = (X[:, :3].argmax(axis=1)).astype(np.int64)


def trainer() -> it.Trainer:
    return it.Trainer(nn.Linear(4, 3), optim.Adam(0.05), loss=losses.cross_entropy_sparse)


def test_a_confusion_matrix_is_recorded_beside_the_floats_and_the_newest_is_kept() -> None:
    chosen = {"confusion": metrics.confusion_matrix, "accuracy": metrics.accuracy}
    t = trainer()
    run = t.start(t.init(0), (X, Y), batch_size=30, epochs=3, validation=(X, Y), metrics=chosen)
    run.wait()
    step, matrix = run.history.arrays["validation_confusion"]
    assert (step, matrix.shape, matrix.sum()) == (9, (3, 3), 90)
    assert list(run.history.metrics) == ["validation_loss", "validation_accuracy"]
    right = run.history.last("validation_accuracy")
    assert np.trace(matrix) / 90 == pytest.approx(right)
    np.testing.assert_array_equal(run.evaluate()["validation_confusion"], matrix)

    view = next(m for m in run.view().metrics if m.matrix is not None)
    assert (view.name, view.steps.tolist(), len(view.values)) == ("validation_confusion", [9], 0)


def test_a_kept_matrix_cannot_be_written_to() -> None:
    t = trainer()
    state = t.init(0)
    t.fit(state, (X, Y), validation=(X, Y), metrics=[metrics.confusion_matrix])
    _, matrix = t.history.arrays["validation_confusion_matrix"]
    assert not matrix.flags.writeable


def test_a_fit_with_a_matrix_shows_its_bar(capsys: pytest.CaptureFixture[str]) -> None:
    t = trainer()
    t.fit(t.init(0), (X, Y), validation=(X, Y), metrics=[metrics.confusion_matrix], progress=True)
    assert "confusion" not in capsys.readouterr().err
