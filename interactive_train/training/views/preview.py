"""NextStep: the step that would come next, computed beside a run and not taken.

Whoever wants to show how a weight moves finds everything here: gradients as they go into the
update, arrays and optimiser states in front of it and behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from interactive_train.optim import Leaf
from interactive_train.runtime.errors import refusal
from interactive_train.training.views.statistics import beside

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session

WHERE = "run.next_step"


@dataclass(frozen=True)
class NextStep:
    """A computed step that nobody takes.

    Attributes
    ----------
    step : int
        Its number.
    loss, gradient_norm : float
        On its batch; the norm is that before clipping.
    gradients : mapping of str to array
        By path, as they go into the update; a path that is frozen or without gradient is missing.
    before, after : mapping of str to array
        Every trainable array that the step updates.
    leaves : mapping of str to Leaf
        The optimiser's leaves in front of the step: rule, state and knobs.
    states : mapping of str to dict
        The leaves' states behind it.
    """

    step: int
    loss: float
    gradient_norm: float
    gradients: Mapping[str, NDArray[Any]]
    before: Mapping[str, NDArray[Any]]
    after: Mapping[str, NDArray[Any]]
    leaves: Mapping[str, Leaf]
    states: Mapping[str, Mapping[str, Any]]


def next_step(session: Session) -> NextStep:
    """Compute the next step of a fit on a copy of its state; the fit does not notice.

    Raises
    ------
    ValueError
        If there is no batch to compute it with.
    NonFiniteError
        If it would not be finite.
    """
    probe, elements = beside(session)
    if not elements:
        raise ValueError(
            refusal(WHERE, "a batch to compute a gradient from", "none so far", "Take a step.")
        )
    outcome = probe.compute(session.objective, elements)
    names = {id(leaf): path for path, leaf in probe.opt.leaves()}
    results = {names[id(result.leaf)]: result for result in outcome.results}
    return NextStep(
        outcome.step,
        outcome.loss,
        outcome.gradient_norm,
        outcome.gradients,
        {path: probe.arrays[path] for path in results},
        {path: result.x for path, result in results.items()},
        dict(probe.opt.leaves()),
        {path: result.state for path, result in results.items()},
    )
