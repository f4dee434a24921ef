"""Steering: a run's commands as methods; each returns a ticket.

A command that is refused raises here, in the cell that gave it; nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.commands import (
    Adjust,
    Advance,
    Command,
    Extend,
    Freeze,
    Note,
    Pause,
    Release,
    Resume,
    SetPace,
    Stop,
    Thaw,
    Undo,
)
from interactive_train.training.ticket import Ticket


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


def check_command(command: Command | None = None, *, pace: float | None = None) -> float | None:
    """Refuse a command whose numbers are wrong; returns the pace as a float."""
    if command is None:
        command = SetPace(pace)
    for word in ("path", "name"):
        text = getattr(command, word, "")
        if not isinstance(text, str):
            kind = type(command).__name__.lower()
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
    return None
