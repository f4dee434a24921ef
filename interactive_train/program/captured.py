"""Captured: a tree of data, or a function with what it captured, as arrays and the rest.

The arrays are inputs of a recording: other arrays of the same shapes need no new one. The rest
is its key: structure, code, numbers, and other objects by identity.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.tensor import Tensor
from interactive_train.program.program import Home
from interactive_train.program.recorder import Recorder


@dataclass
class Captured:
    """What `capture` found.

    Attributes
    ----------
    key : hashable
        Equal for two things that one recording serves.
    arrays : list of ndarray
    tensors : list of Tensor
        Tensors that were found, ghosts among them.
    rebuild : callable
        From values for the arrays and for the tensors, in the order found, to the whole.
    """

    key: Any
    arrays: list[NDArray[Any]] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    rebuild: Callable[..., Any] = lambda arrays, tensors=(): None

    @property
    def batch(self) -> int:
        """The first extent of the first array: how many examples there are; 0 without one."""
        return self.arrays[0].shape[0] if self.arrays and self.arrays[0].ndim else 0

    def ghosts(self, recorder: Recorder, name: str, batched: bool = False) -> Any:
        """Return the whole with inputs of a recording, at homes ``name.0, ...``, for arrays."""
        values = []
        for number, array in enumerate(self.arrays):
            along = batched and bool(array.ndim) and array.shape[0] == self.batch
            ghost: Any = recorder.input(array.shape, array.dtype, Home(f"{name}.{number}"), along)
            values.append(Tensor.wrap(ghost))
        return self.rebuild(values, self.tensors)


def capture(thing: Any) -> Captured:
    """Take data or a function apart.

    Examples
    --------
    >>> found = capture((np.ones(3), {"y": np.zeros(2, np.int64)}, 0.5))
    >>> [a.shape for a in found.arrays], found.rebuild([1, 2])
    ([(3,), (2,)], (1, {'y': 2}, 0.5))
    """
    arrays: list[NDArray[Any]] = []
    tensors: list[Tensor] = []
    key, build = _taken_apart(thing, arrays, tensors, ())
    return Captured(
        key, arrays, tensors, lambda given, others=(): build((iter(given), iter(others)))
    )


Build = Callable[[Any], Any]  # of (iterator over arrays, iterator over tensors)


def _taken_apart(
    thing: Any, arrays: list[NDArray[Any]], tensors: list[Tensor], within: tuple[int, ...]
) -> tuple[Any, Build]:
    def part(inner: Any) -> tuple[Any, Build]:
        return _taken_apart(inner, arrays, tensors, (*within, id(thing)))

    if id(thing) in within:  # a function that calls itself
        return ("object", id(thing)), lambda values: thing
    if isinstance(thing, Tensor) and not (thing.known and thing.node is None):
        tensors.append(thing)
        return ("tensor", thing.spec), lambda values: next(values[1])
    if isinstance(thing, Tensor):
        thing = thing.data
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "fiub":
        array = _computable(thing)
        arrays.append(array)
        return ("array", array.shape, array.dtype.char), lambda values: next(values[0])
    if type(thing) in (tuple, list):
        made = [part(inner) for inner in thing]
        kind = type(thing)
        return (
            (kind.__name__, *[k for k, _ in made]),
            lambda values: kind([build(values) for _, build in made]),
        )
    if type(thing) is dict:
        named = {name: part(inner) for name, inner in thing.items()}
        return (
            ("dict", *[(name, k) for name, (k, _) in named.items()]),
            lambda values: {name: build(values) for name, (_, build) in named.items()},
        )
    if isinstance(thing, types.FunctionType) and (thing.__closure__ or not _is_ours(thing)):
        return _function(thing, part)
    if isinstance(thing, (int, float, str, bytes, bool, type(None), np.generic)):
        return (type(thing).__name__, thing), lambda values: thing
    return ("object", id(thing)), lambda values: thing


def _is_ours(function: types.FunctionType) -> bool:
    return str(function.__module__ or "").split(".")[0] in ("interactive_train", "numpy")


def _function(
    function: types.FunctionType, part: Callable[[Any], tuple[Any, Build]]
) -> tuple[Any, Build]:
    """Take a function apart: its code, what its cells and defaults hold, what globals it reads."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    defaults = list(function.__defaults__ or ())
    named = dict(function.__kwdefaults__ or {})
    read = {
        name: function.__globals__[name]
        for name in _names(function.__code__)
        if name in function.__globals__ and _varies(function.__globals__[name])
    }
    if _is_ours(function):
        read = {}
    own = function
    parts = [part(inner) for inner in (*cells, *defaults, *named.values(), *read.values())]
    key = ("function", own.__code__, tuple(read), tuple(k for k, _ in parts))
    if all(k[0] == "object" or _is_plain(k) for k, _ in parts):
        return key, lambda values: own

    def build(values: Any) -> Any:
        made = [b(values) for _, b in parts]
        at = len(cells)
        closure = tuple(types.CellType(v) for v in made[:at]) if own.__closure__ else None
        given = tuple(made[at : at + len(defaults)])
        at += len(defaults)
        others = dict(zip(named, made[at : at + len(named)], strict=True))
        at += len(named)
        scope = own.__globals__
        if read:
            scope = {**scope, **dict(zip(read, made[at:], strict=True))}
        twin = types.FunctionType(own.__code__, scope, own.__name__, given or None, closure)
        twin.__kwdefaults__ = others or None
        return twin

    return key, build


def _is_plain(key: Any) -> bool:
    return key[0] in ("int", "float", "str", "bytes", "bool", "NoneType")


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
    return isinstance(value, (np.ndarray, Tensor, int, float)) and not isinstance(value, bool)


def _computable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in a type that kernels take; the conversion of eager execution."""
    if array.dtype.kind in "iu" and array.dtype != np.int64:
        return array.astype(np.int64)
    return np.ascontiguousarray(array)
