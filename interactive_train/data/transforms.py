"""What stands between source and consumer: map, shuffle, batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from interactive_train.data.elements import call_with, stack
from interactive_train.data.stage import Indices, Stage
from interactive_train.runtime.checks import flag, function, name_of, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


class Transform(Stage):
    """A stage that asks another one; what it does not change it passes on."""

    def __init__(self, upstream: Stage) -> None:
        self.upstream = upstream
        self.size = upstream.size
        self.indexed = upstream.indexed
        self.one_shot = upstream.one_shot
        self.unit = upstream.unit


class Map(Transform):
    """A function of each element, called when the element is asked for.

    With `seed`, it also gets ``rng=``, a generator of its own for every element:
    keyed by the seed, the pass, the element's position, and how many such maps come before.
    """

    def __init__(self, upstream: Stage, f: Callable[..., Any], seed: int | None) -> None:
        super().__init__(upstream)
        self.f = f
        self.seed = seed
        self.key = None
        if seed is not None:
            self.key = Key.from_seed(seed, "Data.map").fold("data.map", _random_maps(upstream))
        random = "" if self.seed is None else f", rng=True, seed={self.seed}"
        self.text = f"{self.upstream.text}.map({name_of(self.f)}{random})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the function of the elements with these indices."""
        elements = self.upstream.take(pass_index, indices)
        return [
            self._call(element, pass_index, self.position_of(int(index)))
            for element, index in zip(elements, indices, strict=True)
        ]

    def iterate(self, pass_index: int, position: int) -> Iterator[Any]:
        """Return the function of each element from a position on."""
        return self._mapped(self.upstream.iterate(pass_index, position), pass_index, position)

    def _mapped(self, elements: Iterator[Any], pass_index: int, position: int) -> Iterator[Any]:
        for element in elements:
            yield self._call(element, pass_index, position)
            position = self.next_position(position)

    def _call(self, element: object, pass_index: int, position: int) -> Any:
        try:
            if self.key is None:
                return call_with(self.f, element)
            bits = np.random.Philox(key=self.key.fold(pass_index, position).words())
            return call_with(self.f, element, rng=np.random.Generator(bits))
        except Exception as error:
            error.add_note(
                f"Data.map: in {name_of(self.f)}, pass {pass_index + 1}, position {position}"
            )
            raise

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
        return Map(self.upstream.with_batch_size(batch_size, where), self.f, self.seed)


class Shuffle(Transform):
    """The same elements in another order on every pass, a pure function of seed and pass."""

    def __init__(self, upstream: Stage, seed: int) -> None:
        super().__init__(upstream)
        where = "Data.shuffle"
        key = Key.from_seed(seed, where)
        if not upstream.indexed or upstream.size is None:
            raise ValueError(
                refusal(
                    where,
                    "only data whose elements can be taken in any order can be shuffled",
                    upstream.text,
                    "Shuffle before .prefetch(n), or make a list of it first: "
                    "it.Data.from_list(list(...)).shuffle(seed).",
                )
            )
        self.unit = True  # after a batch, a position here counts batches
        self.size: int = upstream.size
        self.seed = seed
        self.key = key.fold("data.shuffle")
        self.known: tuple[int, Indices] | None = None  # the last pass asked for, and its order
        self.text = f"{self.upstream.text}.shuffle({self.seed})"

    def order(self, pass_index: int) -> Indices:
        """Return the permutation of a pass."""
        known = self.known
        if known is None or known[0] != pass_index:
            known = (pass_index, self.key.fold(pass_index).permutation(self.size))
            self.known = known
        return known[1]

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the elements that stand at these indices of the pass's order."""
        return self.upstream.take(pass_index, self.order(pass_index)[indices])

    def take_stacked(self, pass_index: int, indices: Indices) -> Any:
        """Return them stacked, gathered in one go."""
        return self.upstream.take_stacked(pass_index, self.order(pass_index)[indices])


