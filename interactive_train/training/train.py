"""The Flux form: a model and an optimiser state that are changed in place.

``loss(model, *element)`` is minimised over the elements of data, one pass. The model's own
arrays are written to behind every step, before any user code runs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.data import as_data
from interactive_train.nn.duplicated import Duplicated, plain
from interactive_train.nn.module import trainables
from interactive_train.optim import OptimizerState, Rule, setup
from interactive_train.runtime.checks import flag
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key
from interactive_train.runtime.keywords import suggests
from interactive_train.runtime.notices import notice
from interactive_train.training.control.ending import Plan
from interactive_train.training.loop.progress import Bar
from interactive_train.training.loop.report import Report, Reports, drain
from interactive_train.training.loop.session import NonFinite, Session
from interactive_train.training.records.events import Event, Stepped
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState, layer_knobs_of
from interactive_train.training.step.objective import Loss, of_model


@suggests("it.train")
def train(
    loss: Loss,
    model: Any,
    data: Any,
    opt_state: OptimizerState,
    *,
    report: Report | Sequence[Report] | None = None,
    on_nonfinite: NonFinite = "raise",
    seed: int | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place for one pass over the data.

    Parameters
    ----------
    loss : callable
        ``loss(model, *element) -> scalar``, or ``(scalar, aux)``; an element that is a tuple is
        splatted.
    model : tree or Duplicated
        Its arrays are written to; a `Duplicated` is left with the gradient of the last step.
    data : iterable
        Of elements, or arrays ``(x, y)``. One call is one pass; the next call on the same
        `Data` is its next pass, which a shuffled one gives in another order.
    opt_state : OptimizerState
        From ``it.setup(rule, model)``; goes on where it stood. A bare rule works for one
        call, with a notice: its moments are lost.
    report : callable or list of callables
        See `Trainer.fit`; its ``state`` is a `TrainState`.
    on_nonfinite : {"raise", "skip"}
    seed : int, optional
        Of dropout and the like; fresh entropy when omitted.
    progress : bool
        Show a bar (needs tqdm).

    Returns
    -------
    History

    Raises
    ------
    NonFiniteError
        At a loss or gradient that is not finite, before that step changed anything.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> model = {"w": np.zeros(1)}
    >>> opt_state = it.setup(optim.SGD(0.25), model)
    >>> history = train(lambda m, x: ((m["w"] - x) ** 2).sum(), model, [3.0, 3.0], opt_state,
    ...                 progress=False)
    >>> model["w"], history.loss
    (array([2.25]), array([9.  , 2.25]))
    """
    session = _session(loss, model, data, opt_state, "it.train", on_nonfinite, seed)
    total = session.last_step()
    first = session.first_step
    bar = Bar(
        None if total is None else total - first, "train", flag(progress, "progress", "it.train")
    )
    last: Event | None = None
    try:
        for event in drain(session, Reports(report, "it.train")):
            bar(event)
            last = event if isinstance(event, Stepped) else last
    except BaseException as error:
        done = session.stepper.step - first
        error.add_note(f"it.train: {done} steps were completed; model and opt_state hold them.")
        raise
    finally:
        bar.close(last)
    return session.history


def train_step(
    loss: Loss, model: Any, batch: Any, opt_state: OptimizerState, *, seed: int | None = None
) -> Any:
    """Take one step in place; return the loss before it, or (loss, aux) if the loss gives both.

    Parameters
    ----------
    loss, model
        As in `train`.
    batch : element of data
        A tuple is splatted.
    opt_state : OptimizerState
        As in `train`.
    seed : int, optional

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> model = {"w": np.zeros(1)}
    >>> opt_state = it.setup(optim.SGD(0.25), model)
    >>> train_step(lambda m, x: ((m["w"] - x) ** 2).sum(), model, 3.0, opt_state)
    9.0
    """
    session = _session(loss, model, [batch], opt_state, "it.train_step", "raise", seed)
    aux = None
    for event in drain(session, Reports(None, "it.train_step")):
        aux = event.aux if isinstance(event, Stepped) else aux
    value = float(session.history.loss[-1])
    return value if aux is None else (value, aux)


def _session(
    loss: Loss,
    model: Any,
    data: Any,
    opt_state: Any,
    where: str,
    on_nonfinite: NonFinite,
    seed: int | None,
) -> Session:
    if not callable(loss):
        raise TypeError(
            refusal(where, "the first argument is the loss", repr(loss), "train(loss, model, ...)")
        )
    if on_nonfinite not in ("raise", "skip"):
        raise ValueError(refusal(where, 'on_nonfinite is "raise" or "skip"', repr(on_nonfinite)))
    if isinstance(opt_state, Rule):
        notice(
            f"{where}: the state of {type(opt_state).__name__} is discarded afterwards; "
            "keep one with opt_state = it.setup(rule, model).",
            once="bare-rule",
        )
        opt_state = setup(opt_state, plain(model))
    if not isinstance(opt_state, OptimizerState) or opt_state.prefix:
        got = "a part of a state" if isinstance(opt_state, OptimizerState) else "a model"
        got = got if got[2] == "p" else type(opt_state).__name__
        raise TypeError(
            refusal(
                where,
                "the last argument is the optimiser state of the whole model",
                got,
                "Make it with opt_state = it.setup(rule, model).",
            )
        )
    duplicated = model if isinstance(model, Duplicated) else None
    model = plain(model)
    own = dict(trainables(model, paths=True))
    for path, _ in opt_state.leaves():
        tree.get(model, path, where)
    for path, array in own.items():
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            raise ValueError(
                refusal(where, "writes to the model's arrays", f"a read-only array at {path!r}")
            )
    pipeline = as_data(data, where)
    first = 0 if pipeline.is_one_shot else pipeline.passes
    pipeline._passes = first + 1  # as a for loop over it: the next call is the next pass
    state = TrainState(
        model,
        opt_state,
        layer_knobs_of(model),
        Key.from_seed(seed, where),
        opt_state.step,
        (first, 0),
    )
    return Session(
        state,
        pipeline,
        of_model(loss),
        Plan(end_pass=first + 1),
        None,
        on_nonfinite,
        where=where,
        in_place=True,
        duplicated=duplicated,
        recorded=where == "it.train",  # a single step is not worth a recording
    )
