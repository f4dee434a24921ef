"""Values of a step: what a loss returned, taken apart, and arrays as steps take and give them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tape import bare
from interactive_train.autodiff.tensor import Tensor
from interactive_train.autodiff.transforms import scalar_loss
from interactive_train.optim.apply import Result


def apart(result: Any, where: str) -> tuple[Tensor, Any]:
    """Take (loss, aux...) apart."""
    if isinstance(result, tuple) and result:
        extra = result[1:]
        return scalar_loss(result[0], where), extra if len(extra) > 1 else next(iter(extra), None)
    return scalar_loss(result, where), None


def without_history(aux: Any) -> Any:
    """Return what a loss gave beside the loss without its history, which would keep the step."""
    if isinstance(aux, Tensor):
        return bare(aux)
    if isinstance(aux, dict):
        return {name: without_history(part) for name, part in aux.items()}
    if type(aux) in (list, tuple):
        return type(aux)(without_history(part) for part in aux)
    return aux


def sum_of_squares(g: NDArray[Any]) -> float:
    """Return the sum of g[i]^2, taken in float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.multiply(g, g, dtype=np.float64).sum())


def first_not_finite(result: Result) -> float | None:
    """Return the first value of an update that is not finite, None if all are."""
    for value in (result.x, *result.state.values()):
        finite = np.isfinite(value)
        if not finite.all():
            return float(np.asarray(value)[~finite].reshape(-1)[0])
    return None


def computed(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in a type that kernels take: float16 is for keeping only."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
