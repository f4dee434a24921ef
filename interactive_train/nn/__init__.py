"""Floor 4: models as trees of arrays, their layers, activations and initial values."""

from interactive_train.nn import initializers
from interactive_train.nn.activations import gelu, log_softmax, relu, sigmoid, softmax, tanh
from interactive_train.nn.containers import Compose, Lambda, Residual, Sequential
from interactive_train.nn.destructure import Rebuild, destructure
from interactive_train.nn.duplicated import Duplicated
from interactive_train.nn.functional import init, split
from interactive_train.nn.knob import Knob
from interactive_train.nn.layers import Dropout, Linear
from interactive_train.nn.module import Buffer, Module, Parameter, trainables
from interactive_train.nn.normalisation import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from interactive_train.nn.remat import remat
from interactive_train.nn.summary import summary

__all__ = [
    "BatchNorm",
    "Buffer",
    "Compose",
    "Dropout",
    "Duplicated",
    "GroupNorm",
    "InstanceNorm",
    "Knob",
    "Lambda",
    "LayerNorm",
    "Linear",
    "Module",
    "Parameter",
    "RMSNorm",
    "Rebuild",
    "Residual",
    "Sequential",
    "destructure",
    "gelu",
    "init",
    "initializers",
    "log_softmax",
    "relu",
    "remat",
    "sigmoid",
    "softmax",
    "split",
    "summary",
    "tanh",
    "trainables",
]