class Batch(Transform):
    """Groups of n neighbours, made one by `collate` (stacked when None)."""

    def __init__(
        self,
        upstream: Stage,
        n: object,
        drop_last: object,
        collate: Callable[[list[Any]], Any] | None,
        where: str,
        name: str = "n",
    ) -> None:
        super().__init__(upstream)
        self.n = whole_number(n, name, where)
        self.drop_last = flag(drop_last, "drop_last", where)
        self.collate = collate
        if collate is not None:
            function(collate, "collate", where, fix="Give list, or a function of a list.")
        self.unit = False
        if upstream.size is not None:
            whole, rest = divmod(upstream.size, self.n)
            self.size = whole if self.drop_last or not rest else whole + 1
            if not self.size and upstream.size:
                raise ValueError(
                    refusal(
                        where,
                        f"with drop_last=True {name} is at most the number of examples",
                        f"{name}={self.n} for {upstream.size} of them, which leaves no batch",
                        f"Give {name}={upstream.size}, or drop_last=False.",
                    )
                )
        options = ", drop_last=True" if self.drop_last else ""
        if self.collate is not None:
            options += f", collate={name_of(self.collate)}"
        self.text = f"{self.upstream.text}.batch({self.n}{options})"

    def take(self, pass_index: int, indices: Indices) -> list[Any]:
        """Return the batches with these indices."""
        return [self._group(pass_index, int(index) * self.n) for index in indices]

    def iterate(self, pass_index: int, position: int) -> Iterator[Any]:
        """Return batches of the elements from a position on."""
        size = self.upstream.size
        if self.upstream.indexed and self.upstream.unit and size is not None:
            end = size - self.n + 1 if self.drop_last else size
            return (self._group(pass_index, i) for i in range(position, end, self.n))
        return self._streamed(self.upstream.iterate(pass_index, position))

    def _group(self, pass_index: int, begin: int) -> Any:
        """Return the batch of the upstream elements from `begin` on."""
        assert self.upstream.size is not None
        indices = np.arange(begin, min(begin + self.n, self.upstream.size))
        if self.collate is None:
            return self.upstream.take_stacked(pass_index, indices)
        return self.collate(self.upstream.take(pass_index, indices))

    def _streamed(self, elements: Iterator[Any]) -> Iterator[Any]:
        while group := list(itertools.islice(elements, self.n)):
            if len(group) == self.n or not self.drop_last:
                yield stack(group) if self.collate is None else self.collate(group)

    def next_position(self, position: int) -> int:
        """Return the position after as many samples as the element holds."""
        if self.upstream.unit:
            size = self.upstream.size
            return position + self.n if size is None else min(position + self.n, size)
        for _ in range(self.n):
            position = self.upstream.next_position(position)
        return position

    def remaining(self, position: int) -> int | None:
        """Return how many batches a pass still has, also where another size came before."""
        if not self.upstream.unit or self.upstream.size is None:
            return super().remaining(position)
        whole, rest = divmod(max(0, self.upstream.size - position), self.n)
        return whole if self.drop_last or not rest else whole + 1

    def position_of(self, index: int) -> int:
        """Return the position, below the batching, at which an element starts."""
        return self.upstream.position_of(index * self.n)

    def with_batch_size(self, batch_size: int, where: str) -> Stage:
        """Return this pipeline with another size in its last batching."""
        return Batch(
            self.upstream, batch_size, self.drop_last, self.collate, where, "the batch size"
        )


def batch_size(stage: Stage) -> int | None:
    """Return the size of the last batching; None where elements are no batches."""
    while isinstance(stage, Transform) and not isinstance(stage, (Batch, Shuffle)):
        stage = stage.upstream
    return stage.n if isinstance(stage, Batch) else None


def dropped(stage: Stage) -> int:
    """Return how many elements a pass leaves out because they fill no batch."""
    count = 0
    while isinstance(stage, Transform):
        if isinstance(stage, Batch) and stage.drop_last and stage.upstream.size is not None:
            count += stage.upstream.size % stage.n
        stage = stage.upstream
    return count


def _random_maps(stage: Stage) -> int:
    """Return how many maps with a generator a pipeline has."""
    count = 0
    while isinstance(stage, Transform):
        count += isinstance(stage, Map) and stage.seed is not None
        stage = stage.upstream
    return count
