"""The panels: each is usable alone, and a dashboard is a list of them in one widget."""

from __future__ import annotations

from interactive_train_widgets.base import LiveWidget


class Dashboard(LiveWidget):
    """Everything about one run at a glance, and the knobs to steer it.

    Parameters
    ----------
    run : Run, optional
        What ``trainer.start(...)`` returned. Without one the dashboard is a report callback:
        ``trainer.fit(..., report=dashboard)``; it then only watches.
    *others : Run
        Runs whose losses are drawn with the first one's, to compare; only the first is steered.
    layout : {"default", "lecture"}
        ``"lecture"`` has larger text and thicker lines.
    """

    panels = (
        "status",
        "loss",
        "schedule",
        "knobs",
        "freeze",
        "metrics",
        "layers",
        "timeline",
        "journal",
    )

    def __init__(
        self, run: object = None, *others: object, layout: str = "default", **unknown: object
    ) -> None:
        super().__init__(run, *others, layout=layout, **unknown)


class LossCurve(LiveWidget):
    """The losses of one or several runs, raw and smoothed, on one axis, with their branches."""

    panels = ("loss",)


class SchedulePlot(LiveWidget):
    """The learning rate: what it was, what it is, what is planned."""

    panels = ("schedule",)

    def __init__(self, run: object = None, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class MetricSummary(LiveWidget):
    """Every metric with its value, its best and its course."""

    panels = ("metrics",)

    def __init__(self, run: object = None, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class HyperparameterPanel(LiveWidget):
    """A slider and a number box for every knob."""

    panels = ("knobs",)

    def __init__(self, run: object, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class FreezePanel(LiveWidget):
    """A box per layer: ticked, it rests."""

    panels = ("freeze",)

    def __init__(self, run: object, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class ParameterStats(LiveWidget):
    """The layers as a tree, with norms, update ratios and small histograms of each."""

    panels = ("layers",)

    def __init__(self, run: object, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class RunControls(LiveWidget):
    """Status, pace, pause, step, stop and more epochs."""

    panels = ("status",)

    def __init__(self, run: object, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)


class Timeline(LiveWidget):
    """What was done and kept: back to any step, on to any branch; notes."""

    panels = ("timeline", "journal")

    def __init__(self, run: object, *, layout: str = "default", **unknown: object) -> None:
        super().__init__(run, layout=layout, **unknown)
