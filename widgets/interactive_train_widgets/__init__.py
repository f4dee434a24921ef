"""Live widgets for interactive-train: dashboards that show a fit and let a person steer it."""

from interactive_train_widgets.panels import (
    Dashboard,
    FreezePanel,
    HyperparameterPanel,
    LossCurve,
    MetricSummary,
    ParameterStats,
    RunControls,
    SchedulePlot,
    Timeline,
)
from interactive_train_widgets.show import display_run
from interactive_train_widgets.teaching import DecisionBoundary, OptimizerRace

__all__ = [
    "Dashboard",
    "DecisionBoundary",
    "FreezePanel",
    "HyperparameterPanel",
    "LossCurve",
    "MetricSummary",
    "OptimizerRace",
    "ParameterStats",
    "RunControls",
    "SchedulePlot",
    "Timeline",
    "display_run",
]
