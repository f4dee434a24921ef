"""Floor 4: losses, ``(predictions, targets) -> scalar``."""

from interactive_train.losses.classification import cross_entropy, cross_entropy_sparse
from interactive_train.losses.regression import mse

__all__ = ["cross_entropy", "cross_entropy_sparse", "mse"]
