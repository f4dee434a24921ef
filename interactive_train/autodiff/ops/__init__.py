"""The primitives, by what they do: each forward with its gradient under it."""

from interactive_train.autodiff.ops import (
    attention,
    composed,
    elementwise,
    indexing,
    labels,
    linear,
    normalisation,
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
    "elementwise",
    "indexing",
    "labels",
    "linear",
    "normalisation",
    "random",
    "recurrent",
    "reduction",
    "rotary",
    "shape",
    "softmax",
]
