"""What a teaching view looks at: a run, a state at rest, or a model - at one step boundary.

A view asks its subject for the present moment, once for each picture; whatever stands behind it,
the answer is a value that stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn import Module
from interactive_train.nn.capture import Passage, capture
from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.runtime.errors import refusal
from interactive_train.training import Run, TrainState
from interactive_train.training.calls import standing
from interactive_train.training.records.commands import Command
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import RunView
from interactive_train.training.step.evaluation import predicted


class Resting:
    """A source that does not move: what a view shows when there is no run."""

    def __init__(self, name: str, step: int = 0, loss: float = math.nan) -> None:
        self.name, self.step, self.loss = name, step, loss

    def view(self) -> RunView:
        """Return a run that has ended."""
        return RunView(
            name=self.name,
            status="finished",
            step=self.step,
            first_step=self.step,
            last_step=self.step,
            epoch=1,
            steps_per_epoch=None,
            elapsed=0.0,
            steps_per_second=math.nan,
            pace=None,
            loss=self.loss,
            message="",
        )

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return no points."""
        return np.empty(0, dtype=np.int64), np.empty(0)

    def course(self, name: str, steps: Any, path: str = "") -> NDArray[np.float64]:
        """Return NaN: nothing is planned."""
        return np.full(len(steps), np.nan)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Refuse: nothing trains here."""
        what = type(command).__name__.lower()
        error = refusal(self.name, "a model at rest takes no commands", what, "Start a run.")
        return Ticket(-1, what).refuse(RuntimeError(error))


@dataclass(frozen=True, slots=True)
class Moment:
    """A model at one step boundary; it stays, though the run goes on.

    All numbers of a picture come from one moment, and the picture names its step.

    Attributes
    ----------
    model : Module
        Its arrays are read-only.
    step : int
        Completed steps behind it; 0 of a model that no fit has.
    knobs : KnobValues
        What the user's own knobs stand at.
    """

    model: Any
    step: int
    knobs: KnobValues

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the model's output for inputs, as in evaluation."""
        return predicted(self.model, x, self.knobs)

    def captured(self, *inputs: Any) -> dict[str, Passage]:
        """Return what passes through the model's layers for inputs, as in evaluation."""
        with turned_to(self.knobs):
            return capture(self.model, *inputs)


class Subject:
    """A run, a `TrainState` or a model, behind one question.

    Parameters
    ----------
    thing : Run, TrainState or Module
    where : str
        The view that asks, for errors.

    Attributes
    ----------
    source : Source
        What the view's publisher listens to.

    Raises
    ------
    TypeError
        If it is none of them.
    """

    def __init__(self, thing: object, where: str) -> None:
        self._where = where
        self._thing: Any = thing
        if isinstance(thing, Run):
            self.source: Any = thing
        elif isinstance(thing, TrainState):
            self.source = Resting(f"state after step {thing.step}", thing.step, thing.loss)
        elif isinstance(thing, Module):
            self.source = Resting(type(thing).__name__)
        else:
            raise TypeError(
                refusal(
                    where,
                    "it shows a run, a state or a model",
                    type(thing).__name__,
                    "Give what trainer.start(...) or trainer.init(...) returned, or the model.",
                )
            )

    @property
    def run(self) -> Run | None:
        """The run, if it is one."""
        return self._thing if isinstance(self._thing, Run) else None

    def moment(self) -> Moment:
        """Return the model behind the last completed step, with all that a picture needs of it."""
        thing = self._thing
        state = thing.state if isinstance(thing, Run) else thing
        if isinstance(state, TrainState):
            return Moment(state.model, state.step, standing(state))
        return Moment(thing, 0, KnobValues({}))
