"""Leaf: the optimiser's state for one array - its rule, its moments, its knobs, its freeze flag.

A tied array has one Leaf that stands at each of its places: the identity of the Leaf is the tie.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interactive_train.optim.rule import Rule, State
from interactive_train.optim.setting import Setting


@dataclass(eq=False)
class Leaf:
    """What the optimiser knows about one array.

    Attributes
    ----------
    rule : Rule
    state : dict
        Arrays like the parameter, and floats; never changed in place.
    knobs : dict of Setting
    frozen : bool
        Parameter, state and counters are suspended.
    """

    rule: Rule
    state: State
    knobs: dict[str, Setting] = field(default_factory=dict)
    frozen: bool = False

    @classmethod
    def fresh(cls, rule: Rule, x: Any) -> Leaf:
        """Return the leaf of an array that was not updated yet."""
        return cls(rule, rule.init(x), rule.settings())

    def copy(self) -> Leaf:
        """Return an independent leaf; arrays are shared, since they are never written to."""
        return Leaf(self.rule, dict(self.state), dict(self.knobs), self.frozen)

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
