"""The links that a pipeline is made of, and the protocol that each of them keeps.

A pass is numbered from 0 and is a pure function of its number: asked twice for
pass 3 from position 128, a stage gives the same elements (but for a one-shot
iterator, which says so). A position counts samples, the elements below any
batching, so that it stays true when the batch size changes. Nobody but the consumer
counts: it takes an element, then moves on by `Stage.next_position`; what a
pipeline was asked for and never consumed leaves no trace.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interactive_train.data.elements import stack
from interactive_train.runtime.errors import refusal

Indices: TypeAlias = NDArray[np.int64]


class Stage(ABC):
    """One link: a source, or a transformation of the stage before it."""

    text: str  # the calls that make the pipeline up to here
    size: int | None  # elements in a pass; None where nobody can know
    indexed: bool  # any element can be taken by its index
    one_shot: bool  # passes once only
    unit: bool  # one of its elements is one sample: position i is element i

    @abstractmethod
    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the elements at these indices of a pass; only where `indexed`."""

    def take_stacked(self, pass_index: int, indices: Indices) -> Any:
        """Return the elements at these indices as one batch; only where `indexed`."""
        return stack(self.take(pass_index, indices))

    def iterate(self, pass_index: int, position: int) -> Iterator[Any]:
        """Return the elements of a pass from a position on."""
        assert self.size is not None  # streams have their own
        for index in range(position, self.size):
            yield self.take(pass_index, np.array([index]))[0]

    def next_position(self, position: int) -> int:
        """Return the position after the element that starts at `position`."""
        return position + 1 if self.size is None else min(position + 1, self.size)

    def remaining(self, position: int) -> int | None:
        """Return how many elements a pass still has from a position on; None if nobody knows."""
        if self.size is None:
            return None
        return max(0, self.size - -(-position // max(1, self.next_position(0))))

    def position_of(self, index: int) -> int:
        """Return the position at which the element with this index starts."""
        return index

    def with_batch_size(self, batch_size: int, where: str) -> Stage:
        """Return the pipeline with another size in its last batching."""
        raise ValueError(
            refusal(
                where,
                "only a pipeline that batches, and does not shuffle after that, can change "
                "its batch size",
                self.text,
                "End it with .batch(n), or use it.batches(x, y, batch_size=n).",
            )
        )
