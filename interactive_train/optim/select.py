"""Which leaves an operation is about: those of a state or a part of it, below a path or pattern."""

from __future__ import annotations

from typing import Any

from interactive_train.optim.leaf import Leaf
from interactive_train.optim.rule import Rule
from interactive_train.optim.state import OptimizerState
from interactive_train.runtime.errors import refusal

Part = OptimizerState | Leaf


def leaves_of(part: Part, where: str, path: str = "") -> list[Leaf]:
    """Return the leaves below a path (or pattern) of a part, a tied one once.

    Raises
    ------
    TypeError
        If `part` is no optimiser state, or `path` no text.
    KeyError
        If nothing is there; with a did-you-mean.
    """
    if not isinstance(path, str):
        raise TypeError(refusal(where, 'a path is a text such as "layers.0"', repr(path)))
    if isinstance(part, Leaf):
        if path:
            raise TypeError(refusal(where, "a leaf has no parts", repr(path), "Leave it out."))
        return [part]
    require_state(part, where)
    chosen = part[path] if path else part
    return [chosen] if isinstance(chosen, Leaf) else [leaf for _, leaf in chosen.leaves()]


def require_state(state: Any, where: str) -> None:
    """Refuse what is no optimiser state.

    Raises
    ------
    TypeError
        Says what came instead.
    """
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
