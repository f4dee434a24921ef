"""Prefetch: the next elements are made by a thread while the consumer uses this one.

The thread runs ahead by at most n elements, so what it was asked for and nobody consumed is
bounded, and forgotten when the consumer stops. Only a one-shot iterator cannot be asked again:
what was fetched from one is kept for whoever goes on at that position.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

from interactive_train.data.stage import Indices, Stage
from interactive_train.data.transforms import Transform
from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal

ELEMENT, ERROR, END = "element", "error", "end"
Item = tuple[str, Any]


class Prefetch(Transform):
    """The elements of the stage before, in the same order, fetched ahead by a thread."""

    def __init__(self, upstream: Stage, n: object, where: str) -> None:
        super().__init__(upstream)
        self.n = whole_number(n, "n", where)
        self.indexed = False  # who batches or maps afterwards shall ask for a stream
        self.left: deque[Item] = deque()  # fetched from a one-shot iterator and not consumed
        self.left_at = 0  # the position of the first of them
        self.text = f"{upstream.text}.prefetch({self.n})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Refuse: a stream has no indices, and `indexed` says so."""
        raise NotImplementedError("prefetched elements have no indices")

    def iterate(self, pass_index: int, position: int) -> Iterator[Any]:
        """Return the elements of a pass from a position on; the first one starts the thread."""
        if not self.left:
            return self._consumed(self.upstream.iterate(pass_index, position), position)
        if pass_index != 0 or position != self.left_at:
            raise ValueError(
                refusal(
                    "Data",
                    "one-shot data passes only once",
                    f"a request for pass {pass_index + 1} from position {position} after "
                    f"{self.left_at} of its elements were consumed",
                    "Use something that can be iterated again: arrays (it.batches), a list "
                    "(it.Data.from_list), or a function of the index (it.Data.from_fn).",
                )
            )
        return self._consumed(None, position)

    def _consumed(self, elements: Iterator[Any] | None, position: int) -> Iterator[Any]:
        """Start the thread, yield what it fetches, and end it, however the consumer ends."""
        channel = Channel(self.n, self.left)
        self.left = deque()
        if elements is None:
            reached = position
            for kind, _ in channel.items:
                reached = self.next_position(reached) if kind == ELEMENT else reached
            ended = channel.items[-1][0] != ELEMENT
            elements = iter(()) if ended else self.upstream.iterate(0, reached)
        thread = threading.Thread(
            target=copy_context().run,
            args=(channel.fill, elements),
            name="interactive-train prefetch",
            daemon=True,
        )
        thread.start()
        try:
            while True:
                kind, value = channel.get()
                if kind == END:
                    return
                if kind == ERROR:
                    raise value
                position = self.next_position(position)
                yield value
        finally:
            value = None  # an error and its traceback would keep each other
            channel.close()
            if thread is not threading.current_thread():  # a finaliser may run anywhere
                thread.join()
            if self.one_shot:
                self.left, self.left_at = channel.items, position

    def next_position(self, position: int) -> int:
        """Return the position after as many samples as the element holds."""
        return self.upstream.next_position(position)

    def remaining(self, position: int) -> int | None:
        """Return how many elements a pass still has from a position on."""
        return self.upstream.remaining(position)

    def position_of(self, index: int) -> int:
        """Return the position, below the batching, at which an element starts."""
        return self.upstream.position_of(index)

    def with_batch_size(self, batch_size: int, where: str) -> Stage:
        """Return this pipeline with another size in its last batching."""
        if self.one_shot:
            raise ValueError(
                refusal(
                    where,
                    "batches that were fetched ahead of a one-shot iterator keep their size",
                    self.text,
                    "Leave .prefetch(n) out.",
                )
            )
        return Prefetch(self.upstream.with_batch_size(batch_size, where), self.n, where)


class Channel:
    """Between the thread and the consumer: at most n items, in order.

    Parameters
    ----------
    n : int
        How far the thread may run ahead.
    items : deque
        What was fetched before.
    """

    def __init__(self, n: int, items: deque[Item]) -> None:
        self.n = n
        self.items = items
        self.closed = False
        self.changed = threading.Condition()

    def fill(self, elements: Iterator[Any]) -> None:
        """Fetch until the elements or the consumer end; an error is fetched, too."""
        try:
            while self._room():
                try:
                    item = (ELEMENT, next(elements))
                except StopIteration:
                    item = (END, None)
                except BaseException as error:
                    item = (ERROR, error)
                with self.changed:
                    self.items.append(item)
                    self.changed.notify_all()
                if item[0] != ELEMENT:
                    return
        finally:
            close = getattr(elements, "close", None)
            if close is not None:  # a generator, in the thread that ran it
                close()

    def get(self) -> Item:
        """Return the next item, waiting for it."""
        with self.changed:
            self.changed.wait_for(lambda: self.items)
            item = self.items.popleft()
            self.changed.notify_all()
            return item

    def close(self) -> None:
        """Tell the thread to fetch nothing more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _room(self) -> bool:
        """Wait until an item may be fetched; return whether one is still wanted."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or len(self.items) < self.n)
            return not self.closed
