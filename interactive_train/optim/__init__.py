"""Floor 5: update rules, the state that mirrors the model, and what one does with it."""

from interactive_train.optim.leaf import Leaf
from interactive_train.optim.operations import (
    adjust,
    adjusted,
    freeze,
    frozen,
    release,
    setup,
    thaw,
    thawed,
    update,
    updated,
)
from interactive_train.optim.rule import Rule, learning_rate
from interactive_train.optim.rules import SGD, Adam, AdamW
from interactive_train.optim.setting import Scaled, Setting, scale
from interactive_train.optim.state import OptimizerState

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Leaf",
    "OptimizerState",
    "Rule",
    "Scaled",
    "Setting",
    "adjust",
    "adjusted",
    "freeze",
    "frozen",
    "learning_rate",
    "release",
    "scale",
    "setup",
    "thaw",
    "thawed",
    "update",
    "updated",
]
