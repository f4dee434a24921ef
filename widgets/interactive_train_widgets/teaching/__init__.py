"""Teaching views: each shows one thing about a fit, alone in a cell."""

from interactive_train_widgets.teaching.decision_boundary import DecisionBoundary

__all__ = ["DecisionBoundary"]
