"""Floor 4: losses, ``(predictions, targets) -> scalar``."""

from interactive_train.losses.binary import binary_cross_entropy, hinge, squared_hinge
from interactive_train.losses.classification import cross_entropy, cross_entropy_sparse
from interactive_train.losses.ctc import ctc
from interactive_train.losses.divergence import kl_div
from interactive_train.losses.focal import binary_focal, focal
from interactive_train.losses.overlap import dice
from interactive_train.losses.reduce import Loss
from interactive_train.losses.regression import cosine_similarity, huber, mae, mse, poisson

__all__ = [
    "Loss",
    "binary_cross_entropy",
    "binary_focal",
    "cosine_similarity",
    "cross_entropy",
    "cross_entropy_sparse",
    "ctc",
    "dice",
    "focal",
    "hinge",
    "huber",
    "kl_div",
    "mae",
    "mse",
    "poisson",
    "squared_hinge",
]
