"""Stepper: owns a fit's working values and takes one step - compute, guard, commit.

`compute` runs forward, backward and update and writes nothing; a loss or a gradient norm
that is not finite is refused there. `commit` makes the results current. Between the two
nothing can fail, so a step happens as a whole or not at all. Arrays are replaced, never written to,
so what was handed out stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import Shadows
from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.nn.module import buffer_paths, dtype_of, modules
from interactive_train.optim.apply import Result, Update, apply_updates
from interactive_train.optim.leaf import MASTER, Leaf
from interactive_train.optim.rule import Rule
from interactive_train.optim.setting import Setting, most_common
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.notices import notice
from interactive_train.training.records.state import TrainState, layer_knobs_of
from interactive_train.training.step.values import (
    apart,
    computed,
    first_not_finite,
    read_only,
    sum_of_squares,
    without_history,
)

Objective = Callable[[Any, Any], Any]  # (model, element of data) -> loss or (loss, aux)


class NonFiniteError(FloatingPointError):
    """A loss or a gradient that is not finite; raised before the step changed anything."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A computed step that was not yet committed.

    Attributes
    ----------
    step, loss, lr
        The loss is the mean over the step's elements, before the update.
    gradient_norm : float
        Of the whole gradient, before it was clipped.
    gradients : dict
        By path, as they went into the update.
    results, written
        New arrays and states, new layer state.
    aux : object
        What the loss returned beside the loss; a list of it with several elements.
    """

    step: int
    loss: float
    gradient_norm: float
    lr: float
    gradients: dict[str, NDArray[Any]]
    results: list[Result]
    written: dict[str, NDArray[Any]]
    aux: Any = None


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
    clip_norm : float, optional
        Scale the whole gradient down to this norm where it is larger.
    """

    def __init__(
        self,
        state: TrainState,
        where: str = "fit",
        in_place: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        self.where = where
        self.shadows = Shadows(state.model)
        self.arrays: dict[str, NDArray[Any]] = {
            path: np.array(array, order="C")
            for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True)
        }
        self._in_place, self.clip_norm = in_place, clip_norm
        self.edition = 0  # of arrays and states: counts what anything but recorded steps changes
        self.settle: Callable[[], None] = _nothing  # brings them up to the last recorded step
        self.opt = state.opt_state if in_place else state.opt_state.copy()
        # The Flux form reads a layer's knobs from the layer, which user code owns.
        self.layer_knobs: dict[tuple[str, str], Setting] = (
            {} if in_place else dict(state.layer_knobs)
        )
        self.key, self.step, self.loss = state.key, state.step, state.loss
        self.dtype = computed(np.empty(0, dtype_of(state.model))).dtype
        self._buffers = buffer_paths(state.model)
        self._places = self.opt.places()
        layers = {
            (path, knob.name): knob
            for path, module in modules(state.model)
            for knob in module.hyperparameters
        }
        self._layers = frozenset(layers)
        self.declared = layers | {("", knob.name): knob for knob in state.own_knobs}
        taken = {name for _, found in self.opt.leaves() for name in found.knobs}
        taken |= {name for path, name in layers if not path}
        self.knobs = KnobValues(taken=frozenset(taken))
        self.told = False

    def compute(self, objective: Objective, elements: Sequence[Any]) -> Outcome:
        """Compute the next step; nothing changes.

        Parameters
        ----------
        objective : callable
            ``(model, element) -> loss``, or ``(loss, aux)``.
        elements : sequence
            One element, or several whose gradients are averaged into one step.

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
        self.settle()
        self.refresh()
        self.turn_knobs()
        call = Call(True, self.key, self.dtype, step=self.step + 1)
        loss, aux, gradients = self.differentiate(objective, elements, call)
        return self.update(gradients, loss, call, aux)

    def differentiate(
        self, objective: Objective, elements: Sequence[Any], call: Call
    ) -> tuple[float, Any, dict[str, NDArray[Any]]]:
        """Return (loss, aux, gradient by path) of the next step, as means over its elements."""
        total: dict[str, Tensor] = {}
        losses, aux = [], []
        for position, element in enumerate(elements):
            call.key = self.key.fold("micro", position) if position else self.key
            call.draws = 0  # each element's draws are numbered alike; its key tells them apart
            loss, extra, gradients = self.gradients(objective, element, call)
            losses.append(loss)
            aux.append(extra)
            for path, g in gradients.items():
                total[path] = total[path] + g if path in total else g
        if len(elements) > 1:
            total = {path: g * (1.0 / len(elements)) for path, g in total.items()}
        value = math.fsum(losses) / len(losses)
        found = {path: g.data for path, g in total.items()}
        return value, aux[0] if len(aux) == 1 else aux, found

    def update(
        self, gradients: Mapping[str, NDArray[Any]], loss: float, call: Call, aux: Any = None
    ) -> Outcome:
        """Compute what the optimiser makes of the gradients of the next step, clipped if asked."""
        updates = [
            Update(self._places[path], self.arrays[path], g, path) for path, g in gradients.items()
        ]
        norm = math.sqrt(math.fsum(sum_of_squares(u.g) for u in updates))
        if not math.isfinite(norm):
            raise NonFiniteError(self._not_finite("gradient norm", norm, self.step + 1))
        if self.clip_norm is not None and norm > self.clip_norm:
            factor = self.clip_norm / norm
            updates = [replace(u, g=(Tensor.wrap(u.g) * factor).data) for u in updates]
        return self._updated(updates, loss, norm, call, aux)

    def gradients(
        self, objective: Objective, element: Any, call: Call
    ) -> tuple[float, Any, dict[str, Tensor]]:
        """Return (loss, aux, gradient by path) for one element; nothing changes."""
        number = self.step + 1
        active: list[str] = []
        marked: list[Tensor] = []
        tensors: list[Any] = []
        for path, array in self.arrays.items():
            tensor = Tensor.wrap(computed(array))
            place = self._places.get(path)
            if place is not None and not place.frozen:
                tensor = leaf(tensor)
                active.append(path)
                marked.append(tensor)
            tensors.append(tensor)
        with calling(call), turned_to(self.knobs):
            model = self.shadows.make(tensors, self.layer_values(number))
            loss, aux = apart(objective(model, element), self.where)
        value = float(loss.data.reshape(-1)[0])
        if not math.isfinite(value):
            raise NonFiniteError(self._not_finite("loss", value, number))
        with turned_to(self.knobs):  # a gradient of one's own may read a knob, too
            found = backward(loss, Tensor.wrap(np.ones(loss.shape, loss.dtype)), marked)
        if active and not self.told and all(g is None for g in found):
            self.told = True
            notice(
                f"{self.where}: the loss depends on no parameter that trains; "
                "does it use the model that it is given?"
            )
        pairs = zip(active, found, strict=True)
        return value, without_history(aux), {path: g for path, g in pairs if g is not None}

    def look(self, objective: Objective, element: Any) -> None:
        """Compute a loss and forget it, for the sake of the errors of values that are not allowed.

        A recorded step computes with targets such as probabilities without looking at them.
        """
        call = Call(True, self.key, self.dtype, step=self.step + 1)
        tensors = [Tensor.wrap(computed(array)) for array in self.arrays.values()]
        with calling(call), turned_to(self.knobs):
            objective(self.shadows.make(tensors, self.layer_values(self.step + 1)), element)

    def _updated(
        self, updates: list[Update], loss: float, norm: float, call: Call, aux: Any
    ) -> Outcome:
        """Return the outcome of applying gradients; refuse one that is not finite."""
        number = self.step + 1
        results = apply_updates(updates, number)
        paths = {id(update.leaf): update.path for update in updates}
        for result in results:
            wrong = first_not_finite(result)
            if wrong is not None:  # squares overflow before gradients do; 0 / 0 without an eps
                what = f"update of {paths[id(result.leaf)]!r}"
                raise NonFiniteError(self._not_finite(what, wrong, number))
        written = self.written(call)
        gradients = {update.path: update.g for update in updates}
        rate = self.learning_rate(number)
        return Outcome(number, loss, norm, rate, gradients, results, written, aux)

    def written(self, call: Call) -> dict[str, NDArray[Any]]:
        """Return the new layer state that a call left and that may stand."""
        return {
            path: np.asarray(tensor.data, self.arrays[path].dtype)
            for path, tensor in call.written.items()
            if self.may_write(path)
        }

    def apply_gradients(self, gradients: dict[str, NDArray[Any]], loss: float) -> Outcome:
        """Compute a step from gradients that somebody else made; a missing path is skipped."""
        updates = [
            Update(self._places[path], self.arrays[path], g, path)
            for path, g in gradients.items()
            if not self._places[path].frozen
        ]
        norm = math.sqrt(math.fsum(sum_of_squares(u.g) for u in updates))
        if not math.isfinite(norm):
            raise NonFiniteError(self._not_finite("gradient norm", norm, self.step + 1))
        return self._updated(updates, loss, norm, Call(True), None)

    def commit(self, outcome: Outcome) -> None:
        """Make a computed step current."""
        self.edition += 1
        by_leaf = {id(result.leaf): result for result in outcome.results}
        for path in self.arrays:
            result = by_leaf.get(id(self._places.get(path)))
            if result is not None:
                self.arrays[path] = result.x
                result.leaf.state = result.state
        self.arrays.update(outcome.written)
        self.opt.note_global_norm(result.norm for result in outcome.results)
        self.opt.step = self.step = outcome.step
        self.loss = outcome.loss
        self.meet(self.knobs.met)
        if self._in_place:
            self._write(outcome.written)

    def meet(self, knobs: Mapping[str, Hyperparameter]) -> None:
        """Take up the user's own knobs that a step has read."""
        for name, knob in knobs.items():
            self.declared["", name] = knob
            self.layer_knobs.setdefault(("", name), Setting(knob.default))

    # What recorded steps share with these -------------------------------------------------

    def places(self) -> dict[str, Leaf]:
        """Return the optimiser's leaf of every trainable array, by path."""
        return self._places

    def refresh(self) -> None:
        """Read the model's own arrays anew, where user code owns them."""
        if self._in_place:
            self.edition += 1
            for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True):
                self.arrays[path] = np.array(array, order="C")

    def note_steps(self, count: int, loss: float) -> None:
        """Count steps that were taken elsewhere; in place, hand on what they left."""
        self.step += count
        self.opt.step, self.loss = self.step, loss
        if self._in_place:
            self.settle()
            self._write(dict.fromkeys(self._buffers))

    def tame(self, step: int) -> bool:
        """Whether no finite gradient of ordinary size can make an update that is not finite."""
        seen: list[tuple[Rule, dict[str, Setting]]] = []
        for found in self._places.values():
            if (found.rule, found.knobs) not in seen:
                seen.append((found.rule, found.knobs))
                values = {name: float(knob.effective(step)) for name, knob in found.knobs.items()}
                if not found.rule.tame(values):
                    return False
        return True

    def rate_setting(self) -> Setting | None:
        """Return the setting of the learning rate that a history shows."""
        rates = [(found, k) for _, found in self.opt.leaves() for k in found.rule.find("lr")]
        if not rates:
            return None
        training = [pair for pair in rates if not pair[0].frozen] or rates
        return most_common(found.knobs[knob.name] for found, knob in training)

    def skip(self) -> None:
        """Consume a step without an update: schedules go on, moments and counters do not."""
        self.opt.step = self.step = self.step + 1

    def learning_rate(self, step: int) -> float:
        """Return the effective learning rate of most arrays that train; NaN without one."""
        setting = self.rate_setting()
        return math.nan if setting is None else setting.effective(step)

    def own_values(self, step: int) -> dict[str, float]:
        """Return what the user's own knobs stand at."""
        return {
            name: self.declared[path, name].check(
                setting.effective(step), f"knob {name!r} at step {step}"
            )
            for (path, name), setting in self.layer_knobs.items()
            if not path and (path, name) not in self._layers
        }

    def adopt(self, state: TrainState) -> None:
        """Go back to another state of the same model, such as the best one."""
        self.settle()
        self.edition += 1
        for path, array in tree.flatten_with_paths(state.model):
            self.arrays[path] = np.asarray(array, order="C")  # of a state, which nobody writes to
        for path, other in state.opt_state.places().items():
            own = self._places[path]
            own.state, own.frozen = dict(other.state), other.frozen
            own.knobs.update(other.knobs)
        if self._in_place:
            self._write(self.arrays)
        else:
            self.layer_knobs.clear()
            self.layer_knobs.update(state.layer_knobs)
        self.opt.note_global_norm([state.opt_state.global_norm])
        self.opt.step = self.step = state.step
        self.loss = state.loss

    def assign(self, path: str, array: NDArray[Any]) -> None:
        """Replace an array, and the master copy that its rule may keep."""
        self.settle()
        self.edition += 1
        self.arrays[path] = array
        own = self._places.get(path)
        if own is not None and MASTER in own.state:
            master = np.array(array, own.state[MASTER].dtype, order="C")
            master.flags.writeable = False
            own.state = {**own.state, MASTER: master}

    def layer_values(self, step: int) -> dict[tuple[str, str], float]:
        """Return the layers' effective hyperparameters."""
        return {
            (path, name): self.declared[path, name].check(
                setting.effective(step), f"layer {path!r} at step {step}"
            )
            for (path, name), setting in self.layer_knobs.items()
            if (path, name) in self._layers
        }

    def model(self) -> Any:
        """Return the model with the current arrays, read-only."""
        self.settle()
        knobs = self.layer_values(max(1, self.step))
        return self.shadows.make([read_only(a) for a in self.arrays.values()], knobs)

    def state(self, position: tuple[int, int]) -> TrainState:
        """Return the current values as a state that nothing will change."""
        self.settle()
        model = self.model()
        return TrainState(
            model,
            self.opt.copy(),
            layer_knobs_of(model) if self._in_place else dict(self.layer_knobs),
            self.key,
            self.step,
            position,
            self.loss,
            tuple(self.declared[key] for key in self.declared if key not in self._layers),
        )

    def turn_knobs(self) -> None:
        """Set the user's own knobs to what the next step uses."""
        self.knobs.settings = self.own_values(self.step + 1)

    def evaluation_knobs(self) -> KnobValues:
        """Return what the user's own knobs stand at behind the last step, to look at the model."""
        return KnobValues(self.own_values(max(1, self.step)))

    def _write(self, buffers: Mapping[str, Any]) -> None:
        """Write to the model's own arrays: what trains, and these buffers."""
        for path, array in zip(self.shadows.paths, self.shadows.arrays, strict=True):
            if path in self._places or path in buffers:
                array[...] = self.arrays[path]

    def may_write(self, path: str) -> bool:
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


def _nothing() -> None:
    """Do nothing: all steps so far were taken here."""
