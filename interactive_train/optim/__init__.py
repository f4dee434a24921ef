"""Floor 5: update rules, the state that mirrors the model, and what one does with it."""

from interactive_train.optim.adam_family import AdaBelief, Adamax, AMSGrad, NAdam, OAdam, RAdam
from interactive_train.optim.chain import Chain
from interactive_train.optim.large import Adafactor, Lamb, Muon
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.modifiers import (
    AccumGrad,
    ClipGlobalNorm,
    ClipGrad,
    ClipNorm,
    SignDecay,
    WeightDecay,
)
from interactive_train.optim.norms import clip_by_global_norm, global_norm
from interactive_train.optim.operations import (
    adjust,
    adjusted,
    flush,
    freeze,
    frozen,
    release,
    reset,
    setup,
    thaw,
    thawed,
    update,
    updated,
)
from interactive_train.optim.precision import MixedPrecision
from interactive_train.optim.rule import Rule, learning_rate
from interactive_train.optim.rules import SGD, Adam, AdamW
from interactive_train.optim.setting import Scaled, Setting, scale
from interactive_train.optim.sign import Lion, Rprop
from interactive_train.optim.squares import Adadelta, Adagrad, RMSprop
from interactive_train.optim.state import OptimizerState

__all__ = [
    "SGD",
    "AMSGrad",
    "AccumGrad",
    "AdaBelief",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Chain",
    "ClipGlobalNorm",
    "ClipGrad",
    "ClipNorm",
    "Lamb",
    "Leaf",
    "Lion",
    "MixedPrecision",
    "Muon",
    "NAdam",
    "OAdam",
    "OptimizerState",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Rule",
    "Scaled",
    "Setting",
    "SignDecay",
    "WeightDecay",
    "adjust",
    "adjusted",
    "clip_by_global_norm",
    "flush",
    "freeze",
    "frozen",
    "global_norm",
    "learning_rate",
    "release",
    "reset",
    "scale",
    "setup",
    "thaw",
    "thawed",
    "update",
    "updated",
]
