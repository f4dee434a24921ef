"""Where streamed pipelines begin: any iterable, in the order in which it comes.

Something that can be iterated again and again (another library's loader, an own
class) is asked for a new iterator on every pass, and what lies before the
position is skipped. An iterator (a generator, a file) is one-shot: it passes
once, and every later request is an error instead of a silently empty epoch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from interactive_train.data.stage import Indices, Stage
from interactive_train.runtime.errors import refusal


class IterableSource(Stage):
    """The elements of an iterable."""

    indexed = False
    unit = True

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.iterable = iterable
        self.one_shot = isinstance(iterable, Iterator)
        self.size = None if self.one_shot else _length(iterable)
        self.consumed = 0  # of a one-shot iterator
        self.exhausted = False
        self.text = f"Data.from_iterable({type(self.iterable).__name__})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Refuse: a stream has no indices, and `indexed` says so."""
        raise NotImplementedError("a stream has no indices")

    def iterate(self, pass_index: int, position: int) -> Iterator[Any]:
        """Return what the iterable gives, after the first `position` elements."""
        if not self.one_shot:
            return itertools.islice(iter(self.iterable), position, None)
        if self.exhausted and pass_index == 0 and position >= self.consumed:
            return iter(())
        if pass_index != 0 or position != self.consumed:
            raise ValueError(
                refusal(
                    "Data",
                    f"a one-shot {type(self.iterable).__name__} passes only once",
                    f"a request for pass {pass_index + 1} from position {position} after "
                    f"{self.consumed} of its elements were consumed",
                    "Use something that can be iterated again: arrays (it.batches), a list "
                    "(it.Data.from_list), or a function of the index (it.Data.from_fn).",
                )
            )
        return self._once()

    def _once(self) -> Iterator[Any]:
        """Go on with the one-shot iterator, counting what it gives."""
        for element in self.iterable:
            self.consumed += 1
            yield element
        self.exhausted = True


def _length(iterable: Iterable[Any]) -> int | None:
    """Return how many elements an iterable says it has, if it does."""
    if not isinstance(iterable, Sized):
        return None
    try:
        return len(iterable)
    except TypeError:  # a loader over a stream
        return None
