"""What one does with an optimiser state: setup, update, adjust, release, freeze, thaw.

The plain names work in place and return None; their twins (`updated`, `adjusted`,
`frozen`, `thawed`) return new values and touch nothing. All of them take a whole state, a part
of it (``state.layers[0]``, ``state["layers.*.bias"]``) or one leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import FLOATS
from interactive_train.nn.functional import all_paths
from interactive_train.nn.module import declared, trainables
from interactive_train.optim.apply import Update, apply_updates
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.rule import Rule
from interactive_train.optim.setting import checked_value
from interactive_train.optim.state import OptimizerState
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.notices import notice

Part = OptimizerState | Leaf


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
                    "Convert it with .astype(np.float32).",
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
    _require_state(state, "it.update")
    if grads is None:
        raise TypeError(
            refusal("it.update", "grads is a tree shaped like the model", "None", "See it.grad.")
        )
    places: dict[int, list[str]] = {}
    for path, leaf in state.places().items():
        own = path[len(state.prefix) + 1 :] if state.prefix else path
        places.setdefault(id(leaf), []).append(own)
    targets = {}
    updates = []
    for path, leaf in state.leaves():
        x = tree.get(model, places[id(leaf)][0], "it.update, model")
        gradient = _summed(grads, places[id(leaf)], x, path)
        if gradient is None or leaf.frozen:
            continue
        if not x.flags.writeable:
            raise ValueError(
                refusal(
                    "it.update",
                    "writes to the model's arrays",
                    f"a read-only array at {path!r}",
                    "Use it.updated, which returns new values.",
                )
            )
        targets[id(leaf)] = x
        updates.append(Update(leaf, np.asarray(x, order="C"), gradient))
    results = apply_updates(updates, state.step + 1)
    for result in results:
        targets[id(result.leaf)][...] = result.x
        result.leaf.state = result.state
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
    _require_state(state, "it.updated")
    twin = state.copy()
    copy = tree.map(lambda leaf: np.array(leaf), model)
    update(twin, copy, grads)
    return twin, copy


def adjust(part: Part, *values: Any, **knobs: Any) -> None:
    """Set hyperparameters, keeping momentum and counters.

    Parameters
    ----------
    part : OptimizerState or Leaf
    *values
        One number, schedule or ``it.scale(...)`` for the learning rate; or a rule class
        in front of keywords, to hit the leaves of that rule only.
    **knobs
        Hyperparameters by name. A number replaces a constant and overrides a schedule
        until `release`.

    Raises
    ------
    TypeError, ValueError
        For a name that no leaf has (with a did-you-mean), a value out of range, nothing to
        set or nobody to set it for. Then nothing is changed.

    Examples
    --------
    >>> from interactive_train import optim
    >>> state = setup(optim.Adam(), {"w": np.ones(2), "b": np.ones(1)})
    >>> adjust(state, 0.01)
    >>> adjust(state.w, beta1=0.8)
    >>> state.w.knobs["lr"].effective(1), state.w.knobs["beta1"].effective(1)
    (0.01, 0.8)
    """
    leaves = _leaves(part, "it.adjust")
    rest = list(values)
    if rest and isinstance(rest[0], type) and issubclass(rest[0], Rule):
        kind = rest.pop(0)
        chosen = [leaf for leaf in leaves if isinstance(leaf.rule, kind)]
        if not chosen:
            present = ", ".join(sorted({type(leaf.rule).__name__ for leaf in leaves}))
            raise ValueError(
                refusal("it.adjust", f"a leaf with the rule {kind.__name__}", f"only {present}")
            )
        leaves = chosen
    if len(rest) > 1 or (rest and "lr" in knobs):
        raise TypeError(refusal("it.adjust", "takes one learning rate", f"{len(rest)} values"))
    if rest:
        knobs["lr"] = rest[0]
    if not knobs:
        raise TypeError(refusal("it.adjust", "something to set", "nothing", "For example lr=0.01."))
    changes = []
    for name, value in knobs.items():
        hit = [leaf for leaf in leaves if name in leaf.knobs]
        if not hit:
            known = list(dict.fromkeys(known for leaf in leaves for known in leaf.knobs))
            raise ValueError(
                refusal(
                    "it.adjust",
                    "a hyperparameter of the rules here",
                    repr(name),
                    did_you_mean(name, known),
                )
            )
        for leaf in hit:
            knob = next(k for k in leaf.rule.hyperparameters if k.name == name)
            changes.append((leaf, name, checked_value(value, knob, "it.adjust")))
    for leaf, name, value in changes:
        leaf.knobs[name] = leaf.knobs[name].adjusted(value)


def adjusted(part: OptimizerState, *values: Any, **knobs: Any) -> OptimizerState:
    """Return a copy of a state after `adjust`."""
    twin = part.copy()
    adjust(twin, *values, **knobs)
    return twin


def release(part: Part, *names: str) -> None:
    """Let knobs follow their base again: overrides and scales end. All knobs without names.

    Examples
    --------
    >>> from interactive_train import optim, schedules
    >>> state = setup(optim.SGD(schedules.constant(0.1)), {"w": np.ones(2)})
    >>> adjust(state, 0.5); release(state, "lr")
    >>> state.w.knobs["lr"].effective(1)
    0.1
    """
    leaves = _leaves(part, "it.release")
    for name in names:
        if not any(name in leaf.knobs for leaf in leaves):
            known = list(dict.fromkeys(known for leaf in leaves for known in leaf.knobs))
            raise ValueError(
                refusal(
                    "it.release",
                    "a hyperparameter of the rules here",
                    repr(name),
                    did_you_mean(name, known),
                )
            )
    for leaf in leaves:
        for name in names or tuple(leaf.knobs):
            if name in leaf.knobs:
                leaf.knobs[name] = leaf.knobs[name].released()


def freeze(part: Part) -> None:
    """Suspend parameters, moments and counters; their gradients are not even computed.

    Examples
    --------
    >>> from interactive_train import optim
    >>> state = setup(optim.SGD(0.1), {"w": np.ones(2), "b": np.ones(1)})
    >>> freeze(state.w)
    >>> state.w.frozen, state.b.frozen
    (True, False)
    """
    for leaf in _leaves(part, "it.freeze"):
        leaf.frozen = True


def thaw(part: Part) -> None:
    """Let frozen parameters train again; moments and counters go on where they stood."""
    for leaf in _leaves(part, "it.thaw"):
        leaf.frozen = False


def frozen(part: OptimizerState, path: str = "") -> OptimizerState:
    """Return a copy of a state with a part frozen, the whole of it by default."""
    twin = part.copy()
    freeze(twin[path] if path else twin)
    return twin


def thawed(part: OptimizerState, path: str = "") -> OptimizerState:
    """Return a copy of a state with a part thawed, the whole of it by default."""
    twin = part.copy()
    thaw(twin[path] if path else twin)
    return twin


def _summed(grads: Any, places: list[str], x: Any, path: str) -> Any:
    """Return the gradient of one array: the sum over its places, None where there is none."""
    total = None
    seen: list[Any] = []
    for place in places:
        g = _gradient(grads, place)
        if g is None or any(g is other for other in seen):
            continue
        seen.append(g)
        part = np.array(g, dtype=x.dtype, order="C")  # a copy: moments may keep it
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


def _gradient(grads: Any, path: str) -> Any:
    """Return the gradient at a path, None if it or a branch above it is None."""
    part, done = grads, ""
    for name in path.split(".") if path else []:
        if part is None:
            return None
        done = tree.join(done, name)
        part = tree.get(part, name, f"it.update, grads at {done!r}")
    return part


def _leaves(part: Part, where: str) -> list[Leaf]:
    if isinstance(part, Leaf):
        return [part]
    _require_state(part, where)
    return [leaf for _, leaf in part.leaves()]


def _require_state(state: Any, where: str) -> None:
    if isinstance(state, OptimizerState):
        return
    fix = "Make one with opt_state = it.setup(rule, model)."
    if isinstance(state, Rule):
        got = f"the rule {type(state).__name__}"
    elif hasattr(state, "tree_children") or hasattr(state, "dtype"):
        got = f"a model or an array ({type(state).__name__})"
        fix = "Pass the state, opt_state = it.setup(rule, model), or a part such as " + (
            "opt_state.layers[0]."
        )
    else:
        got = type(state).__name__
    raise TypeError(refusal(where, "works on an optimiser state or a part of it", got, fix))
