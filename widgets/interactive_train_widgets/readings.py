"""What a widget says of its run in traits: to be observed in Python and linked in a layout.

A trait is a slow road (each change is a message of its own), so the publisher's
thread sets them all at once, at most twice a second and whenever the status
changes; curves never travel here. They are read-only: a run is steered by commands.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import traitlets

from interactive_train.training.records.view import RunView
from interactive_train_widgets.describe import number
from interactive_train_widgets.frames import main_rate

READ_ONLY = ("status", "step", "epoch", "loss", "lr", "metrics")


class Readings(traitlets.HasTraits):
    """The read-only traits of every live widget.

    Attributes
    ----------
    status : str
        ``"ready"``, ``"running"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``.
    step, epoch : int
        Completed steps, and the pass over the data that is under way.
    loss, lr : float or None
        Of the newest step; None before the first one, and where it is not finite.
    metrics : dict of str to float or None
        The newest value of every metric that is a number.
    selected_step : int or None
        The step under the crosshair, None without one. The page sets it; set from Python or by
        a link it moves the crosshair.
    """

    status = traitlets.Unicode("ready", read_only=True).tag(sync=True)
    step = traitlets.Int(0, read_only=True).tag(sync=True)
    epoch = traitlets.Int(1, read_only=True).tag(sync=True)
    loss = traitlets.Float(None, allow_none=True, read_only=True).tag(sync=True)
    lr = traitlets.Float(None, allow_none=True, read_only=True).tag(sync=True)
    metrics = traitlets.Dict(read_only=True).tag(sync=True)
    selected_step = traitlets.Int(None, allow_none=True, min=0).tag(sync=True, echo_update=False)

    _complaint = ""

    def read(self, view: RunView) -> None:
        """Set every trait from a view; what an observer raises is shown and ends there."""
        for name, value in readings(view).items():
            with self.complaining():
                self.set_trait(name, value)

    @contextmanager
    def complaining(self) -> Iterator[None]:
        """Set a trait inside: what a person's own observer raises is reported and ends here."""
        try:
            yield
        except Exception as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Report an observer's error where those of threads are reported, each text once."""
        text = repr(error)
        if text != self._complaint:
            self._complaint = text
            thread = threading.current_thread()
            threading.excepthook(
                threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
            )


def readings(view: RunView) -> dict[str, Any]:
    """Return the values of the traits; the status last, so that who waits for it reads the rest."""
    rate = main_rate(view)
    return {
        "step": view.step,
        "epoch": view.epoch,
        "loss": number(view.loss),
        "lr": None if rate is None else number(rate.effective),
        "metrics": {
            m.name: number(float(np.asarray(m.values)[-1])) for m in view.metrics if len(m.values)
        },
        "status": view.status,
    }
