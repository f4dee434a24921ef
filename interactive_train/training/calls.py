"""Single calls over a state: one step, a gradient, a prediction, an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import all_paths
from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.nn.module import buffer_paths, dtype_of
from interactive_train.optim.operations import gradient_at
from interactive_train.runtime.checks import flag, real_number, whole_number
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.key import Key, key_of
from interactive_train.runtime.keywords import suggests
from interactive_train.runtime.notices import notice
from interactive_train.training.recorded.explain import Explanation, explain
from interactive_train.training.records.state import TrainState
from interactive_train.training.step.evaluation import (
    Metrics,
    evaluate,
    named_metrics,
    predicted,
    validation_data,
)
from interactive_train.training.step.objective import Loss, of_predictions
from interactive_train.training.step.stepper import Objective, Stepper


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
        rng: Key | int | None = None,
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
        rng : Key or int, optional
            Draws this step's random numbers, instead of the state's own key.
        """
        objective, element = self._single(state, x, targets, loss, training, "trainer.step")
        stepper = Stepper(state, "trainer.step")
        if rng is not None:
            stepper.key = key_of(rng, "trainer.step")
        outcome = stepper.compute(objective, [element])
        stepper.key = state.key
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
        rng: Key | int | None = None,
    ) -> tuple[tuple[float, dict[str, Any]], Any]:
        """Return ((loss, new layer state), gradients) and take no step.

        Parameters
        ----------
        state, x, targets, loss, training, rng
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
        key = state.key if rng is None else key_of(rng, where)
        call = Call(True, key, stepper.dtype, step=state.step + 1)
        stepper.turn_knobs()
        value, _, found = stepper.gradients(objective, element, call)
        structure = tree.flatten(state.model)[1]
        grads = structure.unflatten([found.get(path) for path in structure.paths])
        written, buffers = stepper.written(call), buffer_paths(state.model)
        layer_state: dict[str, Any] = {}
        for path, array in all_paths(state.model):
            if path in buffers:
                *branches, name = path.split(".")
                nested = layer_state
                for branch in branches:
                    nested = nested.setdefault(branch, {})
                nested[name] = written.get(path, array)
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
            As `value_and_grad` returned it; buffers that are not in it stay.

        Raises
        ------
        KeyError
            If a path of the model is missing in `grads`, or one of `layer_state` is no buffer.
        TypeError
            If a gradient is no array of real numbers.
        ValueError
            If a gradient or a buffer has another shape than its array.
        NonFiniteError
            If the norm of the gradients is not finite.
        """
        where = "trainer.apply_gradients"
        require_state(state, where)
        stepper = Stepper(state, where)
        given: dict[str, Any] = {}
        first = {id(leaf): path for path, leaf in state.opt_state.leaves()}
        seen: dict[int, list[Any]] = {}  # a tied array may have its gradient at each of its places
        for path, leaf in state.opt_state.places().items():
            g = gradient_at(grads, path, where)
            if g is None or any(g is other for other in seen.setdefault(id(leaf), [])):
                continue
            seen[id(leaf)].append(g)
            own = first[id(leaf)]
            part = _alike(g, stepper.arrays[own], f"the gradient at {path!r}", where)
            given[own] = given[own] + part if own in given else part
        outcome = stepper.apply_gradients(given, state.loss)
        buffers = buffer_paths(state.model)
        for path, array in tree.flatten_with_paths({} if layer_state is None else layer_state):
            if path not in buffers:
                raise tree.MissingPath(
                    refusal(where, "a buffer of the model", path, did_you_mean(path, buffers))
                )
            old = stepper.arrays[path]
            outcome.written[path] = _alike(array, old, f"the buffer at {path!r}", where, old.dtype)
        stepper.commit(outcome)
        return stepper.state(state.position)

    @suggests("trainer.explain")
    def explain(
        self,
        state: TrainState,
        batch: Any,
        *,
        measure: bool = True,
        clip_norm: float | None = None,
        shards: int | None = None,
    ) -> Explanation:
        """Show the next step of a fit as the list of kernel calls that it is, without taking it.

        Parameters
        ----------
        state : TrainState
            Keeps its value.
        batch : tuple
            One element of data, ``(x, targets)`` or ``(x, loss_fn)``.
        measure : bool
            Run every call alone, on copies, to see what it takes. Costs some milliseconds per call.
        clip_norm : float, optional
            As in `fit`.
        shards : int, optional
            Into how many parts the batch is cut; by default as in a fit, by the work and the cores.

        Returns
        -------
        Explanation
            Prints as a table; ``source(n)`` is the loop of a line, ``kernels`` are those that
            were written for this step, ``rows`` is the table as data.

        Raises
        ------
        NotRecordableError
            If a fit would take the step eagerly; says what cannot be recorded, and the line.

        Examples
        --------
        >>> import interactive_train as it
        >>> from interactive_train import losses, nn, optim
        >>> trainer = it.Trainer(nn.Linear(3, 1), optim.SGD(0.1), loss=losses.mse)
        >>> batch = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
        >>> explanation = trainer.explain(trainer.init(seed=0), batch, measure=False)
        >>> [row.operation for row in explanation.rows if row.layer == "model"]
        ['product']
        """
        where = "trainer.explain"
        require_state(state, where)
        if clip_norm is not None:
            clip_norm = real_number(clip_norm, "clip_norm", where, low=0.0, open_low=True)
        if shards is not None:
            whole_number(shards, "shards", where, low=1)
        return explain(
            state,
            of_predictions(self.loss, where),
            batch,
            measure=flag(measure, "measure", where),
            clip_norm=clip_norm,
            shards=shards,
        )

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
        return predicted(state.model, x, standing(state))

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
        given = validation_data(data, where)
        if given.dropped:
            notice(
                f"{where}: {given.dropped} examples at the end are in no batch and do not count; "
                "give arrays (x, y), or batches with drop_last=False."
            )
        with turned_to(standing(state)):
            return evaluate(state.model, given, chosen, self.loss, where)


def standing(state: TrainState) -> KnobValues:
    """Return what the user's own knobs stand at behind the last step of a state."""
    step = max(1, state.step)
    known = {knob.name: state.layer_knobs.get(("", knob.name)) for knob in state.own_knobs}
    return KnobValues({name: s.effective(step) for name, s in known.items() if s is not None})


def _alike(given: Any, own: Any, what: str, where: str, dtype: Any = None) -> Any:
    """Return what was given for an array as a new one of its shape, or refuse it."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise TypeError(refusal(where, f"{what} is an array", type(given).__name__)) from error
    if found.dtype.kind not in "fiub":
        raise TypeError(refusal(where, f"{what} holds real numbers", f"dtype {found.dtype}"))
    if found.shape != own.shape:
        raise ValueError(refusal(where, f"{what} has shape {own.shape}", str(found.shape)))
    if dtype is None:  # gradients are computed in what kernels take
        dtype = np.float32 if own.dtype == np.float16 else own.dtype
    return np.array(found, dtype, order="C")


def require_state(state: Any, where: str, which: str = "the first argument") -> None:
    """Refuse what is no TrainState."""
    if not isinstance(state, TrainState):
        raise TypeError(
            refusal(
                where,
                f"{which} is a TrainState",
                type(state).__name__,
                "Make one with state = trainer.init(seed=0).",
            )
        )
