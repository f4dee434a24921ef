"""Steering: a run's commands as methods; each returns a ticket.

A command that is refused raises here, in the cell that gave it; nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.commands import (
    Adjust,
    Advance,
    Assign,
    BranchOff,
    Command,
    DeleteBranch,
    DeleteSnapshot,
    Extend,
    Freeze,
    Note,
    Pause,
    Release,
    Rescue,
    Resume,
    Rewind,
    RunUntil,
    SetBatchSize,
    SetPace,
    Stop,
    Switch,
    TakeSnapshot,
    Thaw,
    Undo,
    kind_of,
)
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import RunView


class Steering:
    """The commands of a run; `submit` and `check` are what a subclass provides."""

    submit: Callable[..., Ticket]
    check: Callable[[Command], None]

    def _ask(self, command: Command) -> Ticket:
        ticket = self.submit(command)
        if ticket.error is not None:
            raise ticket.error
        return ticket

    def pause(self) -> Ticket:
        """Stop at the next step boundary and wait there."""
        return self._ask(Pause())

    def resume(self) -> Ticket:
        """Go on."""
        return self._ask(Resume())

    def advance(self, steps: int = 1) -> Ticket:
        """Take a number of steps, then pause."""
        return self._ask(Advance(steps))

    def stop(self) -> Ticket:
        """End the run at the next step boundary; `extend` continues it."""
        return self._ask(Stop())

    def extend(self, *, epochs: int | None = None, steps: int | None = None) -> Ticket:
        """Move the planned end; a run that has ended goes on.

        Raises
        ------
        TypeError
            Unless exactly one of the two is given.
        """
        return self._ask(Extend(epochs, steps))

    def pace(self, steps_per_second: float | None) -> Ticket:
        """Go at a pace that a person can follow; None is full speed."""
        return self._ask(SetPace(steps_per_second))

    def adjust(self, path: str = "", **knobs: Any) -> Ticket:
        """Set hyperparameters from the next step on.

        Parameters
        ----------
        path : str
            "" for the optimiser's everywhere; else a layer, an array or a pattern.
        **knobs
            A number sets a constant, or overrides a schedule until `release`; a schedule
            replaces the base; ``it.scale(0.3)`` multiplies.

        Returns
        -------
        Ticket
            Of the last knob.

        Raises
        ------
        TypeError, ValueError
            For an unknown name (with a did-you-mean) or a value out of range.
        """
        if not knobs:
            raise TypeError(refusal("run.adjust", "something to set", "nothing", "Give lr=0.01."))
        commands = [Adjust(name, value, path) for name, value in knobs.items()]
        for command in commands:  # all of them, before the first one is on its way
            self.check(command)
        return [self._ask(command) for command in commands][-1]

    def release(self, name: str, path: str = "") -> Ticket:
        """Let a knob follow its base again."""
        return self._ask(Release(name, path))

    def freeze(self, path: str) -> Ticket:
        """Suspend the arrays below a path or pattern."""
        return self._ask(Freeze(path))

    def thaw(self, path: str) -> Ticket:
        """Let the arrays below a path or pattern train again."""
        return self._ask(Thaw(path))

    def undo(self) -> Ticket:
        """Take back the newest adjust, release, freeze or thaw that still stands."""
        return self._ask(Undo())

    def note(self, text: str) -> Ticket:
        """Write a remark into the journal."""
        return self._ask(Note(text))

    # Time ---------------------------------------------------------------------------------

    def run_until(
        self,
        condition: Callable[[RunView], Any] | None = None,
        *,
        step: int | None = None,
        epoch: int | None = None,
        loss: float | None = None,
    ) -> Ticket:
        """Go on, and pause exactly there; the ticket says that the run goes on.

        Parameters
        ----------
        condition : callable, optional
            Behind the first step where this function of the run's view says True. It is asked
            behind every step; if it raises, the run pauses and its message says why.
        step : int, optional
            When so many steps are completed, over all fits.
        epoch : int, optional
            When this epoch of the run, counted from 1, is over.
        loss : float, optional
            Behind the first step whose loss is at most so large.

        Raises
        ------
        TypeError
            Unless exactly one of them is given.
        ValueError
            For a step or an epoch that is over, or that lies behind the planned end.
        """
        return self._ask(RunUntil(step, epoch, loss, condition))

    def snapshot(self, name: str) -> Ticket:
        """Keep the state of now under a name; ``rewind("name")`` comes back to it exactly.

        Raises
        ------
        ValueError
            If there is one of that name.
        """
        return self._ask(TakeSnapshot(name))

    def delete_snapshot(self, name: str) -> Ticket:
        """Forget a named snapshot; its memory is given back."""
        return self._ask(DeleteSnapshot(name))

    def rewind(self, step: int | str) -> Ticket:
        """Go back to a step of the current branch, exactly, and pause there.

        The nearest earlier snapshot is taken up, and the steps from there on are run again with
        all interventions, bit for bit. The course so far stays as the branch that it is; what
        is done next begins a branch of its own, "branch 1" and so on. A run that has ended is
        paused then, too, and `resume` goes on.

        Parameters
        ----------
        step : int or str
            Completed steps: the state is what that step left, before anything was changed there.
            Or the name of a snapshot, of any branch.

        Returns
        -------
        Ticket
            Applied when the run stands there; a `stop` meanwhile leaves everything as it was.

        Raises
        ------
        ValueError
            For a step before the run began or behind where it stands; for data that pass once only.
        """
        return self._ask(Rewind(name=step) if isinstance(step, str) else Rewind(step))

    def branch(self, name: str) -> Ticket:
        """Begin a branch here and go on with it; the course so far keeps its name and its end."""
        return self._ask(BranchOff(name))

    def switch(self, name: str) -> Ticket:
        """Make another branch current, exactly as it was left, and pause there."""
        return self._ask(Switch(name))

    def delete_branch(self, name: str) -> Ticket:
        """Forget a branch that is not the current one; what only it had is given back."""
        return self._ask(DeleteBranch(name))

    def assign(self, path: str, array: Any) -> Ticket:
        """Replace an array of the model, such as ``"layers.0.weight"``, from the next step on.

        The values are copied and become the type of the model's array; moments stay.

        Raises
        ------
        TypeError, ValueError
            For an unknown path (with a did-you-mean), another shape, or values not finite.
        """
        return self._ask(Assign(path, array))

    def set_batch_size(self, size: int) -> Ticket:
        """Take batches of another size from the next step on, also in the middle of a pass.

        Raises
        ------
        ValueError
            For data that do not batch.
        """
        return self._ask(SetBatchSize(size))

    def rescue(self, scale: float = 0.5) -> Ticket:
        """Go back to before the loss went wrong, multiply the learning rate, and go on.

        Parameters
        ----------
        scale : float
            By what the learning rate is multiplied.
        """
        return self._ask(Rescue(scale))


def check_command(command: Command | None = None, *, pace: float | None = None) -> float | None:
    """Refuse a command whose numbers are wrong; returns the pace as a float."""
    if command is None:
        command = SetPace(pace)
    for word in ("path", "name"):
        text = getattr(command, word, "")
        if not isinstance(text, str):
            kind = kind_of(command)
            raise TypeError(
                refusal(f"run.{kind}", f"a {word} is text", shown(text), 'For example "layers.0".')
            )
    match command:
        case Advance(steps):
            whole_number(steps, "steps", "run.advance", low=1)
        case SetPace(value) if value is not None:
            return real_number(value, "the pace", "run.pace", low=0.0, open_low=True)
        case Extend(epochs, steps):
            if (epochs is None) == (steps is None):
                raise TypeError(
                    refusal(
                        "run.extend",
                        "epochs or steps",
                        "both" if epochs is not None else "neither",
                        "Give for example epochs=10.",
                    )
                )
            whole_number(epochs if steps is None else steps, "the extension", "run.extend", low=1)
        case Note(text) if not isinstance(text, str):
            raise TypeError(refusal("run.note", "a note is text", repr(text)))
        case RunUntil():
            _check_until(command)
        case Rewind(step, name) if not name:
            whole_number(step, "the step", "run.rewind", low=0)
        case TakeSnapshot(name) | BranchOff(name) if not name.strip() or len(name) > 80:
            raise ValueError(
                refusal(f"run.{kind_of(command)}", "a name of 1 to 80 characters", shown(name))
            )
        case SetBatchSize(size):
            whole_number(size, "the batch size", "run.set_batch_size", low=1)
        case Rescue(factor):
            real_number(factor, "scale", "run.rescue", low=0.0, open_low=True, high=1.0)
    return None


def _check_until(command: RunUntil) -> None:
    """Refuse a goal that is none, or more than one."""
    where = "run.run_until"
    given = [
        name
        for name in ("step", "epoch", "loss", "condition")
        if getattr(command, name) is not None
    ]
    if len(given) != 1:
        raise TypeError(
            refusal(
                where,
                "one of step, epoch, loss or condition",
                " and ".join(given) or "none",
                "Give for example step=600.",
            )
        )
    if command.step is not None:
        whole_number(command.step, "the step", where, low=1)
    elif command.epoch is not None:
        whole_number(command.epoch, "the epoch", where, low=1)
    elif command.loss is not None:
        real_number(command.loss, "the loss", where)
    elif not callable(command.condition):
        raise TypeError(
            refusal(
                where,
                "a condition is a function of the run's view",
                shown(command.condition),
                "Write condition=lambda view: view.loss < 0.1.",
            )
        )
