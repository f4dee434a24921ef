"""Single calls over a state: one step, a gradient, a prediction, an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import all_paths
from interactive_train.nn.module import buffer_paths, dtype_of
from interactive_train.runtime.errors import refusal
from interactive_train.training.evaluation import (
    Metrics,
    evaluate,
    named_metrics,
    validation_data,
)
from interactive_train.training.objective import Loss, of_predictions
from interactive_train.training.state import TrainState
from interactive_train.training.stepper import Objective, Stepper


class SingleCalls:
    """What a trainer does once, without a loop; see `Trainer`."""

    def __init__(self, model: Any, rule: Any, loss: Loss | None) -> None:
        self.model, self.rule, self.loss = model, rule, loss

    def step(
        self,
        state: TrainState,
        x: Any,
        targets: Any = None,
        *,
        loss: Loss | None = None,
        training: bool = True,
    ) -> tuple[float, TrainState]:
        """Take one step and return (loss before the update, new state).

        Parameters
        ----------
        state : TrainState
            Keeps its value.
        x : array_like
        targets : array_like, optional
            For the trainer's loss.
        loss : callable, optional
            ``loss(predictions)``, instead of targets.
        training : bool
            Whether layers behave as in training. The step is taken in either case.
        """
        objective, element = self._single(state, x, targets, loss, training, "trainer.step")
        stepper = Stepper(state, "trainer.step")
        outcome = stepper.compute(objective, [element])
        stepper.commit(outcome)
        return outcome.loss, stepper.state(state.position)

    def value_and_grad(
        self,
        state: TrainState,
        x: Any,
        targets: Any = None,
        *,
        loss: Loss | None = None,
        training: bool = True,
    ) -> tuple[tuple[float, dict[str, Any]], Any]:
        """Return ((loss, new layer state), gradients) and take no step.

        Parameters
        ----------
        state, x, targets, loss, training
            As in `step`.

        Returns
        -------
        ((float, dict), tree)
            The gradients are a tree like the model, None where there is none (frozen arrays,
            buffers, arrays that the loss does not depend on).
        """
        where = "trainer.value_and_grad"
        objective, element = self._single(state, x, targets, loss, training, where)
        stepper = Stepper(state, where)
        call = Call(True, state.key.fold("step", state.step + 1), stepper.dtype)
        call.settings = stepper.own_values(state.step + 1)
        value, _, found = stepper.gradients(objective, element, call)
        leaves, structure = tree.flatten(state.model)
        grads = structure.unflatten([found.get(path) for path in structure.paths])
        del leaves
        layer_state: dict[str, Any] = {}
        for path, array in all_paths(state.model):
            if path in buffer_paths(state.model):
                *branches, name = path.split(".")
                nested = layer_state
                for branch in branches:
                    nested = nested.setdefault(branch, {})
                nested[name] = call.written[path].numpy() if path in call.written else array
        return (value, layer_state), grads

    def apply_gradients(self, state: TrainState, grads: Any, layer_state: Any = None) -> TrainState:
        """Return the state after a step with these gradients.

        Parameters
        ----------
        state : TrainState
            Keeps its value.
        grads : tree
            Like the model; None skips an array.
        layer_state : tree, optional
            As `value_and_grad` returned it.

        Raises
        ------
        KeyError
            If a path of the model is missing in `grads`.
        ValueError
            If a gradient has another shape than its array.
        NonFiniteError
            If the norm of the gradients is not finite.
        """
        where = "trainer.apply_gradients"
        require_state(state, where)
        stepper = Stepper(state, where)
        given: dict[str, Any] = {}
        for path, _ in state.opt_state.leaves():
            g = tree.get(grads, path, where)
            if g is None:
                continue
            own = stepper.arrays[path]
            if np.shape(g) != own.shape:
                raise ValueError(
                    refusal(
                        where,
                        f"the gradient at {path!r} has shape {own.shape}",
                        str(np.shape(g)),
                    )
                )
            given[path] = np.ascontiguousarray(np.asarray(g), dtype=own.dtype)
        outcome = stepper.apply_gradients(given, state.loss)
        for path, array in tree.flatten_with_paths(layer_state or {}):
            outcome.written[path] = np.array(array)
        stepper.commit(outcome)
        return stepper.state(state.position)

    def _single(
        self,
        state: TrainState,
        x: Any,
        targets: Any,
        loss: Loss | None,
        training: bool,
        where: str,
    ) -> tuple[Objective, tuple[Any, Any]]:
        require_state(state, where)
        inner = of_predictions(self.loss, where)
        second = loss if loss is not None else targets
        if second is None:
            raise TypeError(
                refusal(where, "needs targets or loss=", "neither", "loss=lambda p: ...")
            )

        def objective(model: Any, element: Any) -> Any:
            if training:
                return inner(model, element)
            with calling(Call(False, dtype=dtype_of(state.model))):
                return inner(model, element)

        return objective, (x, second)

    def predict(self, state: TrainState, x: Any) -> np.ndarray[Any, Any]:
        """Return the model's output, as in evaluation: no dropout, no statistics moved.

        Parameters
        ----------
        state : TrainState
        x : array_like
            One batch of inputs.

        Returns
        -------
        ndarray, read-only
        """
        require_state(state, "trainer.predict")
        with calling(Call(False, dtype=dtype_of(state.model))):
            output = state.model(x)
        return output.numpy() if isinstance(output, Tensor) else np.asarray(output)

    def evaluate(self, state: TrainState, data: Any, metrics: Metrics = None) -> dict[str, float]:
        """Return the loss and the metrics on data, weighted by examples.

        Parameters
        ----------
        state : TrainState
        data : Data, arrays (x, y), or iterable of elements
        metrics : dict or list of functions, optional

        Returns
        -------
        dict of float
        """
        require_state(state, "trainer.evaluate")
        where = "trainer.evaluate"
        chosen = named_metrics(metrics, where)
        return evaluate(state.model, validation_data(data, where), chosen, self.loss, where)


def require_state(state: Any, where: str) -> None:
    """Refuse what is no TrainState."""
    if not isinstance(state, TrainState):
        raise TypeError(
            refusal(
                where,
                "the first argument is a TrainState",
                type(state).__name__,
                "Make one with state = trainer.init(seed=0).",
            )
        )
