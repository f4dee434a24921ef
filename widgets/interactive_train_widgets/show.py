"""The display hook: what happens when a run is the last line of a cell."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from interactive_train_widgets import still
from interactive_train_widgets.frames import Composer
from interactive_train_widgets.panels import Dashboard
from interactive_train_widgets.publisher import ENDED, KEEP_COLUMNS

_dashboards: WeakKeyDictionary[Any, Dashboard] = WeakKeyDictionary()


def display_run(run: Any) -> Dashboard:
    """Show a run as its dashboard, with a plain output beside it for the saved notebook.

    A run has one dashboard, however often it is shown; each cell gets a view of it.

    Parameters
    ----------
    run : Run
        What ``trainer.start(...)`` returned.

    Returns
    -------
    Dashboard
    """
    from IPython.display import display

    dashboard = _dashboards.get(run)
    if dashboard is None or dashboard.comm is None:
        dashboard = _dashboards[run] = Dashboard(run)
    show: Any = display
    show(dashboard)
    dashboard.accompany(still.DisplayCompanion(_first_still(run, dashboard.uid)))
    return dashboard


def _first_still(run: Any, uid: str) -> dict[str, str]:
    """Return the plain output at display time: whole, when the run has already ended."""
    view = run.view()
    if view.status not in ENDED:
        return still.empty(uid)
    return still.bundle(view, *Composer([run], watch_only=True).frame(view, KEEP_COLUMNS), uid)
