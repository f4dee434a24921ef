"""MixedPrecision: float32 master weights for parameters that are stored as float16."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from interactive_train.optim.leaf import MASTER
from interactive_train.optim.rule import Rule, State
from interactive_train.optim.setting import Setting
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


class MixedPrecision(Rule):
    """A rule that works on a float32 copy of each array; the array is that copy, rounded.

    In float16 a step below a thousandth of its parameter is lost, and squares of small gradients
    are 0. So moments and the master copy (``state["master"]``) are float32; gradients may have
    any floating type. There is no scaling of the loss.

    Parameters
    ----------
    rule : Rule
        Its hyperparameters are this rule's; also a `Chain`.

    Raises
    ------
    TypeError
        If it is no rule.

    References
    ----------
    Micikevicius et al.: Mixed precision training. 2018.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> model = {"w": np.ones(1, np.float16)}
    >>> opt_state = it.setup(MixedPrecision(optim.SGD(1e-4)), model)
    >>> for _ in range(10):
    ...     it.update(opt_state, model, {"w": np.ones(1, np.float16)})
    >>> model["w"], opt_state.w.state["master"].round(4)
    (array([0.999], dtype=float16), array([0.999], dtype=float32))
    """

    keeps_master: ClassVar[bool] = True

    def __init__(self, rule: Rule) -> None:
        if not isinstance(rule, Rule) or rule.keeps_master:
            got = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
            raise TypeError(refusal("optim.MixedPrecision", "wraps a plain rule or a chain", got))
        self._bind(rule)

    def members(self) -> tuple[Rule, ...]:
        """Return the rules that it is composed of."""
        return self.rule.members()

    def init(self, x: Any) -> State:
        """Return the master copy and the rule's state for it.

        Raises
        ------
        TypeError
            For float64, of which a float32 copy is no master.
        """
        if x.dtype == np.float64:
            raise TypeError(
                refusal(
                    "optim.MixedPrecision",
                    "arrays are float16 or float32",
                    str(x.dtype),
                    "Use the rule itself.",
                )
            )
        master = np.array(x, np.float32, order="C")
        return {MASTER: master, **self.rule.init(master)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the rule's new state and step; the caller passes the master copy for x."""
        return self.rule.apply(state, x, g)

    def settings(self) -> dict[str, Setting]:
        """Return the rule's knobs as they were given."""
        return self.rule.settings()

    def at(self, values: dict[str, Any]) -> Self:
        """Return a copy around the rule with these numbers."""
        return self._around(self.rule.at(values))

    def find(self, name: str, kind: type[Rule] | None = None) -> tuple[Hyperparameter, ...]:
        """Return the rule's hyperparameters that a name hits."""
        return self.rule.find(name, None if kind and isinstance(self, kind) else kind)

    def parts(self) -> tuple[Rule | None, ...]:
        """Return the rule's parts."""
        return self.rule.parts()

    def flusher(self, state: State) -> Rule | None:
        """Return the rule that applies what the state has gathered."""
        found = self.rule.flusher({k: v for k, v in state.items() if k != MASTER})
        return None if found is None else self._around(found)

    def alike(self, other: Rule) -> bool:
        """Whether two rules compute the same, given equal effective hyperparameters."""
        return isinstance(other, MixedPrecision) and self.rule.alike(other.rule)

    def __repr__(self) -> str:
        return f"MixedPrecision({self.rule!r})"

    def _around(self, rule: Rule) -> Self:
        twin = object.__new__(type(self))
        twin._bind(rule)
        return twin

    def _bind(self, rule: Rule) -> None:
        self.rule = rule
        # Class attributes of other rules; here the inner rule's.
        vars(self).update(
            hyperparameters=rule.hyperparameters,
            guarded=rule.guarded,
            elementwise=rule.elementwise,
        )
