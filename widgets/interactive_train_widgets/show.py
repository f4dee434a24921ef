"""The display hook: what happens when a run is the last line of a cell."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from interactive_train_widgets import still
from interactive_train_widgets.frames import Composer
from interactive_train_widgets.panels import Dashboard
from interactive_train_widgets.publisher import ENDED, KEEP_COLUMNS

REDRAW = 1.0  # seconds between two pictures of `watch`; each is drawn in full

# ipywidgets holds every widget that is open; one that is closed is held by nobody.
_dashboards: WeakValueDictionary[Any, Dashboard] = WeakValueDictionary()


def display_run(run: Any, seconds: float | None = None) -> Dashboard | None:
    """Show a run as its dashboard, with a plain output beside it for the saved notebook.

    A run has one dashboard, however often it is shown; each cell gets a view of it.

    Parameters
    ----------
    run : Run
        What ``trainer.start(...)`` returned.
    seconds : float, optional
        Draw a plain picture for so long instead, and return None.

    Returns
    -------
    Dashboard or None
    """
    if seconds is not None:
        watch(run, seconds)
        return None
    dashboard = _dashboards.get(run)
    if dashboard is None or dashboard.comm is None:
        dashboard = _dashboards[run] = Dashboard(run)
    dashboard._ipython_display_()
    return dashboard


def watch(run: Any, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Draw a run about once a second in the running cell, until it rests or the time is over."""
    composer = Composer([run], True)
    deadline = time.monotonic() + seconds
    place: still.Companion | None = None
    while True:
        view = run.view()
        bundle = still.bundle(view, *composer.frame(view, KEEP_COLUMNS), "watched")
        if place is None:
            place = still.DisplayCompanion(bundle)
        else:
            place.update(bundle)
        left = deadline - time.monotonic()
        if view.status in (*ENDED, "paused") or left <= 0:
            return
        sleep(min(REDRAW, left))
