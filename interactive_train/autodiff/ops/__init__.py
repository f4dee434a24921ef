"""The primitives, by what they do: each forward with its gradient under it."""

from interactive_train.autodiff.ops import (
    composed,
    elementwise,
    indexing,
    labels,
    linear,
    normalisation,
    random,
    reduction,
    shape,
    softmax,
)

__all__ = [
    "composed",
    "elementwise",
    "indexing",
    "labels",
    "linear",
    "normalisation",
    "random",
    "reduction",
    "shape",
    "softmax",
]
