"""OptimizerState: a tree of leaves shaped like the model, any part of which can be addressed.

``state.layers[0]``, ``state["layers.0"]``, ``state["layers.*.bias"]`` are states again, over
the same leaves; so adjusting, freezing or updating a part needs no functions of its own.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from interactive_train.optim.leaf import Leaf
from interactive_train.runtime.errors import did_you_mean, refusal


@dataclass(eq=False)
class Clock:
    """Steps of a whole state, shared by all its branches; schedules read it.

    It runs on when a step is skipped or an array is frozen. How often an array was updated is in
    that array's own leaf (the powers of beta), which then stands still.
    """

    step: int = 0
    global_norm: float = math.nan


class OptimizerState:
    """The optimiser's state of a model or of a part of it.

    Attributes
    ----------
    step : int
        Steps so far, by which schedules go.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import optim
    >>> state = optim.setup(optim.SGD(0.1), {"w": np.ones(2), "b": np.zeros(1)})
    >>> state.w
    Leaf(SGD(lr=0.1, momentum=0), velocity=[2])
    >>> [path for path, leaf in state["*"]]
    ['w', 'b']
    """

    __slots__ = ("_clock", "_leaves", "_prefix")

    def __init__(
        self, leaves: dict[str, Leaf], clock: Clock | None = None, prefix: str = ""
    ) -> None:
        self._leaves, self._clock, self._prefix = leaves, clock or Clock(), prefix

    @property
    def step(self) -> int:
        """Steps of the whole state so far; the next one uses ``schedule(step + 1)``."""
        return self._clock.step

    @step.setter
    def step(self, value: int) -> None:
        self._clock.step = value

    @property
    def global_norm(self) -> float:
        """The norm that `optim.ClipGlobalNorm` saw last; NaN if it never did."""
        return self._clock.global_norm

    def note_global_norm(self, norms: Iterable[float | None]) -> None:
        """Keep the norm of an update, if one was taken."""
        found = [norm for norm in norms if norm is not None]
        if found:
            self._clock.global_norm = found[0]

    @property
    def prefix(self) -> str:
        """The path of this part in the whole state, "" for the whole."""
        return self._prefix

    def places(self) -> dict[str, Leaf]:
        """Return the leaf at every path, tied ones at each of their places; paths from the root."""
        return dict(self._leaves)

    def leaves(self) -> list[tuple[str, Leaf]]:
        """Return (path, leaf) pairs, a tied leaf once under its first path."""
        seen: set[int] = set()
        found = []
        for path, leaf in self._leaves.items():
            if id(leaf) not in seen:
                seen.add(id(leaf))
                found.append((path, leaf))
        return found

    def __iter__(self) -> Iterator[tuple[str, Leaf]]:
        return iter(self.leaves())

    def __len__(self) -> int:
        return len(self.leaves())

    def copy(self) -> OptimizerState:
        """Return an independent state with the same ties."""
        twins = {id(leaf): leaf.copy() for leaf in self._leaves.values()}
        leaves = {path: twins[id(leaf)] for path, leaf in self._leaves.items()}
        return OptimizerState(leaves, Clock(self.step, self.global_norm), self._prefix)

    # Parts ----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._part(name, AttributeError)

    def __getitem__(self, key: int | str) -> Any:
        return self._part(str(key), KeyError)

    def _part(self, key: str, error: type[Exception]) -> Any:
        target = f"{self._prefix}.{key}" if self._prefix else key
        if target in self._leaves:
            return self._leaves[target]
        chosen = {p: leaf for p, leaf in self._leaves.items() if p.startswith(target + ".")}
        if chosen:
            return OptimizerState(chosen, self._clock, target)
        if any(letter in key for letter in "*?["):
            chosen = {p: leaf for p, leaf in self._leaves.items() if matches(p, target)}
            if chosen:
                return OptimizerState(chosen, self._clock, self._prefix)
        raise error(
            refusal(
                "optimiser state",
                "a path, a part of one or a pattern that exists",
                repr(key),
                did_you_mean(target, self._known()),
            )
        )

    def _known(self) -> list[str]:
        known: list[str] = []
        for path in self._leaves:
            parts = path.split(".")
            known += [".".join(parts[: i + 1]) for i in range(len(parts))]
        return list(dict.fromkeys(known))

    def __dir__(self) -> list[str]:
        start = len(self._prefix) + 1 if self._prefix else 0
        names = {path[start:].split(".")[0] for path in self._leaves}
        return sorted({*super().__dir__(), *(n for n in names if n.isidentifier())})

    def __repr__(self) -> str:
        rows = [f"  {path}: {leaf!r}" for path, leaf in self._leaves.items()]
        return "\n".join([f"OptimizerState(step={self.step})", *rows])


def matches(path: str, pattern: str) -> bool:
    """Whether a dotted path or a branch above it matches a pattern, part by part.

    Examples
    --------
    >>> matches("layers.0.bias", "layers.*.bias"), matches("layers.0.bias", "layers.*")
    (True, True)
    """
    parts, wanted = path.split("."), pattern.split(".")
    return len(wanted) <= len(parts) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=False)
    )
