"""Floor 2: values that remember how they were made, and the gradients that follow."""

from interactive_train.autodiff import ops
from interactive_train.autodiff.check import check_grads
from interactive_train.autodiff.directional import custom_vjp, hvp, jvp
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.autodiff.transforms import grad, stop_gradient, value_and_grad, vjp

__all__ = [
    "OPERATIONS",
    "Tensor",
    "check_grads",
    "custom_vjp",
    "grad",
    "hvp",
    "jvp",
    "ops",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
