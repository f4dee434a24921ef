"""What one does with an optimiser state: setup, update, flush, reset, freeze, thaw.

The plain names work in place and return None; their twins (`updated`, `adjusted`,
`frozen`, `thawed`) return new values and touch nothing. All of them take a whole state, a part
of it (``state.layers[0]``, ``state["layers.*.bias"]``) or one leaf. Hyperparameters are changed
in ``adjusting``, whose functions are listed here too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import FLOATS
from interactive_train.nn.duplicated import plain
from interactive_train.nn.functional import all_paths
from interactive_train.nn.module import declared, trainables
from interactive_train.optim.adjusting import adjust, adjusted, release
from interactive_train.optim.apply import Result, Update, apply_updates
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.modifiers import AccumGrad
from interactive_train.optim.rule import Rule
from interactive_train.optim.select import Part, leaves_of, require_state
from interactive_train.optim.state import OptimizerState
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice

__all__ = [
    "adjust",
    "adjusted",
    "flush",
    "freeze",
    "frozen",
    "release",
    "reset",
    "setup",
    "thaw",
    "thawed",
    "update",
    "updated",
]


def setup(
    rule: Rule | Callable[[str, Any], Rule], model: Any, *, check_writable: bool = True
) -> OptimizerState:
    """Return the optimiser's state for a model: a tree shaped like it, a leaf per array.

    Parameters
    ----------
    rule : Rule or callable
        ``lambda path, x: rule`` chooses a rule per array.
    model : tree
        Floating arrays that are no buffers get a leaf; tied ones share it.
    check_writable : bool
        Refuse read-only arrays, which `update` could not write to.

    Raises
    ------
    TypeError
        If `rule` is no rule.
    ValueError
        For a read-only array (names its path), or a model that is not filled yet.

    Examples
    --------
    >>> from interactive_train import optim
    >>> setup(optim.Adam(), {"w": np.ones(2)}).step
    0
    """
    if isinstance(rule, type) or not (isinstance(rule, Rule) or callable(rule)):
        got = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
        raise TypeError(
            refusal(
                "it.setup", "the first argument is a rule", got, "For example optim.Adam(1e-3)."
            )
        )
    model = plain(model)
    if missing := declared(model):
        raise ValueError(
            refusal(
                "it.setup",
                "the model must be filled",
                f"only a declaration at {missing[0][0]!r}",
                "Call model = it.init(model, seed=0) first.",
            )
        )
    pairs = trainables(model, paths=True)
    if not pairs:
        notice("it.setup found no trainable parameters in this model.")
    leaves: dict[int, Leaf] = {}
    for path, x in pairs:
        if check_writable and not (isinstance(x, np.ndarray) and x.flags.writeable):
            kind = "a read-only array" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise ValueError(
                refusal(
                    "it.setup",
                    "the model's arrays must be writable for it.update and it.train",
                    f"{kind} at {path!r}",
                    "Copy it, or pass check_writable=False and use it.updated.",
                )
            )
        chosen = rule if isinstance(rule, Rule) else rule(path, x)
        if not isinstance(chosen, Rule):
            raise TypeError(
                refusal("it.setup", f"the rule for {path!r} is an optim.Rule", repr(chosen))
            )
        if x.dtype.char not in FLOATS and not chosen.keeps_master:
            raise TypeError(
                refusal(
                    "it.setup",
                    "trainable arrays are float32 or float64",
                    f"{x.dtype} at {path!r}",
                    "Convert it with .astype(np.float32), or wrap the rule: optim.MixedPrecision.",
                )
            )
        leaves[id(x)] = Leaf.fresh(chosen, x)
    places = {path: leaves[id(x)] for path, x in all_paths(model) if id(x) in leaves}
    return OptimizerState(places)


def update(state: OptimizerState, model: Any, grads: Any) -> None:
    """Take one step in place: the model's arrays and the state change.

    Parameters
    ----------
    state : OptimizerState
        Of the model, or the part that belongs to `model`.
    model, grads : tree
        Of the same structure; a gradient that is None skips what is below it, state and all.
        The gradients of a tied array are summed over its places; one object counts once.

    Raises
    ------
    KeyError
        If a path of the state is missing in `model` or `grads`.
    ValueError
        If a gradient has another shape than its parameter.

    Examples
    --------
    >>> from interactive_train import optim
    >>> model = {"w": np.array([1.0, 2.0])}
    >>> state = setup(optim.SGD(0.5), model)
    >>> update(state, model, {"w": np.array([1.0, 0.0])})
    >>> model["w"], state.step
    (array([0.5, 2. ]), 1)
    """
    require_state(state, "it.update")
    if isinstance(grads, tuple) and len(grads) == 1 and not isinstance(model, tuple):
        raise TypeError(
            refusal(
                "it.update",
                "grads is a tree shaped like the model",
                "a tuple of one",
                "You probably want grads[0].",
            )
        )
    if grads is None:
        raise TypeError(
            refusal("it.update", "grads is a tree shaped like the model", "None", "See it.grad.")
        )
    places: dict[int, list[str]] = {}
    for path, leaf in state.places().items():
        places.setdefault(id(leaf), []).append(_own(path, state))
    targets = {}
    updates = []
    for path, leaf in state.leaves():
        x = tree.get(model, places[id(leaf)][0], "it.update, model")
        gradient = _summed(grads, places[id(leaf)], x, path)
        if gradient is None or leaf.frozen:
            continue
        targets[id(leaf)] = _writable(model, places[id(leaf)][0], "it.update", path)
        updates.append(Update(leaf, np.asarray(x, order="C"), gradient, path))
    _commit(state, apply_updates(updates, state.step + 1), targets)
    state.step += 1


def updated(state: OptimizerState, model: Any, grads: Any) -> tuple[OptimizerState, Any]:
    """Return (state, model) after one step; the arguments keep their values.

    Examples
    --------
    >>> from interactive_train import optim
    >>> model = {"w": np.array([1.0])}
    >>> state, new = updated(setup(optim.SGD(0.5), model), model, {"w": np.array([1.0])})
    >>> model["w"], new["w"]
    (array([1.]), array([0.5]))
    """
    require_state(state, "it.updated")
    twin = state.copy()
    copy = tree.map(lambda leaf: np.array(leaf), model)
    update(twin, copy, grads)
    return twin, copy


def flush(state: OptimizerState, model: Any) -> None:
    """Apply in place what `AccumGrad` has gathered so far: the mean of fewer than n gradients.

    Call it behind the last batch. It is no step of its own: knobs are those of the last step.
    Arrays without anything gathered, and frozen ones, stay as they are.

    Parameters
    ----------
    state : OptimizerState
    model : tree

    Raises
    ------
    ValueError
        If no array of the state accumulates.

    Examples
    --------
    >>> from interactive_train import optim
    >>> model = {"w": np.zeros(1)}
    >>> state = setup(optim.Chain(optim.AccumGrad(4), optim.SGD(1.0)), model)
    >>> update(state, model, {"w": np.ones(1)})
    >>> flush(state, model)
    >>> model["w"]
    array([-1.])
    """
    where = "it.flush"
    require_state(state, where)
    if not any(isinstance(rule, AccumGrad) for _, leaf in state for rule in leaf.rule.members()):
        raise ValueError(
            refusal(
                where,
                "a state whose rule accumulates",
                "none",
                "For example optim.Chain(optim.AccumGrad(4), optim.Adam()).",
            )
        )
    targets = {}
    updates = []
    for path, leaf in state.leaves():
        rule = None if leaf.frozen else leaf.rule.flusher(leaf.state)
        if rule is None:
            continue
        x = _writable(model, _own(path, state), where, path)
        targets[id(leaf)] = x
        nothing = np.zeros(x.shape, _computed(x.dtype))
        updates.append(Update(leaf, np.asarray(x, order="C"), nothing, path, rule))
    _commit(state, apply_updates(updates, max(1, state.step)), targets)


def reset(part: Part, path: str = "") -> None:
    """Forget moments and counters; knobs, freeze flags, master weights and the step stay.

    Parameters
    ----------
    part : OptimizerState or Leaf
    path : str
        A path or pattern below it.

    Examples
    --------
    >>> from interactive_train import optim
    >>> model = {"w": np.ones(1)}
    >>> state = setup(optim.Adam(), model)
    >>> update(state, model, {"w": np.ones(1)})
    >>> reset(state)
    >>> state.w.state["m"], state.w.state["beta1_power"], state.step
    (array([0.]), 1.0, 1)
    """
    step = part.step + 1 if isinstance(part, OptimizerState) else 1
    for leaf in leaves_of(part, "it.reset", path):
        leaf.reset(step)


def freeze(part: Part, path: str = "") -> None:
    """Suspend parameters, moments and counters; their gradients are not even computed.

    Parameters
    ----------
    part : OptimizerState or Leaf
    path : str
        A path or pattern below it.

    Examples
    --------
    >>> from interactive_train import optim
    >>> state = setup(optim.SGD(0.1), {"w": np.ones(2), "b": np.ones(1)})
    >>> freeze(state.w)
    >>> state.w.frozen, state.b.frozen
    (True, False)
    """
    for leaf in leaves_of(part, "it.freeze", path):
        leaf.frozen = True


def thaw(part: Part, path: str = "") -> None:
    """Let frozen parameters train again; moments and counters go on where they stood."""
    for leaf in leaves_of(part, "it.thaw", path):
        leaf.frozen = False


def frozen(part: OptimizerState, path: str = "") -> OptimizerState:
    """Return a copy of a state with a part frozen, the whole of it by default.

    Examples
    --------
    >>> from interactive_train import optim
    >>> state = setup(optim.SGD(0.1), {"w": np.ones(2), "b": np.ones(1)})
    >>> [leaf.frozen for _, leaf in frozen(state, "b")], state.b.frozen
    ([False, True], False)
    """
    require_state(part, "it.frozen")
    twin = part.copy()
    freeze(twin, path)
    return twin


def thawed(part: OptimizerState, path: str = "") -> OptimizerState:
    """Return a copy of a state with a part thawed, the whole of it by default."""
    require_state(part, "it.thawed")
    twin = part.copy()
    thaw(twin, path)
    return twin


def _own(path: str, state: OptimizerState) -> str:
    """Return a path as seen from the part of the model that belongs to a state."""
    return path[len(state.prefix) + 1 :] if state.prefix else path


def _computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that an array's update is computed in."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _writable(model: Any, own: str, where: str, path: str) -> Any:
    x = tree.get(model, own, f"{where}, model")
    if not x.flags.writeable:
        raise ValueError(
            refusal(
                where,
                "writes to the model's arrays",
                f"a read-only array at {path!r}",
                "Use it.updated, which returns new values.",
            )
        )
    return x


def _commit(state: OptimizerState, results: list[Result], targets: dict[int, Any]) -> None:
    state.note_global_norm(result.norm for result in results)
    for result in results:
        targets[id(result.leaf)][...] = result.x
        result.leaf.state = result.state


def _summed(grads: Any, places: list[str], x: Any, path: str) -> Any:
    """Return the gradient of one array: the sum over its places, None where there is none."""
    total = None
    seen: list[Any] = []
    for place in places:
        g = gradient_at(grads, place, "it.update")
        if g is None or any(g is other for other in seen):
            continue
        seen.append(g)
        part = np.array(g, dtype=_computed(x.dtype), order="C")  # a copy: moments may keep it
        if part.shape != x.shape:
            raise ValueError(
                refusal(
                    "it.update",
                    f"the gradient at {path!r} has the parameter's shape {x.shape}",
                    str(part.shape),
                )
            )
        total = part if total is None else total + part
    return total


def gradient_at(grads: Any, path: str, where: str) -> Any:
    """Return the gradient at a path, None if it or a branch above it is None."""
    part, done = grads, ""
    for name in path.split(".") if path else []:
        if part is None:
            return None
        done = tree.join(done, name)
        if getattr(part, name, part) is None:  # a module lists no attribute that is None
            return None
        part = tree.get(part, name, f"{where}, grads at {done!r}")
    return part
