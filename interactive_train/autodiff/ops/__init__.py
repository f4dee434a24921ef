"""The primitives, by what they do: each forward with its gradient under it."""

from interactive_train.autodiff.ops import (
    attention,
    composed,
    convolution,
    elementwise,
    indexing,
    labels,
    linear,
    normalisation,
    pooling,
    random,
    recurrent,
    reduction,
    rotary,
    shape,
    softmax,
)

__all__ = [
    "attention",
    "composed",
    "convolution",
    "elementwise",
    "indexing",
    "labels",
    "linear",
    "normalisation",
    "pooling",
    "random",
    "recurrent",
    "reduction",
    "rotary",
    "shape",
    "softmax",
]
