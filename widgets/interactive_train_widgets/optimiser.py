"""A bare optimiser state under a panel: knobs and freeze boxes, applied at once.

What a run does at step boundaries happens here in the call itself, since nothing
trains meanwhile: ``it.setup(rule, model)`` returned the state, and one's own loop
uses it. Changes are written down and can be taken back, as a run's are.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interactive_train import optim
from interactive_train.optim import Leaf, OptimizerState
from interactive_train.optim.setting import most_common
from interactive_train.runtime.errors import refusal
from interactive_train.training.control.controls import group_view, leaf_knobs
from interactive_train.training.records import commands
from interactive_train.training.records.commands import Command
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import GroupView, JournalEntry, KnobView, RunView

WHERE = "optimiser panel"
Change = tuple[str, str]  # printable old and new value


class OptimiserSource:
    """A source over an optimiser's state; the state itself is changed, in place."""

    def __init__(self, state: OptimizerState) -> None:
        self._state = state
        self._lock = threading.Lock()  # messages may come on any thread
        self._journal: list[JournalEntry] = []
        self._undo: list[tuple[int, Callable[[], None]]] = []
        self._gesture = ""

    def view(self) -> RunView:
        """Return the knobs and layers as they stand."""
        return RunView(
            name="optimiser",
            status="ready",
            step=self._state.step,
            first_step=0,
            last_step=None,
            epoch=1,
            steps_per_epoch=None,
            elapsed=0.0,
            steps_per_second=0.0,
            pace=None,
            loss=math.nan,
            message="",
            knobs=self._knobs(),
            groups=self._groups(),
            journal=tuple(self._journal),
        )

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return no points: a state has no history."""
        return np.empty(0, dtype=np.int64), np.empty(0)

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return the planned values of a knob, NaN where there is no such knob."""
        for leaf in self._leaves(path):
            for knob in leaf.rule.find(name):
                return leaf.knobs[knob.name].course(steps)
        return np.full(len(steps), np.nan)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Apply at once."""
        with self._lock:
            ticket = Ticket(len(self._journal), type(command).__name__.lower())
            try:
                old, new = self._apply(command, source, gesture)
            except Exception as error:  # the page shows it beside the control
                return ticket.refuse(error)
            return ticket.apply(self._state.step, old, new)

    # -- what stands --------------------------------------------------------------------------

    def _knobs(self) -> tuple[KnobView, ...]:
        return tuple(leaf_knobs(self._state.leaves(), self._state.step + 1))

    def _groups(self) -> tuple[GroupView, ...]:
        layers: dict[str, list[tuple[str, Leaf]]] = {}
        for path, leaf in self._state.leaves():
            layers.setdefault(_layer(path), []).append((path, leaf))
        return tuple(
            group_view(path, "", sum(_size(leaf) for _, leaf in pairs), pairs)
            for path, pairs in layers.items()
        )

    # -- what changes it ----------------------------------------------------------------------

    def _part(self, path: str) -> OptimizerState | Leaf:
        """The part of the state at a full path."""
        prefix = self._state.prefix
        inside = path[len(prefix) + 1 :] if prefix and path.startswith(prefix) else path
        part: OptimizerState | Leaf = self._state[inside] if inside else self._state
        return part

    def _leaves(self, path: str) -> list[Leaf]:
        part = self._part(path)
        return [part] if isinstance(part, Leaf) else [leaf for _, leaf in part.leaves()]

    def _apply(self, command: Command, source: str, gesture: str) -> Change:
        match command:
            case commands.Adjust(name=name, value=value, path=path):
                change = lambda: optim.adjust(self._part(path), **{name: value})  # noqa: E731
                return self._turn("adjust", path, name, change, source, gesture)
            case commands.Release(name=name, path=path):
                change = lambda: optim.release(self._part(path), name)  # noqa: E731
                return self._turn("release", path, name, change, source, "")
            case commands.Freeze(path=path) | commands.Thaw(path=path):
                return self._set_frozen(path, isinstance(command, commands.Freeze), source)
            case commands.Undo():
                return self._take_back()
        raise ValueError(
            refusal(
                WHERE,
                "a bare optimiser state has knobs and freeze flags only",
                type(command).__name__.lower(),
                "Start a run with trainer.start(...) for the rest.",
            )
        )

    def _turn(
        self, kind: str, path: str, name: str, change: Callable[[], None], source: str, gesture: str
    ) -> Change:
        step = self._state.step + 1
        before = [
            (leaf, knob.name, leaf.knobs[knob.name])
            for leaf in self._leaves(path)
            for knob in leaf.rule.find(name)
        ]
        change()  # refuses an unknown name, so `before` is not empty behind it

        def restore() -> None:
            for leaf, own, setting in before:
                leaf.knobs[own] = setting

        was = most_common(setting for _, _, setting in before)
        leaf, own = next((leaf, name) for leaf, name, setting in before if setting == was)
        try:
            leaf.effective(step)  # a factor may lead out of the valid interval
        except ValueError:
            restore()
            raise
        value = leaf.knobs[own].effective(step)
        old, new = f"{was.effective(step):.6g}", f"{value:.6g}"
        point = (self._state.step, value)
        if gesture and gesture == self._gesture:  # a drag is one row and one undo
            last = self._journal[-1]
            self._journal[-1] = replace(last, new=new, values=(*last.values, point))
        else:
            self._write(kind, path, name, old, new, source, restore, (point,))
        self._gesture = gesture
        return old, new

    def _set_frozen(self, path: str, frozen: bool, source: str) -> Change:
        before = [(leaf, leaf.frozen) for leaf in self._leaves(path)]
        (optim.freeze if frozen else optim.thaw)(self._part(path))

        def restore() -> None:
            for leaf, flag in before:
                leaf.frozen = flag

        words = ("training", "frozen")
        old, new = words[all(flag for _, flag in before)], words[frozen]
        self._write("freeze" if frozen else "thaw", path, "", old, new, source, restore)
        self._gesture = ""
        return old, new

    def _write(
        self,
        kind: str,
        path: str,
        name: str,
        old: str,
        new: str,
        source: str,
        undo: Callable[[], None],
        values: tuple[tuple[int, float], ...] = (),
    ) -> None:
        row, step = len(self._journal), self._state.step
        now = time.time()
        entry = JournalEntry(row, step, kind, path, name, old, new, source, now, values)
        self._journal.append(entry)
        self._undo.append((row, undo))

    def _take_back(self) -> Change:
        if not self._undo:
            raise ValueError(refusal(WHERE, "there must be something to undo", "no change"))
        row, undo = self._undo.pop()
        undo()
        self._gesture = ""
        entry = self._journal[row]
        self._journal[row] = replace(entry, undone=True)
        return entry.new, entry.old


def _layer(path: str) -> str:
    return path.rpartition(".")[0] or path


def _size(leaf: Leaf) -> int:
    """Parameters of a leaf, read off its moments; 0 when its rule keeps none."""
    sizes = [value.size for value in leaf.state.values() if isinstance(value, np.ndarray)]
    return max(sizes, default=0)
