"""How one weight moves: the formula of its rule with the numbers of a step filled in. Pure.

In: the arrays, state and gradient in front of a step. Out: lines, each with its value and its
picture in names and in numbers, and the new weight that follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim import Chain, Leaf, MixedPrecision, Rule
from interactive_train.optim.leaf import MASTER
from interactive_train_widgets.teaching.expressions import Drawer, Tree, element, evaluate, plain
from interactive_train_widgets.teaching.formulas import FORMULAS, Line

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the formula, filled in.

    Attributes
    ----------
    rule : str
        The rule that it belongs to; in a chain there are several.
    name, meaning : str
    symbols, numbers : nested lists
        The expression; see `expressions`.
    value : float
    was : float
        The value before, of what a rule keeps; else NaN.
    """

    rule: str
    name: str
    meaning: str
    symbols: Tree
    numbers: Tree
    value: float
    was: float

    @property
    def text(self) -> str:
        """The line as text."""
        return f"{plain(self.symbols)} = {plain(self.numbers)}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One weight in one step.

    Attributes
    ----------
    rows : tuple of Row
        Empty for a rule that has no formula here.
    before, gradient, step, after : float
        The weight, its gradient, what is taken away, and the weight behind the step.
    knobs : mapping of str to float
        The hyperparameters, by rule-wide name.
    """

    rows: tuple[Row, ...]
    before: float
    gradient: float
    step: float
    after: float
    knobs: Mapping[str, float]


def explain_weight(
    leaf: Leaf,
    x: NDArray[Any],
    g: NDArray[Any],
    number: int,
    index: Index,
    state_after: Mapping[str, Any] | None = None,
) -> Explanation:
    """Return how the rule of a leaf moves one weight.

    Parameters
    ----------
    leaf : Leaf
        In front of the step.
    x, g : array
        The array and its gradient.
    number : int
        Of the step, for knobs that follow a schedule.
    index : tuple of int
    state_after : mapping, optional
        The state behind the step; norms over all arrays are taken from it.

    Examples
    --------
    >>> from interactive_train import optim
    >>> x, g = np.array([1.0, 2.0]), np.array([0.5, -0.25])
    >>> found = explain_weight(Leaf.fresh(optim.SGD(0.1, momentum=0.9), x), x, g, 1, (1,))
    >>> found.rows[0].text
    'μ·v + g = 0.9·0 + (−0.25)'
    >>> found.before, found.step, found.after
    (2.0, -0.025, 2.025)
    """
    rule, state = leaf.rule, leaf.state
    knobs = leaf.effective(number)
    if isinstance(rule, MixedPrecision):
        rule, x = rule.rule, state[MASTER]
    x, flow = np.asarray(x, np.float64), np.asarray(g, np.float64)
    after = state_after or {}
    rows: list[Row] = []
    moved = True
    for label, member, own in _members(rule.at(knobs)):
        kept = {k[len(own) :]: v for k, v in state.items() if k.startswith(own)}
        new = {k[len(own) :]: v for k, v in after.items() if k.startswith(own)}
        find = FORMULAS.get(type(member))
        if find is None:
            return _unknown(x, g, index, knobs)
        values = _values(member, kept, new) | {"x": x, "g": flow}
        stepped = False
        for line in find(member, kept):
            rows.append(_row(label, line, values, index, x.shape))
            values[line.name] = evaluate(line.expression, values)
            stepped = line.name == "dx"
        if not stepped:
            moved = False
            break
        flow = np.broadcast_to(values["dx"], x.shape)
    before = float(x[index])
    step = float(flow[index]) if moved else 0.0
    gradient = float(np.asarray(g)[index])
    return Explanation(tuple(rows), before, gradient, step, before - step, knobs)


def _members(rule: Rule) -> Iterator[tuple[str, Rule, str]]:
    """Yield (label, rule, prefix of its names in the state)."""
    if isinstance(rule, Chain):
        for label, member in rule.labelled():
            yield label, member, f"{label}."
    else:
        yield type(rule).__name__, rule, ""


def _values(rule: Rule, state: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a formula may name: hyperparameters and the state, in double precision."""
    values: dict[str, Any] = {k.name: float(getattr(rule, k.name)) for k in rule.hyperparameters}
    for name, value in state.items():
        values[name] = np.asarray(value, np.float64) if isinstance(value, np.ndarray) else value
    if "norm" in new:  # over the whole gradient: only the step itself knows it
        values["norm"] = float(new["norm"])
    return values


def _row(
    label: str, line: Line, values: Mapping[str, Any], index: Index, shape: tuple[int, ...]
) -> Row:
    value = evaluate(line.expression, values)
    return Row(
        label,
        line.name,
        line.meaning,
        Drawer(values, index, shape, False).draw(line.expression),
        Drawer(values, index, shape, True).draw(line.expression),
        element(value, index, shape),
        element(values[line.name], index, shape) if line.keeps else float("nan"),
    )


def _unknown(
    x: NDArray[Any], g: NDArray[Any], index: Index, knobs: Mapping[str, float]
) -> Explanation:
    nan = float("nan")
    return Explanation((), float(x[index]), float(np.asarray(g)[index]), nan, nan, knobs)
