"""Stepper: owns a fit's working values and takes one step - compute, guard, commit.

`compute` runs forward, backward and update and writes nothing; a loss or a gradient norm
that is not finite is refused there. `commit` makes the results current. Between the two
nothing can fail, so a step happens as a whole or not at all. Arrays are replaced, never written to,
so what was handed out stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Tensor
from interactive_train.autodiff.transforms import scalar_loss
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import Shadows
from interactive_train.nn.module import buffer_paths, dtype_of, modules
from interactive_train.optim.apply import Result, Update, apply_updates
from interactive_train.optim.setting import Setting
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.state import TrainState, layer_knobs_of

Objective = Callable[[Any, Any], Any]  # (model, element of data) -> loss


class NonFiniteError(FloatingPointError):
    """A loss or a gradient that is not finite; raised before the step changed anything."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A computed step that was not yet committed."""

    step: int
    loss: float
    gradient_norm: float
    lr: float
    results: list[Result]
    written: dict[str, NDArray[Any]]


class Stepper:
    """The working values of one fit.

    Parameters
    ----------
    state : TrainState
        Copied at entry.
    where : str
        The call that errors name.
    in_place : bool
        Work on the state's own optimiser leaves and write the model's own arrays behind every
        step, reading them anew before it: the Flux form, in which user code owns both.
    """

    def __init__(self, state: TrainState, where: str = "fit", in_place: bool = False) -> None:
        self.where = where
        self.shadows = Shadows(state.model)
        self.arrays: dict[str, NDArray[Any]] = {
            path: np.array(array, order="C")
            for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True)
        }
        self._in_place = in_place
        self.opt = state.opt_state if in_place else state.opt_state.copy()
        # The Flux form reads a layer's knobs from the layer, which user code owns.
        self.layer_knobs: dict[tuple[str, str], Setting] = (
            {} if in_place else dict(state.layer_knobs)
        )
        self.key, self.step, self.loss = state.key, state.step, state.loss
        self.dtype = _computed(np.empty(0, dtype_of(state.model))).dtype
        self._buffers = buffer_paths(state.model)
        self._places = self.opt.places()
        self._declared = {
            (path, knob.name): knob
            for path, module in modules(state.model)
            for knob in module.hyperparameters
        }
        self._told = False

    def compute(self, objective: Objective, element: Any) -> Outcome:
        """Compute the next step; nothing changes.

        Raises
        ------
        NonFiniteError
            If the loss, the gradient norm or what the update makes of them is not finite;
            names the step.
        TypeError
            If the objective returns no floating scalar.
        ValueError
            If a schedule leaves the interval of its knob at this step.
        """
        number = self.step + 1
        places = self._places
        if self._in_place:
            for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True):
                self.arrays[path] = np.array(array, order="C")
        active: list[str] = []
        marked: list[Tensor] = []
        tensors: list[Any] = []
        for path, array in self.arrays.items():
            tensor = Tensor.wrap(_computed(array))
            place = places.get(path)
            if place is not None and not place.frozen:
                tensor = leaf(tensor)
                active.append(path)
                marked.append(tensor)
            tensors.append(tensor)
        with calling(Call(True, self.key.fold("step", number), self.dtype)) as call:
            model = self.shadows.make(tensors, self.layer_values(number))
            loss = scalar_loss(objective(model, element), self.where)
        value = float(loss.data.reshape(-1)[0])
        if not math.isfinite(value):
            raise NonFiniteError(self._not_finite("loss", value, number))
        gradients = backward(loss, Tensor.wrap(np.ones(loss.shape, loss.dtype)), marked)
        if active and not self._told and all(g is None for g in gradients):
            self._told = True
            notice(
                f"{self.where}: the loss depends on no parameter that trains; "
                "does it use the model that it is given?"
            )
        updates = [
            Update(places[path], self.arrays[path], g.data, path)
            for path, g in zip(active, gradients, strict=True)
            if g is not None
        ]
        norm = math.sqrt(math.fsum(_sum_of_squares(u.g) for u in updates))
        if not math.isfinite(norm):
            raise NonFiniteError(self._not_finite("gradient norm", norm, number))
        results = apply_updates(updates, number)
        paths = {id(places[path]): path for path in active}
        for result in results:
            wrong = _first_not_finite(result)
            if wrong is not None:  # squares overflow before gradients do; 0 / 0 without an eps
                what = f"update of {paths[id(result.leaf)]!r}"
                raise NonFiniteError(self._not_finite(what, wrong, number))
        written = {
            path: tensor.data for path, tensor in call.written.items() if self._may_write(path)
        }
        return Outcome(number, value, norm, self.learning_rate(number), results, written)

    def commit(self, outcome: Outcome) -> None:
        """Make a computed step current."""
        by_leaf = {id(result.leaf): result for result in outcome.results}
        for path in self.arrays:
            result = by_leaf.get(id(self._places.get(path)))
            if result is not None:
                self.arrays[path] = result.x
                result.leaf.state = result.state
        self.arrays.update(outcome.written)
        self.opt.step = self.step = outcome.step
        self.loss = outcome.loss
        if self._in_place:
            for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True):
                if path in self._places or path in outcome.written:
                    array[...] = self.arrays[path]

    def skip(self) -> None:
        """Consume a step without an update: schedules go on, moments and counters do not."""
        self.opt.step = self.step = self.step + 1

    def learning_rate(self, step: int) -> float:
        """Return the effective learning rate of the first array that trains; NaN without one."""
        rates = [(found, k) for _, found in self.opt.leaves() for k in found.rule.find("lr")]
        if not rates:
            return math.nan
        chosen, knob = next((pair for pair in rates if not pair[0].frozen), rates[0])
        return chosen.knobs[knob.name].effective(step)

    def layer_values(self, step: int) -> dict[tuple[str, str], float]:
        """Return the layers' effective hyperparameters."""
        return {
            (path, name): self._declared[path, name].check(
                setting.effective(step), f"layer {path!r} at step {step}"
            )
            for (path, name), setting in self.layer_knobs.items()
        }

    def model(self) -> Any:
        """Return the model with the current arrays, read-only."""
        knobs = self.layer_values(max(1, self.step))
        return self.shadows.make([_read_only(a) for a in self.arrays.values()], knobs)

    def state(self, position: tuple[int, int]) -> TrainState:
        """Return the current values as a state that nothing will change."""
        model = self.model()
        return TrainState(
            model,
            self.opt.copy(),
            layer_knobs_of(model) if self._in_place else dict(self.layer_knobs),
            self.key,
            self.step,
            position,
            self.loss,
        )

    def _may_write(self, path: str) -> bool:
        """Whether a layer's statistics may move: not when all of its parameters are frozen."""
        if path not in self._buffers:
            return False
        layer = tree.join(path.rpartition(".")[0], "")
        owned = [found for place, found in self._places.items() if place.startswith(layer)]
        return not owned or not all(found.frozen for found in owned)

    def _not_finite(self, what: str, value: float, step: int) -> str:
        return refusal(
            self.where,
            f"the {what} must be finite",
            f"{value} at step {step}",
            f"Nothing of that step was applied: the weights are those after step {self.step}. "
            "A lower learning rate, smaller inputs or clipping are the usual cures.",
        )


def _sum_of_squares(g: NDArray[Any]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.multiply(g, g, dtype=np.float64).sum())


def _first_not_finite(result: Result) -> float | None:
    for value in (result.x, *result.state.values()):
        finite = np.isfinite(value)
        if not finite.all():
            return float(np.asarray(value)[~finite].reshape(-1)[0])
    return None


def _computed(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in a type that kernels take: float16 is for keeping only."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
