"""Plan: interventions that are known before the fit starts, each at an exact step.

    plan = [it.at(600).adjust(lr=it.scale(0.3)), it.at(800).freeze("layers.0")]
    state = trainer.fit(state, data, epochs=20, plan=plan)

``it.at(600)`` is the boundary behind 600 completed steps, counted over all fits of the state as
`state.step` and the journal count them; step 601 is the first to feel it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from interactive_train.runtime.checks import shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.control.inbox import Pending
from interactive_train.training.control.steering import check_command
from interactive_train.training.records import commands
from interactive_train.training.records.commands import Command, describe
from interactive_train.training.records.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Intervention:
    """Commands for one step boundary; every method returns another one with a command more.

    Attributes
    ----------
    step : int
        Completed steps at the boundary.
    commands : tuple of Command
        In the order in which they are applied.
    """

    step: int
    commands: tuple[Command, ...] = ()

    def _and(self, *more: Command) -> Intervention:
        for command in more:
            check_command(command)
        return replace(self, commands=(*self.commands, *more))

    def adjust(self, path: str = "", **knobs: Any) -> Intervention:
        """Set hyperparameters; see `Run.adjust`."""
        if not knobs:
            raise TypeError(
                refusal("it.at(...).adjust", "something to set", "nothing", "Give lr=0.01.")
            )
        return self._and(*(commands.Adjust(name, value, path) for name, value in knobs.items()))

    def release(self, name: str, path: str = "") -> Intervention:
        """Let a knob follow its base again."""
        return self._and(commands.Release(name, path))

    def freeze(self, path: str) -> Intervention:
        """Suspend the arrays below a path or pattern."""
        return self._and(commands.Freeze(path))

    def thaw(self, path: str) -> Intervention:
        """Let the arrays below a path or pattern train again."""
        return self._and(commands.Thaw(path))

    def undo(self, times: int = 1) -> Intervention:
        """Take back the newest interventions that still stand."""
        whole_number(times, "times", "it.at(...).undo", low=1)
        return self._and(*[commands.Undo()] * times)

    def assign(self, path: str, array: Any) -> Intervention:
        """Replace an array of the model; see `Run.assign`."""
        return self._and(commands.Assign(path, array))

    def set_batch_size(self, size: int) -> Intervention:
        """Take batches of another size from there on."""
        return self._and(commands.SetBatchSize(size))

    def snapshot(self, name: str) -> Intervention:
        """Keep the state of there under a name."""
        return self._and(commands.TakeSnapshot(name))

    def note(self, text: str) -> Intervention:
        """Write a remark into the journal."""
        return self._and(commands.Note(text))

    def pause(self) -> Intervention:
        """Pause the run there."""
        return self._and(commands.Pause())

    def stop(self) -> Intervention:
        """End the fit there."""
        return self._and(commands.Stop())


def at(step: int) -> Intervention:
    """Return the boundary behind `step` completed steps, to say what shall happen there.

    Parameters
    ----------
    step : int
        Counted over all fits of a state, as `TrainState.step` is.

    Examples
    --------
    >>> at(600).adjust(lr=0.01).freeze("layers.0").commands
    (Adjust(name='lr', value=0.01, path=''), Freeze(path='layers.0'))
    """
    return Intervention(whole_number(step, "a step", "it.at", low=0))


ONCE = (commands.Note, commands.Pause, commands.TakeSnapshot)


class Agenda:
    """Commands that wait for their steps.

    Where a run goes back in time, what changes the fit is due again; pauses, notes and snapshots
    were made.

    Parameters
    ----------
    items : iterable of (int, Pending)
        Steps and commands; of equal steps, in the order of application.
    """

    def __init__(self, items: Iterable[tuple[int, Pending]] = ()) -> None:
        self.items = sorted(items, key=lambda item: item[0])
        self._next = self._made = 0  # what comes next, and how far it was at most

    def due(self, step: int) -> list[Pending]:
        """Take what is due behind so many completed steps."""
        begin, made = self._next, self._made
        while self._next < len(self.items) and self.items[self._next][0] <= step:
            self._next += 1
        self._made = max(made, self._next)
        return [
            pending
            for number, (_, pending) in enumerate(self.items[begin : self._next], begin)
            if number >= made or not isinstance(pending.command, ONCE)
        ]

    def steps_until_next(self, step: int, most: int) -> int:
        """Return how many steps may be taken before the next command, at most so many."""
        if self._next == len(self.items):
            return most
        return min(most, max(1, self.items[self._next][0] - step))

    @property
    def taken(self) -> int:
        """How many of its commands were taken so far."""
        return self._next

    def rewind(self, step: int, taken: int | None = None) -> None:
        """Go back behind so many steps: what is planned from there on is due again.

        With `taken`, what comes behind so many of its commands is.
        """
        behind = sum(planned < step for planned, _ in self.items)
        self._next = behind if taken is None else taken
        self.items = [
            (at, Pending(p.command, Ticket(-1, p.ticket.what), p.source, p.gesture))
            if number >= self._next else (at, p)
            for number, (at, p) in enumerate(self.items)
        ]  # fmt: skip

    @property
    def ends(self) -> bool:
        """Whether it ends the fit somewhere."""
        return any(isinstance(pending.command, commands.Stop) for _, pending in self.items)


def agenda_of(plan: Sequence[Intervention] | None, step: int, where: str) -> Agenda:
    """Return the commands of a plan for a fit that starts behind `step` completed steps.

    Raises
    ------
    TypeError
        If it is no list of what ``it.at(...)`` returns.
    ValueError
        If a step is over already.
    """
    if plan is None:
        return Agenda()
    fix = "Give a list such as [it.at(600).adjust(lr=it.scale(0.3))]."
    if isinstance(plan, (str, bytes, dict)) or not hasattr(plan, "__iter__"):
        raise TypeError(refusal(where, "a plan is a list", shown(plan), fix))
    items: list[tuple[int, Pending]] = []
    for intervention in plan:
        if not isinstance(intervention, Intervention) or not intervention.commands:
            raise TypeError(
                refusal(where, "a plan says what happens at a step", shown(intervention), fix)
            )
        if intervention.step < step:
            raise ValueError(
                refusal(
                    where,
                    f"a plan begins where the fit does, behind step {step}",
                    f"it.at({intervention.step})",
                    "Steps count over all fits of a state: state.step says where it stands.",
                )
            )
        items += [
            (intervention.step, Pending(command, Ticket(-1, describe(command)), "plan"))
            for command in intervention.commands
        ]
    return Agenda(items)
