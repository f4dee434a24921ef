"""What one dashboard adds to a notebook that is saved, after a run of a million steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interactive_train.training.records.view import JournalEntry, MetricView, RunView
from interactive_train_widgets import assets, still
from interactive_train_widgets.frames import Composer, freeze_frame
from interactive_train_widgets.panels import Dashboard
from interactive_train_widgets.publisher import KEEP_COLUMNS
from tests.widgets.fake_run import FakeRun

STEPS = 1_000_000
METRICS = 12
NOTE = "Smaller steps from here on, since the loss swings. " * 3


class LongRun(FakeRun):
    """A run of a million steps with many metrics, classes and interventions."""

    def __init__(self) -> None:
        super().__init__(last_step=STEPS)
        self.run_to(500)
        self._all = np.arange(1, STEPS + 1)
        noise = np.random.default_rng(5).normal(size=STEPS)
        self._loss = 2.0 / np.sqrt(self._all) * np.exp(0.2 * noise)

    def view(self) -> RunView:
        at, values = self._all[99::100], self._loss[99::100]
        names = ["validation_loss", *(f"validation_metric_{i}" for i in range(METRICS))]
        confusion = np.arange(1000 * 1000).reshape(1000, 1000)
        entries = (
            JournalEntry(i, i * 100, "note", "", "", "", NOTE, "dashboard", float(i))
            for i in range(5000)
        )
        return replace(
            super().view(),
            step=STEPS,
            status="finished",
            metrics=(
                *(MetricView(name, at, values, "loss" not in name) for name in names),
                MetricView("confusion", self._all[-1:], np.empty(0), True, confusion),
            ),
            journal=tuple(entries),
        )

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return self._all[start:], self._loss[start:]

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        return np.full(len(steps), 1e-3)


def test_a_dashboard_of_a_million_steps_adds_less_than_400_kb_to_a_notebook() -> None:
    run = LongRun()
    view = run.view()
    head, buffers = Composer([run], False).frame(view, KEEP_COLUMNS)
    saved = len(freeze_frame(head, buffers)) * 4 // 3  # base64
    plain = len(json.dumps(still.bundle(view, head, buffers, "u")))
    assert Dashboard._esm == assets.script()
    script, style = len(json.dumps(assets.script())), len(json.dumps(Dashboard._css))
    parts = {"saved": saved, "plain": plain, "script": script, "style": style}
    assert sum(parts.values()) < 400_000, parts
