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
from interactive_train_widgets.teaching import (
    AttentionView,
    ConvolutionView,
    DecisionBoundary,
    DrawDigit,
    FirstLayerWeights,
    Misclassified,
    OptimizerRace,
    StepExplained,
)

__all__ = [
    "AttentionView",
    "ConvolutionView",
    "Dashboard",
    "DecisionBoundary",
    "DrawDigit",
    "FirstLayerWeights",
    "FreezePanel",
    "HyperparameterPanel",
    "LossCurve",
    "MetricSummary",
    "Misclassified",
    "OptimizerRace",
    "ParameterStats",
    "RunControls",
    "SchedulePlot",
    "StepExplained",
    "Timeline",
    "display_run",
]
