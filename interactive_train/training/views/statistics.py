"""Statistics: weights, gradients, updates and outputs of every layer, at one step boundary.

They are computed beside the run: the step that would come next is taken eagerly, on a copy of
the state, and forgotten. The run itself waits no longer than it takes to hand out its state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn.capture import CapturingCall
from interactive_train.runtime.errors import refusal
from interactive_train.training.step.stepper import NonFiniteError, Stepper
from interactive_train.training.views.distribution import Distribution, distribution

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session

WHERE = "run.statistics"
MOST_OUTPUTS = 1 << 16  # numbers of an output that are looked at: enough for a histogram


@dataclass(frozen=True, slots=True)
class ArrayStatistics:
    """One trainable array.

    Attributes
    ----------
    path : str
    shape : tuple of int
    frozen : bool
    weights : Distribution
    gradients : Distribution or None
        Before clipping; None for a frozen array, and where the loss does not depend on it.
    update_norm : float
        Euclidean norm of what the next step adds, by the optimiser's own rule; 0 for a frozen
        array, NaN where the step would be refused.
    """

    path: str
    shape: tuple[int, ...]
    frozen: bool
    weights: Distribution
    gradients: Distribution | None
    update_norm: float

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the gradient; NaN where it has none or one that is not finite."""
        g = self.gradients
        return math.nan if g is None or g.nans or g.infinities else g.norm

    @property
    def update_ratio(self) -> float:
        """Norm of the update by norm of the weights; NaN for weights that are all 0."""
        return self.update_norm / self.weights.norm if self.weights.norm > 0 else math.nan


@dataclass(frozen=True, slots=True)
class OutputStatistics:
    """What a layer makes of a batch: its activations.

    Attributes
    ----------
    path, kind : str
        ``"layers.0"``, ``"Linear"``; of the whole model the path is "".
    shape : tuple of int
    values : Distribution
        Of as many rows of the batch as hold 65 536 numbers, one at least.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    values: Distribution


@dataclass(frozen=True, slots=True)
class Statistics:
    """A look at every layer of a run.

    Attributes
    ----------
    step : int
        Completed steps; gradients, updates and outputs are those of the step behind it.
    loss : float
        Of the batch that was looked at.
    arrays : dict
        `ArrayStatistics` of every trainable array, by path.
    outputs : dict
        `OutputStatistics` of every layer that ran, by path, in the order of the calls.
    message : str
        Why the step would be refused; "" if it would not.
    seconds : float
        CPU time that the look took.
    """

    step: int
    loss: float
    arrays: dict[str, ArrayStatistics]
    outputs: dict[str, OutputStatistics]
    message: str = ""
    seconds: float = math.nan

    def __str__(self) -> str:
        width = max([len(path) for path in self.arrays] + [5])
        rows = [f"{'array':{width}}  {'weights':>9}  {'gradient':>9}  {'update':>9}  ratio"]
        for path, a in self.arrays.items():
            rows.append(
                f"{path:{width}}  {a.weights.norm:9.3g}  {a.gradient_norm:9.3g}  "
                f"{a.update_norm:9.3g}  {a.update_ratio:.1e}" + ("  frozen" if a.frozen else "")
            )
        return f"norms at step {self.step}, loss {self.loss:.4g}\n" + "\n".join(rows)


def look(session: Session) -> Statistics:
    """Return the statistics of a fit at its last step boundary; the fit does not notice.

    Raises
    ------
    ValueError
        If there is no batch to look at.
    """
    began = time.thread_time()
    probe, elements = beside(session)
    if not elements:
        raise ValueError(
            refusal(WHERE, "a batch to compute a gradient from", "none so far", "Take a step.")
        )
    call = CapturingCall(True, probe.key, probe.dtype, step=probe.step + 1)
    loss, message = math.nan, ""
    gradients: dict[str, NDArray[Any]] = {}
    moved: dict[str, NDArray[Any]] = {}
    probe.turn_knobs()
    with np.errstate(all="ignore"):  # what is not finite is counted
        try:
            loss, _, gradients = probe.differentiate(session.objective, elements, call)
            outcome = probe.update(gradients, loss, call)
            names = {id(leaf): path for path, leaf in probe.opt.leaves()}
            moved = {names[id(result.leaf)]: result.x for result in outcome.results}
        except FloatingPointError as error:
            message = str(error) if isinstance(error, NonFiniteError) else f"{WHERE}: {error}"
        arrays = _arrays(probe, gradients, moved, refused=bool(message))
        outputs = {
            path: OutputStatistics(path, kind, data.shape, distribution(_rows(data)))
            for path, (kind, _, data) in call.passed.items()
            if isinstance(data, np.ndarray) and data.dtype.kind == "f"
        }
    return Statistics(probe.step, loss, arrays, outputs, message, time.thread_time() - began)


def beside(session: Session) -> tuple[Stepper, Sequence[Any]]:
    """Return a stepper of its own at the last step boundary, and the elements to look at.

    They are those of the next step where the data are rows of arrays, the last of the pass at its
    end; of other data, which can be asked only once, those that the fit took last.
    """
    with session.lock:
        state, key = session.current_state(), session.stepper.key
        rows = session.feed.rows(session.data, session.pass_index, session.position)
        if rows is not None and not rows.steps:
            back = rows.batch_size * session.accumulate
            start = max(0, session.position - back)
            rows = session.feed.rows(session.data, session.pass_index, start)
        newest = session.feed.newest
    probe = Stepper(state, WHERE, clip_norm=session.clip_norm)
    probe.key, probe.told = key, True
    if rows is None:
        return probe, newest or ()
    batches = rows.batches()
    return probe, [batch for _, batch in zip(range(session.accumulate), batches, strict=False)]


def _rows(output: NDArray[Any]) -> NDArray[Any]:
    if output.ndim == 0 or output.size <= MOST_OUTPUTS:
        return output
    return output[: max(1, MOST_OUTPUTS // (output.size // len(output)))]


def _arrays(
    probe: Stepper,
    gradients: Mapping[str, NDArray[Any]],
    moved: Mapping[str, NDArray[Any]],
    refused: bool,
) -> dict[str, ArrayStatistics]:
    found = {}
    for path, leaf in probe.opt.leaves():
        x = probe.arrays[path]
        g = gradients.get(path)
        norm = math.nan if refused and not leaf.frozen else 0.0
        if path in moved:
            change = np.subtract(moved[path], x, dtype=np.float64).ravel()
            norm = float(np.sqrt(np.square(change).sum()))
        found[path] = ArrayStatistics(
            path,
            x.shape,
            leaf.frozen,
            distribution(x),
            None if g is None else distribution(g),
            norm,
        )
    return found
