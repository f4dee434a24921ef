"""Captured: a tree of data, or a function with what it captured, as arrays and the rest.

The arrays are inputs of a recording: other arrays of the same shapes need no new one. The rest
is its key: structure, code, numbers, and other objects by identity. A recording works on copies of
the containers and cells that a function captured; when it changed one, the function has an
effect that a program would not have, and is not recorded.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tensor import Tensor
from interactive_train.program.program import Home
from interactive_train.program.recorder import Recorder

Build = Callable[["_Given"], Any]


@dataclass
class Captured:
    """What `capture` found.

    Attributes
    ----------
    key : hashable
        Equal for two things that one recording serves.
    arrays : list of ndarray
    tensors : list of Tensor
        Tensors whose value is not known yet.
    numbers : list of float
        Numbers of data, if they were asked for.
    build : callable
    """

    key: Any
    arrays: list[NDArray[Any]]
    tensors: list[Tensor]
    numbers: list[float]
    build: Build

    @property
    def batch(self) -> int:
        """The first extent of the first array: how many examples there are; 0 without one."""
        return self.arrays[0].shape[0] if self.arrays and self.arrays[0].ndim else 0

    def rebuild(
        self, arrays: list[Any], tensors: list[Any] | None = None, numbers: list[Any] | None = None
    ) -> Any:
        """Return the whole with other values for arrays, tensors and numbers, in their order."""
        return self.build(_Given(arrays, tensors or [], numbers or []))

    def ghosts(
        self, recorder: Recorder, name: str, batched: bool = False, numbers: list[Any] | None = None
    ) -> tuple[Any, Callable[[], str]]:
        """Return the whole with inputs of a recording, at homes ``name.0, ...``, for arrays.

        Returns
        -------
        (object, callable)
            The callable says which captured thing was changed meanwhile, "" for none.
        """
        values = []
        for number, array in enumerate(self.arrays):
            along = batched and bool(array.ndim) and array.shape[0] == self.batch
            ghost: Any = recorder.input(array.shape, array.dtype, Home(f"{name}.{number}"), along)
            values.append(Tensor.wrap(ghost))
        given = _Given(values, list(self.tensors), numbers or list(self.numbers))
        return self.build(given), given.changed


class _Given:
    """Values on their way into a copy, and what in the copy must stay as it is."""

    def __init__(self, arrays: list[Any], tensors: list[Any], numbers: list[Any]) -> None:
        self.arrays, self.tensors, self.numbers = iter(arrays), iter(tensors), iter(numbers)
        self._watched: list[tuple[str, Callable[[], list[Any]], list[Any]]] = []

    def watch(self, what: str, contents: Callable[[], list[Any]]) -> None:
        """Note what a copy holds now."""
        self._watched.append((what, contents, contents()))

    def changed(self) -> str:
        """Return what holds something else by now."""
        for what, contents, before in self._watched:
            now = contents()
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
                return what
        return ""


def capture(thing: Any, numbers: bool = False) -> Captured:
    """Take data or a function apart.

    Parameters
    ----------
    thing : object
    numbers : bool
        Whether floats are values, too, as in data; else they are part of the key.

    Examples
    --------
    >>> found = capture((np.ones(3), {"y": np.zeros(2, np.int64)}, 0.5))
    >>> [a.shape for a in found.arrays], found.rebuild([1, 2])
    ([(3,), (2,)], (1, {'y': 2}, 0.5))
    """
    taking = _Taking(numbers)
    key, build = taking.apart(thing, ())
    return Captured(key, taking.arrays, taking.tensors, taking.numbers, build)


class _Taking:
    def __init__(self, floats: bool) -> None:
        self.arrays: list[NDArray[Any]] = []
        self.tensors: list[Tensor] = []
        self.numbers: list[float] = []
        self._floats = floats

    def apart(self, thing: Any, within: tuple[int, ...]) -> tuple[Any, Build]:
        """Return the key of a thing, and how to build a copy of it."""
        if id(thing) in within:  # a function that calls itself, a list that holds itself
            return ("object", id(thing)), lambda given: thing
        inner = (*within, id(thing))
        if isinstance(thing, Tensor):
            if not thing.known or thing.node is not None:
                self.tensors.append(thing)
                return ("tensor", thing.spec), lambda given: next(given.tensors)
            thing = thing.data
        if isinstance(thing, np.ndarray) and thing.dtype.kind in "fiub":
            array = _computable(thing)
            self.arrays.append(array)
            return ("array", array.shape, array.dtype.char), lambda given: next(given.arrays)
        if self._floats and isinstance(thing, (float, np.floating)):
            self.numbers.append(float(thing))
            return ("number",), lambda given: next(given.numbers)
        if type(thing) is tuple:
            made = [self.apart(part, inner) for part in thing]
            key = ("tuple", *[k for k, _ in made])
            return key, lambda given: tuple([build(given) for _, build in made])
        if type(thing) is list:
            return self._list(thing, inner)
        if type(thing) is dict:
            return self._dict(thing, inner)
        if isinstance(thing, types.FunctionType) and (thing.__closure__ or not _is_ours(thing)):
            return self._function(thing, inner)
        if isinstance(thing, (int, float, str, bytes, type(None), np.generic)):
            return (type(thing).__name__, thing), lambda given: thing
        return ("object", id(thing)), lambda given: thing

    def _list(self, thing: list[Any], within: tuple[int, ...]) -> tuple[Any, Build]:
        made = [self.apart(part, within) for part in thing]

        def build(given: _Given) -> list[Any]:
            copy = [part(given) for _, part in made]
            given.watch("a list", lambda: list(copy))
            return copy

        return ("list", *[k for k, _ in made]), build

    def _dict(self, thing: dict[Any, Any], within: tuple[int, ...]) -> tuple[Any, Build]:
        named = {name: self.apart(part, within) for name, part in thing.items()}

        def build(given: _Given) -> dict[Any, Any]:
            copy = {name: part(given) for name, (_, part) in named.items()}
            given.watch("a dict", lambda: list(copy.values()))
            return copy

        return ("dict", *[(name, k) for name, (k, _) in named.items()]), build

    def _function(self, function: types.FunctionType, within: tuple[int, ...]) -> tuple[Any, Build]:
        """Take a function apart: its code, its cells and defaults, the globals that it reads."""
        cells = [_content(cell) for cell in function.__closure__ or ()]
        defaults = list(function.__defaults__ or ())
        named = dict(function.__kwdefaults__ or {})
        names = [] if _is_ours(function) else _names(function.__code__)
        scope = function.__globals__
        read = {n: scope[n] for n in names if n in scope and _varies(scope[n])}
        before = self._floats
        self._floats = False
        made = [self.apart(x, within) for x in (*cells, *defaults, *named.values(), *read.values())]
        self._floats = before
        key = ("function", function.__code__, tuple(read), tuple(k for k, _ in made))
        if not made:
            return key, lambda given: function

        def build(given: _Given) -> Any:
            parts = [b(given) for _, b in made]
            at = len(cells)
            closure = tuple(types.CellType(v) for v in parts[:at])
            rest = at + len(defaults)
            others = dict(zip(named, parts[rest : rest + len(named)], strict=True))
            own = {**scope, **dict(zip(read, parts[rest + len(named) :], strict=True))}
            twin = types.FunctionType(
                function.__code__,
                own if read else scope,
                function.__name__,
                tuple(parts[at:rest]) or None,
                closure if function.__closure__ else None,
            )
            twin.__kwdefaults__ = others or None
            given.watch(
                f"a variable of {function.__name__!r}", lambda: [_content(c) for c in closure]
            )
            if read:
                given.watch(f"a global of {function.__name__!r}", lambda: [own[n] for n in read])
            return twin

        return key, build


def _is_ours(function: types.FunctionType) -> bool:
    return str(function.__module__ or "").split(".")[0] in ("interactive_train", "numpy")


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a cell that is still empty
        return None


def _names(code: types.CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return list(dict.fromkeys(names))


def _varies(value: Any) -> bool:
    """Whether a global is data or code of the user, which may be another one at the next step."""
    if isinstance(value, types.FunctionType):
        return not _is_ours(value)
    return isinstance(value, (np.ndarray, Tensor, int, float, list, dict)) and not isinstance(
        value, bool
    )


def _computable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in a type that kernels take; the conversion of eager execution."""
    if array.dtype.kind in "iu" and array.dtype != np.int64:
        return array.astype(np.int64)
    return np.ascontiguousarray(array)
