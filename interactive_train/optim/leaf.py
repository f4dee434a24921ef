"""Leaf: the optimiser's state for one array - its rule, its moments, its knobs, its freeze flag.

A tied array has one Leaf that stands at each of its places: the identity of the Leaf is the tie.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from interactive_train.optim.rule import Rule, State
from interactive_train.optim.setting import Setting

MASTER = "master"  # where the state of a rule that keeps a master copy has it


@dataclass(eq=False)
class Leaf:
    """What the optimiser knows about one array.

    Attributes
    ----------
    rule : Rule
    state : dict
        Arrays like the parameter, read-only, and floats; replaced by every update.
    knobs : dict of Setting
    frozen : bool
        Parameter, state and counters are suspended.
    shape, dtype
        Of the array.
    """

    rule: Rule
    state: State
    knobs: dict[str, Setting] = field(default_factory=dict)
    frozen: bool = False
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))

    @classmethod
    def fresh(cls, rule: Rule, x: Any) -> Leaf:
        """Return the leaf of an array that was not updated yet."""
        leaf = cls(rule, {}, rule.settings(), shape=x.shape, dtype=x.dtype)
        leaf.state = leaf.initial(x, 1)
        return leaf

    def initial(self, x: Any, step: int) -> State:
        """Return the state of an array before any update, by the knobs of a step."""
        state = self.rule.at(self.effective(step)).init(x)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return state

    def reset(self, step: int) -> None:
        """Forget moments and counters; the next update is step number `step`."""
        state = self.initial(np.zeros(self.shape, self.dtype), step)
        if MASTER in state:
            state[MASTER] = self.state[MASTER]
        self.state = state

    def copy(self) -> Leaf:
        """Return an independent leaf; arrays are shared, since they are never written to."""
        return replace(self, state=dict(self.state), knobs=dict(self.knobs))

    def effective(self, step: int) -> dict[str, float]:
        """Return the numbers that step number `step` uses, checked against their declaration."""
        where = f"{type(self.rule).__name__} at step {step}"
        return {
            knob.name: knob.check(self.knobs[knob.name].effective(step), where)
            for knob in self.rule.hyperparameters
        }

    def __repr__(self) -> str:
        knobs = ", ".join(f"{name}={setting}" for name, setting in self.knobs.items())
        state = ", ".join(
            f"{name}={list(value.shape) if isinstance(value, np.ndarray) else f'{value:.4g}'}"
            for name, value in self.state.items()
        )
        frozen = ", frozen" if self.frozen else ""
        return f"Leaf({type(self.rule).__name__}({knobs}), {state or 'no state'}{frozen})"
