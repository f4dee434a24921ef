"""Teaching views: each shows one thing about a fit, alone in a cell."""

from interactive_train_widgets.teaching.decision_boundary import DecisionBoundary
from interactive_train_widgets.teaching.optimizer_race import OptimizerRace

__all__ = ["DecisionBoundary", "OptimizerRace"]
