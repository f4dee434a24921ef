"""The progress bar: tqdm's, when it is installed, with loss and learning rate."""

from __future__ import annotations

import time
import warnings
from typing import Any

from interactive_train.training.records.events import Event, Skipped, Stepped


class Bar:
    """A bar over the steps of a fit; nothing at all without tqdm or when switched off."""

    def __init__(self, total: int | None, label: str, show: bool) -> None:
        self._bar: Any = _tqdm(total, label) if show else None
        self._told = 0.0

    def __call__(self, event: Event) -> None:
        """Move with a step; the text is renewed ten times a second."""
        if self._bar is None or not isinstance(event, (Stepped, Skipped)):
            return
        self._bar.update(event.steps if isinstance(event, Stepped) else 1)
        now = time.monotonic()
        if isinstance(event, Stepped) and now - self._told > 0.1:
            self._told = now
            self._tell(event)

    def _tell(self, event: Stepped) -> None:
        numbers = (pair for pair in event.metrics.items() if not getattr(pair[1], "ndim", 0))
        metrics = {name: f"{value:.4g}" for name, value in numbers}
        self._bar.set_postfix(
            {"loss": f"{event.loss:.4g}", "lr": f"{event.lr:.3g}", **metrics}, refresh=False
        )

    def close(self, last: Event | None = None) -> None:
        """Leave the finished bar standing."""
        if self._bar is not None:
            if isinstance(last, Stepped):
                self._tell(last)
            self._bar.refresh()
            self._bar.close()


def _tqdm(total: int | None, label: str) -> Any:
    try:
        with warnings.catch_warnings():
            # Without ipywidgets tqdm.auto warns and falls back to the plain bar, which is right.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

            return tqdm(total=total, desc=label, unit="step", dynamic_ncols=True, leave=True)
    except ImportError:
        return None
