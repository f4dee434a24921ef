"""Trainer: a model, a rule and a loss; over states that are values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.data import as_data
from interactive_train.nn.functional import init, shadow
from interactive_train.nn.module import declared
from interactive_train.optim import OptimizerState, Rule, setup
from interactive_train.runtime.checks import flag, real_number, shown, whole_number
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.key import Key, key_of
from interactive_train.runtime.keywords import suggests
from interactive_train.training.calls import SingleCalls, require_state
from interactive_train.training.control.ending import Plan
from interactive_train.training.control.plan import Intervention, agenda_of
from interactive_train.training.journal.fingerprint import name_of_loss
from interactive_train.training.loop.progress import Bar
from interactive_train.training.loop.report import Report, Reports, drain
from interactive_train.training.loop.session import NonFinite, Session
from interactive_train.training.records.events import Event, Stepped
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState, layer_knobs_of
from interactive_train.training.run.run import Run
from interactive_train.training.step.evaluation import Metrics, evaluator_of, named_metrics
from interactive_train.training.step.objective import Loss, of_predictions
from interactive_train.training.step.stepper import Stepper


class Trainer(SingleCalls):
    """Trains a model; every method takes a state and returns a new one.

    Parameters
    ----------
    model : nn.Module
        Declared; its arrays live in the state.
    rule : optim.Rule or callable
        ``lambda path, x: rule`` chooses per array.
    loss : callable, optional
        ``loss(predictions, targets) -> scalar``. Without it, data elements are ``(x, loss_fn)``.

    Attributes
    ----------
    history : History
        Of the last fit.
    last_state : TrainState or None
        Behind the last completed step of the last fit, also when that fit raised.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> state = trainer.init(seed=0)
    >>> state = trainer.fit(state, (x, 3 * x), batch_size=8, epochs=200, progress=False)
    >>> round(float(state.model.weight[0, 0]), 2), state.step
    (3.0, 200)
    """

    def __init__(self, model: Any, rule: Any, loss: Loss | None = None) -> None:
        if not callable(model) or isinstance(model, type):
            got = f"the class {model.__name__}" if isinstance(model, type) else shown(model)
            raise TypeError(
                refusal(
                    "it.Trainer",
                    "the first argument is a model",
                    got,
                    "Give for example nn.Linear(4, 2).",
                )
            )
        if isinstance(rule, type) or not (isinstance(rule, Rule) or callable(rule)):
            got = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
            raise TypeError(
                refusal(
                    "it.Trainer", "the second argument is a rule", got, "Give optim.Adam(1e-3)."
                )
            )
        if loss is not None and not callable(loss):
            raise TypeError(
                refusal("it.Trainer", "the loss is a function", repr(loss), "Give losses.mse.")
            )
        super().__init__(model, rule, loss)
        self.history = History()
        self.last_state: TrainState | None = None

    # States -----------------------------------------------------------------------------

    def init(self, seed: int | None = 0, dtype: Any = np.float32) -> TrainState:
        """Return the state before the first step; the same seed gives the same state.

        Parameters
        ----------
        seed : int or None
            Of the weights and of all that is random later; None draws fresh entropy.
        dtype : float32 or float64
        """
        key = Key.from_seed(seed, "trainer.init")
        number = key.low >> 1 if seed is None else seed
        return self._state(init(self.model, number, dtype), key)

    def make_state(self, weights: Any, seed: int | None = 0) -> TrainState:
        """Return a state that starts from given weights, with fresh moments.

        Parameters
        ----------
        weights : Module, (params, layer_state), or dict of arrays by path
            Arrays that are not given keep their initial values. The model is float64 if one
            of them is, else float32.
        seed : int or None

        Raises
        ------
        KeyError
            For a path that the model lacks (with a did-you-mean).
        ValueError
            For an array of another shape.
        """
        given: dict[str, Any] = {}
        parts = weights if isinstance(weights, tuple) else (weights,)
        for part in parts:
            flat = isinstance(part, Mapping) and any("." in str(key) for key in part)
            given |= dict(part) if flat else dict(tree.flatten_with_paths(part))
        model = init(self.model, seed) if declared(self.model) else self.model
        own = dict(tree.flatten_with_paths(model))
        for path, array in given.items():
            if path not in own:
                raise tree.MissingPath(
                    refusal(
                        "trainer.make_state", "a path of the model", path, did_you_mean(path, own)
                    )
                )
            if np.shape(array) != own[path].shape:
                raise ValueError(
                    refusal(
                        "trainer.make_state",
                        f"the array at {path!r} has shape {own[path].shape}",
                        str(np.shape(array)),
                    )
                )
        doubles = any(np.asarray(a).dtype == np.float64 for a in given.values())
        dtype = np.dtype(np.float64 if doubles else np.float32)
        arrays = {
            path: np.array(
                given.get(path, value), dtype if value.dtype.kind == "f" else value.dtype
            )
            for path, value in own.items()
        }
        return self._state(shadow(model, arrays), Key.from_seed(seed, "trainer.make_state"))

    def _state(self, model: Any, key: Key) -> TrainState:
        opt_state: OptimizerState = setup(self.rule, model, check_writable=False)
        fresh = TrainState(model, opt_state, layer_knobs_of(model), key)
        return Stepper(fresh).state((0, 0))

    # Fits -------------------------------------------------------------------------------

    @suggests("trainer.fit")
    def fit(
        self,
        state: TrainState,
        data: Any,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: int | None = None,
        report: Report | Sequence[Report] | None = None,
        validation: Any = None,
        metrics: Metrics = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        on_nonfinite: NonFinite = "raise",
        rng: Key | int | None = None,
        plan: Sequence[Intervention] | None = None,
        progress: bool = True,
    ) -> TrainState:
        """Train over the data and return the state behind the last step.

        Parameters
        ----------
        state : TrainState
            Keeps its value.
        data : Data, arrays (x, y), or iterable of elements
            Elements are ``(x, targets)`` or ``(x, loss_fn)``.
        epochs : int
            Whole passes over the data, in addition to those that the state has seen; a pass
            that it has begun is finished first.
        batch_size, shuffle : int, optional
            For arrays: rows per step (64), and the seed of a fresh order in each pass.
        report : callable or list of callables
            Called behind every step with those of ``step, global_step, epoch, loss, lr,
            metrics, aux, state`` that it declares; ``"stop"`` or `EarlyStop` ends the fit.
        validation : data, optional
            Evaluated behind every pass.
        metrics : dict or list of functions, optional
            Of the validation data.
        clip_norm : float, optional
            Scale the whole gradient down to this norm where it is larger; the norm itself is
            recorded in `history` as it was.
        accumulate : int
            Elements per step; their gradients are averaged. What is left at the end of a pass
            makes a step of its own.
        on_nonfinite : {"raise", "skip"}
            What to do about a loss or gradient that is not finite.
        rng : Key or int, optional
            Draws this fit's random numbers instead of the state's own key.
        plan : list, optional
            What shall be changed at which step: ``[it.at(600).adjust(lr=it.scale(0.3))]``.
        progress : bool
            Show a bar (needs tqdm).

        Returns
        -------
        TrainState

        Raises
        ------
        NonFiniteError
            Before the step that is not finite changed anything. After this and every other error
            `last_state` is the state behind the last completed step.
        """
        where = "trainer.fit"
        session = self.session(
            state,
            data,
            where,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            validation=validation,
            metrics=metrics,
            on_nonfinite=on_nonfinite,
            clip_norm=clip_norm,
            accumulate=accumulate,
            rng=None if rng is None else key_of(rng, where),
            plan=plan,
        )
        if on_nonfinite == "pause":
            raise ValueError(
                refusal(
                    where,
                    'on_nonfinite is "raise" or "skip"',
                    "'pause', which nobody could resume",
                    "trainer.start pauses.",
                )
            )
        reports = Reports(report, where)
        total = session.last_step()
        bar = Bar(
            None if total is None else total - state.step, "fit", flag(progress, "progress", where)
        )
        self.history = session.history
        last: Event | None = None
        try:
            for event in drain(session, reports):
                bar(event)
                last = event if isinstance(event, Stepped) else last
        except BaseException as error:
            error.add_note(
                f"trainer.fit: {session.stepper.step - state.step} steps were completed; "
                "trainer.last_state holds the state behind them."
            )
            raise
        finally:
            self.last_state = session.current_state()
            bar.close(last)
        return self.last_state

    @suggests("trainer.start")
    def start(
        self,
        state: TrainState,
        data: Any,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        shuffle: int | None = None,
        report: Report | Sequence[Report] | None = None,
        validation: Any = None,
        metrics: Metrics = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        pace: float | None = None,
        max_seconds: float | None = None,
        on_nonfinite: NonFinite = "pause",
        plan: Sequence[Intervention] | None = None,
        journal: str | os.PathLike[str] | None = None,
        autosave: str | os.PathLike[str] | None = None,
        snapshot_limit: int | None = None,
        name: str = "run",
    ) -> Run:
        """Train in the background and return at once; the run is steered while it goes.

        Without a front end (nbclient, nbconvert, papermill) it blocks until the run ended, ignores
        the pace, and a policy of "pause" means "raise".

        Parameters
        ----------
        state, data
            As in `fit`.
        epochs : int, optional
            None runs until it is stopped.
        batch_size, shuffle, report, validation, metrics, clip_norm, accumulate
            As in `fit`.
        pace : float, optional
            Steps a second that a person can follow; None is full speed.
        max_seconds : float, optional
            Stop after this time of running.
        on_nonfinite : {"pause", "raise", "skip"}
        plan : list, optional
            What shall be changed at which step: ``[it.at(600).adjust(lr=it.scale(0.3))]``.
        journal : path, optional
            A file of JSON lines that every intervention is appended to when it took effect.
        autosave : path, optional
            A folder where a run file is kept, renewed every minute and at the end; see
            `it.load_run`.
        snapshot_limit : int, optional
            Bytes that the states may fill from which `rewind` starts; 256 MiB or eight states,
            whichever is more, by default. The first state, named ones and the ends of branches
            stay beyond it.
        name : str
            What the dashboard calls the run.

        Returns
        -------
        Run
            Shown in a cell, it is its dashboard.
        """
        session = self.session(
            state,
            data,
            "trainer.start",
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            validation=validation,
            metrics=metrics,
            on_nonfinite=on_nonfinite,
            clip_norm=clip_norm,
            accumulate=accumulate,
            plan=plan,
        )
        session.arguments["name"] = name
        if snapshot_limit is not None:
            whole_number(snapshot_limit, "snapshot_limit", "trainer.start", low=0)
        self.history = session.history
        return Run.launch(
            session,
            Reports(report, "trainer.start"),
            name=name,
            pace=pace,
            max_seconds=max_seconds,
            journal=journal,
            autosave=autosave,
            snapshot_limit=snapshot_limit,
        )

    def session(
        self,
        state: TrainState,
        data: Any,
        where: str,
        *,
        epochs: int | None,
        batch_size: int | None,
        shuffle: int | None,
        validation: Any,
        metrics: Metrics,
        on_nonfinite: NonFinite,
        clip_norm: float | None,
        accumulate: int,
        rng: Key | None = None,
        plan: Sequence[Intervention] | None = None,
    ) -> Session:
        """Return a fit that has not begun; for `fit`, `start` and replays."""
        require_state(state, where)
        whole_number(accumulate, "accumulate", where, low=1)
        if clip_norm is not None:
            clip_norm = real_number(clip_norm, "clip_norm", where, low=0.0, open_low=True)
        if epochs is not None:
            whole_number(epochs, "epochs", where, low=1)
        if on_nonfinite not in ("raise", "skip", "pause"):
            raise ValueError(
                refusal(where, 'on_nonfinite is "raise", "skip" or "pause"', repr(on_nonfinite))
            )
        chosen = named_metrics(metrics, where)
        pipeline = as_data(data, where, batch_size=batch_size, shuffle=shuffle)
        passes, position = state.position
        if pipeline.is_one_shot:
            passes, position = 0, 0
        begun = passes + (1 if position else 0)  # a begun pass is finished first
        end = Plan(None if epochs is None else begun + epochs)
        session = Session(
            replace(state, position=(passes, position)),
            pipeline,
            of_predictions(self.loss, where),
            end,
            evaluator_of(validation, chosen, self.loss, where),
            on_nonfinite,
            where=where,
            loss_unit=str(getattr(self.loss, "unit", "")),
            clip_norm=clip_norm,
            accumulate=accumulate,
            rng=rng,
        )
        session.arguments = {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": shuffle,
            "clip_norm": clip_norm,
            "accumulate": accumulate,
            "on_nonfinite": on_nonfinite,
            "validation": validation is not None,
            "loss": name_of_loss(self.loss),
        }
        session.agenda = agenda_of(plan, session.stepper.step, where)
        session.check_agenda()
        session.history.higher_is_better |= {"validation_loss": False} | {
            f"validation_{name}": metric.higher_is_better
            for name, metric in chosen.items()
            if metric.higher_is_better is not None
        }
        return session
