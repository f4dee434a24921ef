"""Models as values: filling, splitting, running as a pure function, running a shadow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.nn.context import Call, calling
from interactive_train.nn.module import (
    Module,
    Parameter,
    buffer_paths,
    declared,
    dtype_of,
    modules,
)
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


def init(model: Any, seed: int | None = 0, dtype: Any = np.float32) -> Any:
    """Return a copy of a declared model with its arrays filled.

    Each array's numbers depend on the seed and on its path only: adding a layer
    changes no other layer's weights. A module or an array that stands at two places is
    filled once, under its first path, and stays tied.

    Parameters
    ----------
    model : Module or tree of modules
    seed : int or None
        None draws fresh entropy.
    dtype : float32 or float64

    Raises
    ------
    TypeError
        For a dtype that is not floating.

    Examples
    --------
    >>> from interactive_train import nn
    >>> model = init(nn.Linear(3, 2), seed=42)
    >>> model.weight.shape, model.weight.dtype
    ((3, 2), dtype('float32'))
    """
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(
            refusal("it.init", "dtype is float32 or float64", str(kind), "Use np.float32.")
        )
    key = Key.from_seed(seed, "it.init")

    return _filled(model, "", key, kind, {})


def _filled(value: Any, path: str, key: Key, dtype: np.dtype[Any], done: dict[int, Any]) -> Any:
    if isinstance(value, Parameter) or tree.is_leaf(value):
        if id(value) not in done:
            done[id(value)] = _array(value, path, key, dtype)
        return done[id(value)]
    parts = tree.children(value)
    if parts is None:
        return value
    filled = [_filled(part, tree.join(path, name), key, dtype, done) for name, part in parts]
    return tree.rebuild(value, filled, path)


def _array(value: Any, path: str, key: Key, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(value, Parameter):
        return np.array(value, dtype=dtype if value.dtype.kind == "f" else None, order="C")
    numbers = np.array(value.initializer(key.fold(path), value.extents), dtype=dtype, order="C")
    if numbers.shape != tuple(value.extents):
        raise ValueError(
            refusal(
                "it.init",
                f"the initial value at {path!r} has the declared shape {tuple(value.extents)}",
                f"shape {numbers.shape}",
                "An initializer is a function (key, shape) -> array.",
            )
        )
    return numbers


def split(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (params, layer_state) as nested dicts of the model's arrays (no copies).

    Examples
    --------
    >>> from interactive_train import nn
    >>> params, layer_state = split(init(nn.Sequential(nn.Linear(3, 2), nn.relu), seed=0))
    >>> tree.flatten(params)[1].paths
    ('layers.0.weight', 'layers.0.bias')
    """
    buffers = buffer_paths(model)
    params: dict[str, Any] = {}
    state: dict[str, Any] = {}
    for path, leaf in all_paths(model):
        _put(state if path in buffers else params, path, leaf)
    return params, state


def all_paths(model: Any) -> list[tuple[str, Any]]:
    """Return (path, array) for every place, tied ones at each of theirs."""
    leaves, structure = tree.flatten(model)
    found = dict(zip(structure.paths, leaves, strict=True))
    found |= {path: found[first] for path, first in structure.ties.items()}
    return list(found.items())


def _put(nested: dict[str, Any], path: str, leaf: Any) -> None:
    *branches, name = path.split(".")
    for branch in branches:
        nested = nested.setdefault(branch, {})
    nested[name] = leaf


class Shadows:
    """Makes shadows of a model: copies with other arrays and other layer hyperparameters.

    Attributes
    ----------
    paths : tuple of str
        Of the model's leaves, in order; a tied leaf under its first path.
    arrays : list
        The model's own leaves in that order.
    """

    def __init__(self, model: Any) -> None:
        self.arrays, self._structure = tree.flatten(model)
        self.paths = self._structure.paths

    def make(
        self, leaves: Sequence[Any], knobs: Mapping[tuple[str, str], float] | None = None
    ) -> Any:
        """Return the model with these leaves, and with layer hyperparameters by (path, name)."""
        twin = self._structure.unflatten(leaves)
        if knobs:
            for path, module in modules(twin):
                for knob in module.hyperparameters:
                    if (path, knob.name) in knobs:
                        module.__dict__[knob.name] = knobs[path, knob.name]
        return twin


def shadow(model: Any, leaves: dict[str, Any]) -> Any:
    """Return a copy of a model with other arrays by path; the rest keeps its own."""
    shadows = Shadows(model)
    own = zip(shadows.paths, shadows.arrays, strict=True)
    return shadows.make([leaves.get(path, array) for path, array in own])


def apply(
    model: Module,
    params: Any,
    layer_state: Any,
    inputs: tuple[Any, ...],
    training: bool,
    rng: Key | int | None,
) -> tuple[Any, Any]:
    """Run a model on given arrays; see `Module.apply`."""
    if declared(model):
        model = init(model)
    leaves = dict(tree.flatten_with_paths(params)) | dict(tree.flatten_with_paths(layer_state))
    known = {path for path, _ in all_paths(model)}
    for path in leaves:
        if path not in known:
            tree.get(model, path, "Module.apply")
    dtype = next(
        (leaf.dtype for leaf in leaves.values() if leaf.dtype.kind == "f"), dtype_of(model)
    )
    key = rng if isinstance(rng, Key) else Key.from_seed(rng, "Module.apply")
    with calling(Call(training, key if training else None, np.dtype(dtype))) as call:
        output = shadow(model, leaves)(*inputs)
    new_state: dict[str, Any] = {}
    for path, leaf in tree.flatten_with_paths(layer_state):
        _put(new_state, path, call.written[path].numpy() if path in call.written else leaf)
    return output, new_state
