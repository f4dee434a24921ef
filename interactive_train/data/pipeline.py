"""Data: a pipeline of elements that can be passed again and again.

    data = Data.from_arrays(x, y).shuffle(0).map(augment, rng=True).batch(64)

A `Data` is a value but for one number, how many passes ``for`` loops have begun.
Trainers do not use that number: they ask `iterate` for a pass and a position,
and keep both with the training state, so that resume and rewind are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from interactive_train.data.consumers import Consumers
from interactive_train.data.elements import iterable_of
from interactive_train.data.prefetch import Prefetch
from interactive_train.data.prepare import prepared
from interactive_train.data.rows import Rows, arrays_of, rows_of
from interactive_train.data.sources import ArraySource, FunctionSource, ListSource, RepeatSource
from interactive_train.data.stage import Stage
from interactive_train.data.stream import IterableSource
from interactive_train.data.transforms import Batch, Map, Shuffle, batch_size, dropped
from interactive_train.runtime.checks import flag, function, shown, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


class Data(Consumers):
    """A pipeline; made by its constructors, changed by methods that return another one.

    Wherever an element is handed to a function, a tuple is splatted and anything
    else is one argument. ``for element in data`` is one pass; the next loop is the
    next pass, which a shuffled pipeline shows in another order.

    Examples
    --------
    >>> data = Data.from_list([1, 2, 3, 4, 5]).map(lambda v: v * 10).batch(2)
    >>> data
    Data.from_list([5 items]).map(<lambda>).batch(2)  # 3 elements a pass
    >>> data.to_list()
    [array([10, 20]), array([30, 40]), array([50])]
    """

    __slots__ = ()

    def __init__(self, stage: Stage) -> None:
        if not isinstance(stage, Stage):
            raise TypeError(
                refusal(
                    "Data",
                    "a pipeline is made by a constructor",
                    shown(stage),
                    "Write Data.from_arrays(x, y), from_list(items), from_fn(n, f), "
                    "repeat_value(n, value) or from_iterable(it).",
                )
            )
        self._stage = stage
        self._passes = 0

    # -- constructors

    @classmethod
    def from_arrays(cls, *arrays: Any) -> Data:
        """Return the rows ``x[i]`` of one array, or the tuples ``(x[i], y[i], ...)`` of several.

        Parameters
        ----------
        *arrays : array_like
            Arrays, lists of numbers, Series, DataFrames; equal first dimensions.
            They are held, not copied, unless their rows do not lie one after the other.

        Raises
        ------
        TypeError
            If one is no array of plain values with rows.
        ValueError
            If the first dimensions differ.

        Examples
        --------
        >>> for x, y in Data.from_arrays([0.5, 1.5], [0, 1]):
        ...     print(x, y)
        0.5 0
        1.5 1
        """
        return cls(ArraySource(arrays, "Data.from_arrays"))

    @classmethod
    def from_list(cls, items: Iterable[Any]) -> Data:
        """Return the items as they are; the list is copied, its items are not.

        Raises
        ------
        TypeError
            If `items` is a text or a dict, or cannot be iterated.
        """
        return cls(ListSource(list(iterable_of(items, "Data.from_list"))))

    @classmethod
    def from_fn(cls, n: int, f: Callable[[int], Any]) -> Data:
        """Return ``f(0), ..., f(n - 1)``, computed anew on every pass.

        Raises
        ------
        TypeError, ValueError
            If `n` is no integer of at least 0 or `f` no function.

        Examples
        --------
        >>> Data.from_fn(3, lambda i: i * i).to_list()
        [0, 1, 4]
        """
        return cls(FunctionSource(n, f, "Data.from_fn"))

    @classmethod
    def repeat_value(cls, n: int, value: Any) -> Data:
        """Return the same value n times.

        Raises
        ------
        TypeError, ValueError
            If `n` is no integer of at least 0.
        """
        return cls(RepeatSource(n, value, "Data.repeat_value"))

    @classmethod
    def from_iterable(cls, iterable: Iterable[Any]) -> Data:
        """Return what an iterable gives, asked anew on every pass.

        An iterator, a generator for example, is one-shot: it passes once, and a second
        pass is an error that says what to use instead.

        Raises
        ------
        TypeError
            If `iterable` is a text or a dict, or cannot be iterated.
        """
        return cls(IterableSource(iterable_of(iterable, "Data.from_iterable")))

    @staticmethod
    def prepare(
        *arrays: Any, batch_size: int = 64, shuffle: int | None = None, drop_last: bool = True
    ) -> Data:
        """Return batches of arrays; the same as `batches`, which documents it."""
        return Data(prepared(arrays, "batches", batch_size, shuffle, drop_last))

    # -- transformations

    def map(self, f: Callable[..., Any], *, rng: bool = False, seed: int = 0) -> Data:
        """Return the pipeline of ``f(element)``.

        Parameters
        ----------
        f : callable
            Called when an element is asked for, on every pass anew.
        rng : bool
            Whether `f` also gets ``rng=``, a `numpy.random.Generator` of its own for
            every element, keyed by the seed, the pass and the element's position: the
            same numbers whenever that element of that pass is asked for again.
        seed : int
            The seed of these generators.

        Examples
        --------
        >>> noisy = Data.from_arrays([1.0, 2.0]).map(
        ...     lambda x, *, rng: x + rng.normal(), rng=True, seed=7)
        >>> list(noisy.iterate(3, 1)) == list(noisy.iterate(3, 0))[1:]
        True
        """
        function(f, "f", "Data.map", fix="Give a function of an element.")
        if seed is None:
            raise TypeError(
                refusal("Data.map", "a seed is an integer", "None", "Give for example seed=0.")
            )
        Key.from_seed(seed, "Data.map, seed=")
        return Data(Map(self._stage, f, seed if flag(rng, "rng", "Data.map") else None))

    def batch(
        self,
        n: int,
        drop_last: bool = False,
        *,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> Data:
        """Return the pipeline of groups of n neighbours.

        Parameters
        ----------
        n : int
            How many elements make a batch.
        drop_last : bool
            Whether a shorter last batch is left out.
        collate : callable, optional
            What makes one batch of a list of elements; ``list`` keeps the list. When
            omitted, elements are stacked: arrays and numbers to an array, tuples and
            dicts part by part.

        Raises
        ------
        TypeError, ValueError
            If `n` is no positive integer, or if no batch would be left.

        Examples
        --------
        >>> Data.from_list([(1, "a"), (2, "b"), (3, "c")]).batch(2, collate=list).to_list()
        [[(1, 'a'), (2, 'b')], [(3, 'c')]]
        """
        return Data(Batch(self._stage, n, drop_last, collate, "Data.batch"))

    def map_batch(self, n: int, f: Callable[[list[Any]], Any], drop_last: bool = False) -> Data:
        """Return the pipeline of ``f([element, ...])`` of groups of n neighbours.

        Examples
        --------
        >>> Data.from_list([1, 2, 3]).map_batch(2, sum).to_list()
        [3, 3]
        """
        function(f, "f", "Data.map_batch", fix="Give a function of a list of elements.")
        return Data(Batch(self._stage, n, drop_last, f, "Data.map_batch"))

    def shuffle(self, seed: int | None) -> Data:
        """Return the pipeline in another order on every pass.

        The order is a pure function of seed and pass: a pipeline built again with the
        same seed gives the same orders.

        Parameters
        ----------
        seed : int or None
            An integer, 0 included; None leaves the order as it is.

        Raises
        ------
        TypeError
            If `seed` is a bool or no integer.
        ValueError
            If the elements come from an iterable, which has no indices.

        Examples
        --------
        >>> data = Data.from_list([10, 20, 30, 40]).shuffle(0)
        >>> data.to_list(), data.to_list()
        ([40, 10, 20, 30], [40, 20, 10, 30])
        """
        return Data(self._stage if seed is None else Shuffle(self._stage, seed))

    def prefetch(self, n: int = 2) -> Data:
        """Return the same pipeline, its next elements made ahead in a thread.

        Put it last: what stands before it (a slow `map`, an iterable that reads files) then runs
        while the consumer computes. Order, positions, errors and random numbers stay the
        same. The thread ends with the pass, or when the consumer drops the iterator;
        then it finishes the element that it is making.

        Parameters
        ----------
        n : int
            How many elements it may be ahead.

        Raises
        ------
        TypeError, ValueError
            If `n` is no positive integer.

        Examples
        --------
        >>> Data.from_list([1, 2, 3]).map(lambda v: v * 10).prefetch(2).to_list()
        [10, 20, 30]
        """
        return Data(Prefetch(self._stage, n, "Data.prefetch"))

    def with_batch_size(self, batch_size: int) -> Data:
        """Return the same pipeline with another size in its last batching.

        A position counts samples, so a pass that was begun with one size goes on with
        another where it stood.

        Raises
        ------
        ValueError
            If the pipeline does not batch, or shuffles batches.
        """
        changed = Data(self._stage.with_batch_size(batch_size, "Data.with_batch_size"))
        changed._passes = self._passes
        return changed

    # -- the pure protocol

    def iterate(self, pass_index: int = 0, position: int = 0) -> Iterator[Any]:
        """Return the elements of a pass from a position on; asking changes nothing.

        Parameters
        ----------
        pass_index : int
            Which pass, from 0.
        position : int
            How many samples of it were consumed already; see `next_position`.

        Raises
        ------
        TypeError, ValueError
            If one is no integer of at least 0.
        ValueError
            If the data is one-shot and this is not where it stands.

        Examples
        --------
        >>> data = Data.from_list([1, 2, 3, 4]).batch(2)
        >>> list(data.iterate(0, position=2))
        [array([3, 4])]
        """
        return self._stage.iterate(
            whole_number(pass_index, "pass_index", "Data.iterate", low=0),
            whole_number(position, "position", "Data.iterate", low=0),
        )

    def rows(self, pass_index: int = 0, position: int = 0) -> Rows | None:
        """Return the same elements as numbers of rows, if the pipeline only gathers rows.

        That is arrays, shuffled or not, in batches that are stacked; prefetching changes nothing.

        Parameters
        ----------
        pass_index, position : int
            As in `iterate`.

        Returns
        -------
        Rows or None
            None for every other pipeline.

        Raises
        ------
        TypeError, ValueError
            If one is no integer of at least 0.

        Examples
        --------
        >>> Data.from_arrays([0.1, 0.2, 0.3]).shuffle(0).batch(2).rows(0, position=1).order
        array([1, 2])
        >>> Data.from_arrays([0.1, 0.2, 0.3]).map(abs).batch(2).rows() is None
        True
        """
        return rows_of(
            self._stage,
            whole_number(pass_index, "pass_index", "Data.rows", low=0),
            whole_number(position, "position", "Data.rows", low=0),
        )

    def next_position(self, position: int) -> int:
        """Return the position after the element that starts at `position`.

        Examples
        --------
        >>> data = Data.from_list([1, 2, 3]).batch(2)
        >>> data.next_position(0), data.next_position(2)
        (2, 3)
        """
        return self._stage.next_position(position)

    @property
    def steps_per_pass(self) -> int | None:
        """How many elements a pass has; None where an iterable does not say."""
        return self._stage.size

    def steps_left(self, position: int) -> int | None:
        """Return how many elements a pass still has from a position on, None if it does not say.

        Examples
        --------
        >>> Data.from_list([1, 2, 3, 4, 5]).batch(2).steps_left(2)
        2
        """
        return self._stage.remaining(position)

    @property
    def batch_size(self) -> int | None:
        """How many samples the last batching takes together; None without one."""
        return batch_size(self._stage)

    @property
    def dropped(self) -> int:
        """How many elements a pass leaves out because they fill no batch.

        Examples
        --------
        >>> Data.from_list([1, 2, 3]).batch(2, drop_last=True).dropped
        1
        """
        return dropped(self._stage)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays that the pipeline begins with, as they are held; none for other sources.

        Examples
        --------
        >>> Data.from_arrays([0.5, 1.5]).shuffle(0).batch(2).arrays
        (array([0.5, 1.5]),)
        """
        return arrays_of(self._stage)

    @property
    def is_one_shot(self) -> bool:
        """Whether the elements come from an iterator, which passes only once."""
        return self._stage.one_shot

    def __repr__(self) -> str:
        size = "an unknown number of" if self._stage.size is None else self._stage.size
        return f"{self._stage.text}  # {size} elements a pass"
