"""Teaching views: each shows one thing about a fit, alone in a cell."""

from interactive_train_widgets.teaching.attention import AttentionView
from interactive_train_widgets.teaching.convolution import ConvolutionView
from interactive_train_widgets.teaching.decision_boundary import DecisionBoundary
from interactive_train_widgets.teaching.draw_digit import DrawDigit
from interactive_train_widgets.teaching.first_layer import FirstLayerWeights
from interactive_train_widgets.teaching.misclassified import Misclassified
from interactive_train_widgets.teaching.optimizer_race import OptimizerRace
from interactive_train_widgets.teaching.step_explained import StepExplained

__all__ = [
    "AttentionView",
    "ConvolutionView",
    "DecisionBoundary",
    "DrawDigit",
    "FirstLayerWeights",
    "Misclassified",
    "OptimizerRace",
    "StepExplained",
]
