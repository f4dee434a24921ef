"""Changing hyperparameters of a state: adjust, its twin adjusted, and release."""

from __future__ import annotations

from typing import Any

from interactive_train.optim.leaf import Leaf
from interactive_train.optim.rule import Rule
from interactive_train.optim.select import Part, leaves_of, require_state
from interactive_train.optim.setting import checked_value
from interactive_train.optim.state import OptimizerState
from interactive_train.runtime.errors import did_you_mean, refusal


def adjust(part: Part, *values: Any, **knobs: Any) -> None:
    """Set hyperparameters, keeping momentum and counters.

    Parameters
    ----------
    part : OptimizerState or Leaf
    *values
        Up to three, in this order: a path or pattern (``"layers.*.bias"``), for what is below it;
        a rule class, for the leaves of that rule, or that member of a `Chain`; one number,
        schedule or ``it.scale(...)`` for the learning rate.
    **knobs
        Hyperparameters by name. A number replaces a constant and overrides a schedule
        until `release`. In a chain, a name reaches all members that have it.

    Raises
    ------
    TypeError, ValueError
        For a name that no leaf has (with a did-you-mean), a value out of range, nothing to
        set or nobody to set it for. Then nothing is changed.
    KeyError
        For a path that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import optim
    >>> state = optim.setup(optim.Adam(), {"w": np.ones(2), "b": np.ones(1)})
    >>> adjust(state, 0.01)
    >>> adjust(state.w, beta1=0.8)
    >>> adjust(state, "b", optim.Adam, lr=0.02)
    >>> [(leaf.knobs["lr"].effective(1), leaf.knobs["beta1"].effective(1)) for _, leaf in state]
    [(0.01, 0.8), (0.02, 0.9)]
    """
    where = "it.adjust"
    rest = list(values)
    path = ""
    if rest and isinstance(rest[0], str) and (rest[1:] or knobs):
        path = rest.pop(0)
    leaves = leaves_of(part, where, path)
    kind: type[Rule] | None = None
    if rest and isinstance(rest[0], type) and issubclass(rest[0], Rule):
        kind = rest.pop(0)
        leaves = _of_kind(leaves, kind)
    if len(rest) > 1 or (rest and "lr" in knobs):
        raise TypeError(refusal(where, "takes one learning rate", f"{len(rest)} values"))
    if rest:
        knobs["lr"] = rest[0]
    if not knobs:
        raise TypeError(refusal(where, "something to set", "nothing", "For example lr=0.01."))
    changes = []
    for name, value in knobs.items():
        hit = _hit(leaves, name, where, kind)
        changes += [(leaf, knob.name, checked_value(value, knob, where)) for leaf, knob in hit]
    for leaf, name, value in changes:
        leaf.knobs[name] = leaf.knobs[name].adjusted(value)


def adjusted(part: OptimizerState, *values: Any, **knobs: Any) -> OptimizerState:
    """Return a copy of a state after `adjust`.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import optim
    >>> state = optim.setup(optim.SGD(0.1), {"w": np.ones(2), "b": np.ones(1)})
    >>> twin = adjusted(state, "b", 0.2)
    >>> str(state.b.knobs["lr"]), str(twin.b.knobs["lr"]), str(twin.w.knobs["lr"])
    ('0.1', '0.2', '0.1')
    """
    require_state(part, "it.adjusted")
    twin = part.copy()
    adjust(twin, *values, **knobs)
    return twin


def release(part: Part, *names: str) -> None:
    """Let knobs follow their base again: overrides and scales end. All knobs without names.

    Raises
    ------
    ValueError
        For a name that no leaf has (with a did-you-mean). Then nothing is changed.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import optim, schedules
    >>> state = optim.setup(optim.SGD(schedules.constant(0.1)), {"w": np.ones(2)})
    >>> adjust(state, 0.5); release(state, "lr")
    >>> state.w.knobs["lr"].effective(1)
    0.1
    """
    leaves = leaves_of(part, "it.release")
    hit = [pair for name in names for pair in _hit(leaves, name, "it.release")]
    if not names:
        hit = [(leaf, knob) for leaf in leaves for knob in leaf.rule.hyperparameters]
    for leaf, knob in hit:
        leaf.knobs[knob.name] = leaf.knobs[knob.name].released()


def _of_kind(leaves: list[Leaf], kind: type[Rule]) -> list[Leaf]:
    chosen = [
        leaf
        for leaf in leaves
        if any(isinstance(rule, kind) for rule in (leaf.rule, *leaf.rule.members()))
    ]
    if not chosen:
        present = sorted({type(rule).__name__ for leaf in leaves for rule in leaf.rule.members()})
        raise ValueError(
            refusal(
                "it.adjust", f"a leaf with the rule {kind.__name__}", "only " + ", ".join(present)
            )
        )
    return chosen


def _hit(leaves: list[Leaf], name: str, where: str, kind: type[Rule] | None = None) -> list[Any]:
    """Return (leaf, knob) for every hyperparameter that a name reaches."""
    found = [(leaf, knob) for leaf in leaves for knob in leaf.rule.find(name, kind)]
    if not found:
        known: dict[str, None] = {}
        for leaf in leaves:
            for knob in leaf.rule.hyperparameters:
                plain = knob.name.rpartition("__")[2]
                if leaf.rule.find(plain, kind):
                    known |= dict.fromkeys((plain, knob.name) if kind is None else (plain,))
        raise ValueError(
            refusal(
                where,
                "a hyperparameter of the rules here",
                repr(name),
                did_you_mean(name, known),
            )
        )
    return found
