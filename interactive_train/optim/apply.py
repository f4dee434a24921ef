"""One update of many leaves, as a pure function: nothing is changed before all of it is computed.

Neighbouring leaves whose elementwise rules compute alike, with equal knobs and equal counters,
are updated as one flat array if they are small: their order never changes, so the result does
not depend on the grouping.

A rule that wants the global norm is applied in parts (`Rule.parts`): all leaves go through the part
in front of it, then the norm is taken over the gradients that arrive there, then all go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tensor import Tensor
from interactive_train.optim.leaf import MASTER, Leaf
from interactive_train.optim.norms import root_of_squares
from interactive_train.optim.rule import Rule, State
from interactive_train.runtime.errors import refusal

MOST_JOINED = 8192  # elements of an array; larger ones are not worth the copy into one


@dataclass(frozen=True, slots=True)
class Update:
    """A leaf's array and gradient before the update.

    Attributes
    ----------
    path : str
        For messages.
    rule : Rule, optional
        Instead of the leaf's own.
    """

    leaf: Leaf
    x: NDArray[Any]
    g: NDArray[Any]
    path: str = ""
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The same leaf's array and state after it; fresh memory, owned by the receiver.

    Attributes
    ----------
    norm : float, optional
        The global norm that its rule was given, the last if there were several.
    """

    leaf: Leaf
    x: NDArray[Any]
    state: State
    norm: float | None = None


def apply_updates(updates: Sequence[Update], step: int) -> list[Result]:
    """Compute step number `step` for every leaf.

    Returns
    -------
    list of Result
        In the same order; no leaf and no array was changed.

    Raises
    ------
    FloatingPointError
        If a norm that a rule clips by is not finite; names a path.
    """
    works = [_Work(update, step) for update in updates]
    for phase in range(max((len(work.parts) for work in works), default=0)):
        norm = None
        active = [work for work in works if work.in_phase(phase)]
        if phase:
            norm = root_of_squares([Tensor.wrap(work.g) for work in active])
            for work in active:
                work.norm = float(norm.data)
        group: list[_Work] = []
        for work in active:
            if group and not _alike(group[0], work, phase):
                _apply(group, phase, norm)
                group = []
            group.append(work)
        if group:
            _apply(group, phase, norm)
    for work in works:
        _guard(work, works)
    return [work.result() for work in works]


class _Work:
    """A leaf on its way through the parts of its rule; `g` is what the next part receives."""

    __slots__ = ("g", "moved", "norm", "parts", "rule", "state", "update", "values", "x")

    def __init__(self, update: Update, step: int) -> None:
        leaf = update.leaf
        self.update, self.rule = update, update.rule or leaf.rule
        self.parts = self.rule.parts()
        self.values = leaf.effective(step)
        self.state, self.x = leaf.state, update.x
        if self.rule.keeps_master:
            self.state = {name: value for name, value in leaf.state.items() if name != MASTER}
            self.x = leaf.state[MASTER]
        self.g: Any = update.g
        self.moved = self.x
        self.norm: float | None = None

    def in_phase(self, phase: int) -> bool:
        return self.g is not None and phase < len(self.parts) and self.parts[phase] is not None

    def result(self) -> Result:
        """Return the outcome; a float16 array is the rounded master."""
        state = {name: _kept(value) for name, value in self.state.items()}
        x = self.moved
        if self.rule.keeps_master:
            state = {MASTER: _kept(x), **state}
            with np.errstate(over="ignore"):
                x = x.astype(self.update.x.dtype)
        return Result(self.update.leaf, x, state, self.norm)


def _alike(first: _Work, second: _Work, phase: int) -> bool:
    a, b = first.parts[phase], second.parts[phase]
    assert a is not None
    assert b is not None
    return (
        a.elementwise
        and max(first.x.size, second.x.size) <= MOST_JOINED
        and a.alike(b)
        and len(first.parts) == len(second.parts)
        and first.values == second.values
        and first.x.dtype == second.x.dtype
        and first.state.keys() == second.state.keys()
        and all(_joins(first, second, name) for name in first.state)
    )


def _joins(first: _Work, second: _Work, name: str) -> bool:
    """Whether part of a state lies element by element beside x in both, or is equal in both."""
    a, b = first.state[name], second.state[name]
    if not isinstance(a, np.ndarray):
        return bool(a == b)
    if a.shape == first.x.shape or b.shape == second.x.shape:
        return bool(a.shape == first.x.shape and b.shape == second.x.shape)
    return bool(a.ndim == b.ndim == 0 and a == b)


def _apply(group: Sequence[_Work], phase: int, norm: Tensor | None) -> None:
    """Take a group of leaves that compute alike through one part of their rule."""
    first = group[0]
    part = first.parts[phase]
    assert part is not None
    rule = part.at({**first.values, "global_norm": norm})
    last = phase == len(first.parts) - 1
    if len(group) == 1:
        x = Tensor.wrap(first.x)
        first.state, dx = rule.apply(_lifted(first.state), x, Tensor.wrap(first.g))
        first.state = {name: _plain(value) for name, value in first.state.items()}
        first.g = _plain(dx)
        if last and dx is not None:
            first.moved = (x - dx).data
        return
    x = Tensor.wrap(_flat([work.x for work in group]))
    joined = {
        name: _flat([work.state[name] for work in group])
        if isinstance(value, np.ndarray) and value.shape == first.x.shape
        else value
        for name, value in first.state.items()
    }
    state, dx = rule.apply(_lifted(joined), x, Tensor.wrap(_flat([work.g for work in group])))
    moved = (x - dx).data if last and dx is not None else None
    plain = {name: _plain(value) for name, value in state.items()}
    step = _plain(dx)
    start = 0
    for work in group:
        stop, shape = start + work.x.size, work.x.shape
        work.state = {
            name: value[start:stop].reshape(shape)
            if isinstance(value, np.ndarray) and value.ndim
            else value
            for name, value in plain.items()
        }
        work.g = None if step is None else step[start:stop].reshape(shape)
        if moved is not None:
            work.moved = moved[start:stop].reshape(shape)
        start = stop


def _guard(work: _Work, works: Sequence[_Work]) -> None:
    for name in work.rule.guarded:
        value = float(work.state[name])
        if np.isfinite(value):
            continue
        culprit = next((w for w in works if not np.isfinite(w.update.g).all()), work)
        raise FloatingPointError(
            refusal(
                f"optim.{type(work.rule).__name__}",
                "the gradient's norm must be finite",
                f"{value} at {culprit.update.path!r}",
                "Nothing was updated. A lower learning rate or smaller inputs are the usual cures.",
            )
        )


def _lifted(state: State) -> State:
    return {k: Tensor.wrap(v) if isinstance(v, np.ndarray) else v for k, v in state.items()}


def _flat(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([array.reshape(-1) for array in arrays])


def _plain(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _kept(value: Any) -> Any:
    """Return part of a new state; arrays are shared between copies of a leaf, so read-only."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
