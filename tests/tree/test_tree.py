"""Trees: flattening and rebuilding is the identity, paths are stable, ties are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train import tree


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Layer:
    weight: Any
    name: str = "linear"


leaves = st.builds(np.zeros, st.integers(0, 3)) | st.floats() | st.none() | st.text()
names = st.text("abc_", min_size=1, max_size=3)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(names, inner, max_size=3)
        | st.builds(Pair, inner, inner)
        | st.builds(Layer, inner)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if tree.is_leaf(a):
        return a is b
    one, other = tree.children(a), tree.children(b)
    if one is None or other is None:
        return a is b or a == b
    return (
        type(a) is type(b)
        and [n for n, _ in one] == [n for n, _ in other]
        and all(same(x, y) for (_, x), (_, y) in zip(one, other, strict=True))
    )


@given(trees)
def test_unflatten_undoes_flatten(value: Any) -> None:
    found, structure = tree.flatten(value)
    assert same(structure.unflatten(found), value)
    assert len(set(structure.paths)) == len(found)
    assert all(tree.get(value, path) is leaf for path, leaf in tree.flatten_with_paths(value))


@given(trees)
def test_map_keeps_the_structure(value: Any) -> None:
    mapped = tree.map(lambda a: a + 1, value)
    assert tree.flatten(mapped)[1].paths == tree.flatten(value)[1].paths
    assert tree.count_parameters(mapped) == tree.count_parameters(value)
    doubled = tree.map2(lambda a, b: a + b, mapped, mapped)
    assert all((leaf == 2).all() for leaf in tree.flatten(doubled)[0])
    assert not any(leaf.any() for leaf in tree.flatten(tree.zeros_like(mapped))[0])


def test_paths_join_names_and_positions() -> None:
    a = np.zeros(1)
    value = {"layers": [Layer(a), Layer(np.ones(2))], "head": Pair(np.ones(3), "relu")}
    assert tree.flatten(value)[1].paths == ("layers.0.weight", "layers.1.weight", "head.left")
    assert tree.flatten(a)[1].paths == ("",)
    assert tree.get(value, "layers.1.name") == "linear"
    assert tree.get(value, "layers.0.weight") is a


def test_a_tied_array_is_listed_once_and_put_back_twice() -> None:
    shared = np.ones(2)
    found, structure = tree.flatten({"embed": shared, "head": [shared, np.zeros(1)]})
    assert structure.paths == ("embed", "head.1")
    assert structure.ties == {"head.0": "embed"}
    again = structure.unflatten([np.zeros(2), found[1]])
    assert again["embed"] is again["head"][0]
    assert tree.count_parameters({"a": shared, "b": shared}) == 2


def test_a_type_is_no_array() -> None:
    assert tree.flatten({"dtype": np.float32, "x": np.float32(1)})[1].paths == ("x",)


def test_what_cannot_be_a_path_is_refused() -> None:
    for key in (0, "", "a.b", ("a",)):
        with pytest.raises(ValueError, match=r"it\.tree: the keys of a dict are non-empty strings"):
            tree.flatten({key: np.ones(1)})


def test_errors_name_the_place_and_a_near_name() -> None:
    value = {"layers": [np.ones(1)], "head": np.ones(1)}
    with pytest.raises(KeyError, match=r"'layerz' must exist in the tree; .*Did you mean"):
        tree.get(value, "layerz.0")
    with pytest.raises(KeyError, match=r"'head.weight' must exist"):
        tree.get(value, "head.weight")
    with pytest.raises(KeyError, match=r"must exist"):
        tree.map2(lambda a, b: a, value, {"layers": []})
    with pytest.raises(
        ValueError, match=r"the tree has 2 leaves; got 1. Its paths begin with layers.0"
    ):
        tree.flatten(value)[1].unflatten([1])
