"""One update of many leaves, as a pure function: nothing is changed before all of it is computed.

Neighbouring leaves whose elementwise rules compute alike, with equal knobs and equal counters,
are updated as one flat array: their order never changes, so the result does not
depend on the grouping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tensor import Tensor
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.rule import State


@dataclass(frozen=True, slots=True)
class Update:
    """A leaf's array and gradient before the update."""

    leaf: Leaf
    x: NDArray[Any]
    g: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Result:
    """The same leaf's array and state after it; fresh memory, owned by the receiver."""

    leaf: Leaf
    x: NDArray[Any]
    state: State


def apply_updates(updates: Sequence[Update], step: int) -> list[Result]:
    """Compute step number `step` for every leaf.

    Returns
    -------
    list of Result
        In the same order; no leaf and no array was changed.
    """
    results: list[Result] = []
    group: list[Update] = []
    values: dict[str, float] = {}
    for update in updates:
        own = update.leaf.effective(step)
        if group and not (own == values and _alike(group[0], update)):
            results += _apply(group, values)
            group = []
        group.append(update)
        values = own
    return results + (_apply(group, values) if group else [])


def _alike(first: Update, second: Update) -> bool:
    a, b = first.leaf, second.leaf
    return (
        a.rule.elementwise
        and a.rule.alike(b.rule)
        and first.x.dtype == second.x.dtype
        and a.state.keys() == b.state.keys()
        and all(isinstance(a.state[k], np.ndarray) or a.state[k] == b.state[k] for k in a.state)
        and all(
            isinstance(u.leaf.state[k], np.ndarray) is False or u.leaf.state[k].shape == u.x.shape
            for u in (first, second)
            for k in u.leaf.state
        )
    )


def _apply(group: Sequence[Update], values: dict[str, float]) -> list[Result]:
    rule = group[0].leaf.rule.at(values)
    if len(group) == 1:
        leaf, x, g = group[0].leaf, group[0].x, group[0].g
        state, dx = rule.apply(leaf.state, Tensor.wrap(x), Tensor.wrap(g))
        return [Result(leaf, _plain(Tensor.wrap(x) - dx), {k: _plain(v) for k, v in state.items()})]
    x = _flat([u.x for u in group])
    g = _flat([u.g for u in group])
    flat_state = {
        name: _flat([u.leaf.state[name] for u in group]) if isinstance(value, np.ndarray) else value
        for name, value in group[0].leaf.state.items()
    }
    state, dx = rule.apply(
        {k: Tensor.wrap(v) if isinstance(v, np.ndarray) else v for k, v in flat_state.items()},
        Tensor.wrap(x),
        Tensor.wrap(g),
    )
    new_x = _plain(Tensor.wrap(x) - dx)
    new_state = {name: _plain(value) for name, value in state.items()}
    results = []
    start = 0
    for update in group:
        stop = start + update.x.size
        shape = update.x.shape
        own = {
            name: value[start:stop].reshape(shape) if isinstance(value, np.ndarray) else value
            for name, value in new_state.items()
        }
        results.append(Result(update.leaf, new_x[start:stop].reshape(shape), own))
        start = stop
    return results


def _flat(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([array.reshape(-1) for array in arrays])


def _plain(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value
