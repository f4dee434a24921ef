"""Trees of arrays: models, gradients and states as nested containers with dotted paths.

A container is a dict, a list, a tuple, a named tuple, a dataclass or an object with
``tree_children`` and ``tree_rebuild`` (every `nn.Module`). A leaf is what has a shape
and a dtype; numbers, strings, functions and None are structure. The path of a leaf joins
names and positions with dots: ``"layers.0.weight"``; the path of a bare leaf is "".

The same array object at two places is one tied leaf: it is listed once, under its
first path, and put back at both places.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interactive_train.runtime.errors import did_you_mean, refusal

Children = list[tuple[str, Any]]


class MissingPath(KeyError):
    """A path that does not exist in a tree; shown as its sentence, where KeyError shows a repr."""

    def __str__(self) -> str:
        return str(self.args[0])


def is_leaf(value: Any) -> bool:
    """Whether a value is an array: it has a shape and a dtype, and is no class."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, type)


def children(value: Any) -> Children | None:
    """Return the named parts of a container, None for anything else."""
    if hasattr(value, "tree_children"):
        parts: Children = value.tree_children()
        return parts
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key or "." in key:
                raise ValueError(
                    refusal(
                        "it.tree",
                        "the keys of a dict are non-empty strings without dots",
                        repr(key),
                        "Dots separate the parts of a path.",
                    )
                )
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, (list, tuple)):
        return [(str(i), part) for i, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init]
    return None


def rebuild(value: Any, parts: Sequence[Any], path: str = "") -> Any:
    """Return a container like `value` with other parts, in the order of `children`.

    An object with ``tree_rebuild(parts, path)`` is told its path in the tree.
    """
    if hasattr(value, "tree_rebuild"):
        return value.tree_rebuild(parts, path)
    if isinstance(value, dict):
        return dict(zip(value, parts, strict=True))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*parts)
    if isinstance(value, (list, tuple)):
        return type(value)(parts)
    names = [f.name for f in dataclasses.fields(value) if f.init]
    return dataclasses.replace(value, **dict(zip(names, parts, strict=True)))


@dataclass(frozen=True)
class Structure:
    """A tree without its leaves: paths, ties, and the containers to put leaves back into.

    Attributes
    ----------
    paths : tuple of str
        One per leaf, in order; a tied leaf stands under its first path.
    ties : dict
        Every further path of a tied leaf, mapped to its first.
    """

    paths: tuple[str, ...]
    ties: dict[str, str]
    template: Any

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Return the tree with these leaves.

        Raises
        ------
        ValueError
            If their number is not that of the paths.
        """
        if len(leaves) != len(self.paths):
            raise ValueError(
                refusal(
                    "it.tree.unflatten",
                    f"the tree has {len(self.paths)} leaves",
                    str(len(leaves)),
                    f"Its paths begin with {', '.join(self.paths[:3])}.",
                )
            )
        by_path = dict(zip(self.paths, leaves, strict=True))

        return _fill(self.template, "", by_path, self.ties)


# Recursions are functions of the module, not closures: a closure that calls itself is a
# reference cycle, and would keep a whole step's arrays alive until the garbage collector runs.


def _fill(value: Any, path: str, leaves: dict[str, Any], ties: dict[str, str]) -> Any:
    if is_leaf(value):
        return leaves[ties.get(path, path)]
    parts = children(value)
    if parts is None:
        return value
    filled = [_fill(part, join(path, name), leaves, ties) for name, part in parts]
    return rebuild(value, filled, path)


def join(path: str, name: str) -> str:
    """Return the path of a part."""
    return f"{path}.{name}" if path else name


def flatten(value: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree and the structure that puts them back.

    Examples
    --------
    >>> leaves, structure = flatten({"w": np.ones(2), "layers": [np.zeros(1), "relu"]})
    >>> structure.paths
    ('w', 'layers.0')
    >>> structure.unflatten([1, 2])
    {'w': 1, 'layers': [2, 'relu']}
    """
    leaves: list[Any] = []
    paths: list[str] = []
    ties: dict[str, str] = {}
    _walk(value, "", leaves, paths, ties, {})
    return leaves, Structure(tuple(paths), ties, value)


def _walk(
    part: Any,
    path: str,
    leaves: list[Any],
    paths: list[str],
    ties: dict[str, str],
    first: dict[int, str],
) -> None:
    if is_leaf(part):
        if id(part) in first:
            ties[path] = first[id(part)]
            return
        first[id(part)] = path
        leaves.append(part)
        paths.append(path)
        return
    for name, child in children(part) or ():
        _walk(child, join(path, name), leaves, paths, ties, first)


def flatten_with_paths(value: Any) -> list[tuple[str, Any]]:
    """Return (path, leaf) pairs, a tied leaf once.

    Examples
    --------
    >>> flatten_with_paths({"head": {"bias": np.zeros(2)}})
    [('head.bias', array([0., 0.]))]
    """
    leaves, structure = flatten(value)
    return list(zip(structure.paths, leaves, strict=True))


def get(value: Any, path: str, where: str = "it.tree.get") -> Any:
    """Return the part of a tree at a dotted path, leaf or branch.

    Raises
    ------
    KeyError
        If there is none; with a did-you-mean among the names that exist there.

    Examples
    --------
    >>> get({"layers": [{"weight": np.ones(2)}]}, "layers.0.weight")
    array([1., 1.])
    """
    if not isinstance(path, str):
        raise TypeError(
            refusal(where, "a path is text such as 'layers.0.weight'", type(path).__name__)
        )
    part = value
    done = ""
    for name in path.split(".") if path else []:
        parts = dict(children(part) or ())
        if name not in parts:
            raise MissingPath(
                refusal(
                    where,
                    f"{join(done, name)!r} must exist in the tree",
                    repr(path),
                    did_you_mean(name, parts),
                )
            )
        part, done = parts[name], join(done, name)
    return part


def map(f: Callable[[Any], Any], value: Any) -> Any:  # noqa: A001
    """Apply a function to every leaf and keep the structure.

    Examples
    --------
    >>> map(lambda a: a.shape, {"w": np.zeros((2, 3)), "name": "linear"})
    {'w': (2, 3), 'name': 'linear'}
    """
    leaves, structure = flatten(value)
    return structure.unflatten([f(leaf) for leaf in leaves])


def map2(f: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    """Apply a function to the leaves at equal paths of two trees.

    Raises
    ------
    KeyError
        If the second tree lacks a path of the first.

    Examples
    --------
    >>> map2(lambda x, g: x - g, [np.array(3.0)], [np.array(1.0)])
    [np.float64(2.0)]
    """
    leaves, structure = flatten(first)
    return structure.unflatten(
        [
            f(leaf, get(second, path, "it.tree.map2"))
            for path, leaf in zip(structure.paths, leaves, strict=True)
        ]
    )


def zeros_like(value: Any) -> Any:
    """Return the tree with zeros for every array.

    Examples
    --------
    >>> zeros_like((np.ones(2),))
    (array([0., 0.]),)
    """
    return map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), value)


def count_parameters(value: Any) -> int:
    """Return how many numbers the floating leaves hold, tied ones once.

    Examples
    --------
    >>> count_parameters({"w": np.ones((64, 10)), "b": np.ones(10), "labels": np.arange(5)})
    650
    """
    return sum(int(np.prod(leaf.shape)) for leaf in flatten(value)[0] if leaf.dtype.kind == "f")
