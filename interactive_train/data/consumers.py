"""Consumers: what passes over a pipeline, and counts its passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from interactive_train.data.elements import call_with
from interactive_train.data.stage import Stage
from interactive_train.runtime.checks import function
from interactive_train.runtime.errors import refusal


class Consumers:
    """The part of `Data` that begins passes; `iterate` is what the rest of it provides."""

    __slots__ = ("_passes", "_stage")

    _stage: Stage
    _passes: int
    iterate: Callable[..., Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        """Begin the next pass."""
        elements = self.iterate(self._passes)
        self._passes += 1
        return elements

    def __len__(self) -> int:
        """Return how many elements a pass has."""
        if self._stage.size is None:
            raise TypeError(
                refusal(
                    "len(data)",
                    "the number of elements must be known",
                    repr(self),
                    "steps_per_pass is None for such data; count while iterating.",
                )
            )
        return self._stage.size

    def __bool__(self) -> bool:
        return True  # that a pass is empty does not make the pipeline nothing

    @property
    def passes(self) -> int:
        """How many passes ``for``, `fold` and `to_list` have begun since the last `reset`."""
        return self._passes

    def reset(self) -> None:
        """Begin again with the first pass, and so with its order.

        Raises
        ------
        ValueError
            By the next loop, if the data is one-shot and was begun.
        """
        self._passes = 0

    def fold(self, f: Callable[..., Any], init: Any) -> Any:
        """Return ``f(... f(f(init, first), second) ..., last)`` over one pass.

        Examples
        --------
        >>> from interactive_train.data import Data
        >>> Data.from_arrays([1, 2], [10, 20]).fold(lambda total, x, y: total + int(x * y), 0)
        50
        """
        function(f, "f", "Data.fold")
        for element in self:
            init = call_with(f, element, init)
        return init

    def to_list(self) -> list[Any]:
        """Return the elements of one pass as a list."""
        return list(iter(self))
