"""Snapshots: states that are kept, in a ring that is bounded in bytes.

A snapshot is references: arrays are replaced by steps and never written to, so those that
did not change are shared, and counted once. When the ring is full, the snapshot goes whose
neighbours are nearest to each other for its age; so what remains is dense near the present
and spread over the whole course behind it, about as many for every doubling of the age.
The first state, named ones and the ends of branches stay, even beyond the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.data import Data
from interactive_train.training.records.state import TrainState

LIMIT = 256 << 20  # bytes, or eight states where that is more
STATES = 8
MOST = 400  # snapshots, however small they are
OVERHEAD = 1500  # bytes of Python objects per array, measured with tracemalloc

Undone = tuple[int, Callable[[], None]]


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """All that decides how a run goes on, at one step boundary.

    Attributes
    ----------
    state : TrainState
        Arrays, moments, knobs, freeze flags, key, step, place in the data.
    data, plan
        With their batch size, and the planned end.
    done : int
        How many commands of its line were applied before.
    agenda : int
        How many planned ones.
    undo, undone
        What can be taken back, and the rows of the journal that were.
    past : mapping
        How many earlier settings each knob had.
    metrics, arrays
        The newest evaluation.
    refused : str
        Why steps are not recorded; "" if they are.
    reports : tuple
        What reports keep count of.
    name : str
        "" for one that was taken by itself.
    """

    state: TrainState
    data: Data
    plan: Any
    done: int
    agenda: int
    undo: tuple[Undone, ...]
    undone: frozenset[int]
    past: Mapping[Any, int]
    metrics: Mapping[str, float]
    refused: str
    reports: tuple[Any, ...] = ()
    name: str = ""
    sizes: Mapping[int, int] = field(default_factory=dict)  # of its arrays in bytes, by address

    @property
    def step(self) -> int:
        """Completed steps."""
        return self.state.step

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands on its line: steps, commands."""
        return self.state.step, self.done


def arrays_of(state: TrainState) -> Iterator[NDArray[Any]]:
    """Yield every array that a state holds."""
    yield from (array for _, array in tree.flatten_with_paths(state.model))
    for _, leaf in state.opt_state:
        yield from (value for value in leaf.state.values() if isinstance(value, np.ndarray))


def sizes_of(arrays: Iterable[NDArray[Any]]) -> dict[int, int]:
    """Return the bytes of arrays by their address."""
    return {a.__array_interface__["data"][0]: a.nbytes for a in arrays if a.nbytes}


class Ring:
    """The snapshots of a run, over all its branches.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: dict[int, list[int]] = {}  # by address: how many hold it, bytes
        self._snapshots: dict[int, Snapshot] = {}
        self.nbytes = self.changes = 0

    def add(self, snapshot: Snapshot) -> None:
        """Count a snapshot in."""
        if id(snapshot) in self._snapshots:
            return
        self._snapshots[id(snapshot)] = snapshot
        self.changes += 1
        self.nbytes += OVERHEAD * len(snapshot.sizes)
        for address, size in snapshot.sizes.items():
            held = self._held.setdefault(address, [0, size])
            self.nbytes += 0 if held[0] else size
            held[0] += 1

    def drop(self, snapshot: Snapshot) -> None:
        """Count a snapshot out."""
        if self._snapshots.pop(id(snapshot), None) is None:
            return
        self.changes += 1
        self.nbytes -= OVERHEAD * len(snapshot.sizes)
        for address in snapshot.sizes:
            held = self._held[address]
            held[0] -= 1
            if not held[0]:
                self.nbytes -= held[1]
                del self._held[address]

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._snapshots.values()))

    def __len__(self) -> int:
        return len(self._snapshots)

    def own_bytes(self, snapshot: Snapshot, seen: set[int]) -> int:
        """Return the bytes of a snapshot's arrays that are not seen yet, and note them as seen."""
        new = {address: n for address, n in snapshot.sizes.items() if address not in seen}
        seen |= new.keys()
        return sum(new.values())

    @property
    def full(self) -> bool:
        """Whether one has to go."""
        return self.nbytes > self.limit or len(self) > MOST


def weakest(lines: Iterable[tuple[list[Snapshot], int]], pinned: set[int]) -> Snapshot | None:
    """Return the snapshot that is missed least.

    Parameters
    ----------
    lines : iterable of (snapshots, last step)
        Of every branch, in the order of steps.
    pinned : set of int
        The ids of those that stay.
    """
    scores: dict[int, tuple[float, Snapshot]] = {}
    for snapshots, last in lines:
        for at, snapshot in enumerate(snapshots):
            if id(snapshot) in pinned:
                continue
            before = snapshots[at - 1].step if at else snapshot.step
            after = snapshots[at + 1].step if at + 1 < len(snapshots) else last
            score = (after - before + 1) / (last - snapshot.step + 1)
            known = scores.get(id(snapshot))
            if known is None or known[0] < score:
                scores[id(snapshot)] = score, snapshot
    return min(scores.values(), key=lambda pair: pair[0])[1] if scores else None
