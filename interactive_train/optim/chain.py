"""Chain: several rules as one, each working on what the one before made of the gradient."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

from interactive_train.optim.rule import Rule, State
from interactive_train.optim.setting import Setting
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter


class Chain(Rule):
    """Rules one after the other: the dx of each is the gradient of the next.

    A member that makes no step (`AccumGrad`, while it gathers) ends the round: what stands behind
    it is not reached, and its state stays. A chain in a chain counts as its members.

    Every member's hyperparameters are the chain's. ``adjust(state, delta=2.5)`` reaches the members
    that have a delta. Where several have one of a name, the plain name reaches all of them; each
    is listed, with a slider of its own, as ``AdamW__weight_decay``. Among members
    of one class, ``WeightDecay_1__weight_decay`` is the first's.
    ``adjust(state, optim.AdamW, weight_decay=0.1)`` does it by class.

    Parameters
    ----------
    *rules : Rule
        At least one.

    Raises
    ------
    TypeError
        If one is no rule.
    ValueError
        If there is none, or one is a `MixedPrecision`, which goes around a chain.

    Examples
    --------
    >>> from interactive_train import optim
    >>> rule = optim.Chain(optim.WeightDecay(1e-3), optim.AdamW(3e-4))
    >>> [knob.name for knob in rule.hyperparameters]
    ['WeightDecay__weight_decay', 'lr', 'beta1', 'beta2', 'eps', 'AdamW__weight_decay']
    """

    def __init__(self, *rules: Rule) -> None:
        self._members = tuple(_flattened(rules))
        if not self._members:
            raise ValueError(
                refusal("optim.Chain", "needs at least one rule", "none", "optim.SGD() is one.")
            )
        self._labels = _numbered([type(member).__name__ for member in self._members])
        self._span = (0, len(self._members))
        shared = Counter(k.name for member in self._members for k in member.hyperparameters)
        self._names = [
            {
                knob.name: knob.name if shared[knob.name] == 1 else f"{label}__{knob.name}"
                for knob in member.hyperparameters
            }
            for label, member in zip(self._labels, self._members, strict=True)
        ]
        # Class attributes of other rules; a chain has its own, by its members.
        vars(self).update(
            hyperparameters=tuple(
                knob
                if names[knob.name] == knob.name
                else replace(knob, name=names[knob.name], label=f"{knob.title} ({label})")
                for label, member, names in self._rows()
                for knob in member.hyperparameters
            ),
            guarded=tuple(
                f"{label}.{name}" for label, member, _ in self._rows() for name in member.guarded
            ),
        )
        self._describe()

    def members(self) -> tuple[Rule, ...]:
        """Return the rules."""
        return self._members

    def labelled(self) -> tuple[tuple[str, Rule], ...]:
        """Return each rule behind the name under which the state of a chain keeps its part."""
        return tuple(zip(self._labels, self._members, strict=True))

    def tame(self, values: dict[str, float]) -> bool:
        """Whether all members are."""
        return all(
            member.tame({own: values[name] for own, name in names.items()})
            for _, member, names in self._rows()
        )

    def init(self, x: Any) -> State:
        """Return the members' states, each name behind the member's."""
        return {
            f"{label}.{name}": value
            for label, member, _ in self._rows()
            for name, value in member.init(x).items()
        }

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new states and the last member's step."""
        new = dict(state)
        for label, member, _ in itertools.islice(self._rows(), *self._span):
            own = f"{label}."
            before = {k[len(own) :]: v for k, v in state.items() if k.startswith(own)}
            after, g = member.apply(before, x, g)
            new.update({own + name: value for name, value in after.items()})
            if g is None:
                break
        return new, g

    def settings(self) -> dict[str, Setting]:
        """Return the knobs as they were given."""
        return {
            names[name]: setting
            for _, member, names in self._rows()
            for name, setting in member.settings().items()
        }

    def at(self, values: dict[str, Any]) -> Self:
        """Return a copy whose members' hyperparameters are these numbers."""
        rest = {name: value for name, value in values.items() if name == "global_norm"}
        members = [
            member.at({own: values[name] for own, name in names.items()} | rest)
            for _, member, names in self._rows()
        ]
        return self._with(members, self._span)

    def find(self, name: str, kind: type[Rule] | None = None) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters that a name hits: the members' of that name, or just one."""
        wanted = {
            names[own]
            for label, member, names in self._rows()
            if kind is None or isinstance(self, kind) or isinstance(member, kind)
            for own in names
            if name in (own, f"{label}__{own}")
        }
        return tuple(knob for knob in self.hyperparameters if knob.name in wanted)

    def parts(self) -> tuple[Rule | None, ...]:
        """Return the pieces between the members that want the global norm."""
        start, stop = self._span
        cuts = [i for i in range(start, stop) if self._members[i].wants_global_norm]
        bounds = itertools.pairwise([start, *cuts, stop])
        return tuple(self._with(self._members, span) if span[0] < span[1] else None
                     for span in bounds)  # fmt: skip

    def flusher(self, state: State) -> Rule | None:
        """Return the piece from the first member on that has gathered something."""
        for i, (label, member, _) in enumerate(self._rows()):
            own = f"{label}."
            flusher = member.flusher(
                {k[len(own) :]: v for k, v in state.items() if k.startswith(own)}
            )
            if flusher is not None:
                members = [*self._members[:i], flusher, *self._members[i + 1 :]]
                return self._with(members, (i, len(members)))
        return None

    def alike(self, other: Rule) -> bool:
        """Whether two chains compute the same, given equal effective hyperparameters."""
        return self is other or (
            isinstance(other, Chain)
            and self._span == other._span
            and len(self._members) == len(other._members)
            and all(a.alike(b) for a, b in zip(self._members, other._members, strict=True))
        )

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self._members))})"

    def _rows(self) -> Iterator[tuple[str, Rule, dict[str, str]]]:
        return zip(self._labels, self._members, self._names, strict=True)

    def _with(self, members: Sequence[Rule], span: tuple[int, int]) -> Self:
        """Return a piece of this chain with other members, under the names of the whole."""
        piece = object.__new__(type(self))
        piece.__dict__.update(self.__dict__)
        piece._members, piece._span = tuple(members), span
        piece._describe()
        return piece

    def _describe(self) -> None:
        members = self._members[slice(*self._span)]
        vars(self)["elementwise"] = all(member.elementwise for member in members)


def _flattened(rules: Sequence[Any]) -> Iterator[Rule]:
    for position, rule in enumerate(rules):
        if isinstance(rule, type) or not isinstance(rule, Rule):
            got = f"the class {rule.__name__}" if isinstance(rule, type) else repr(rule)
            raise TypeError(refusal("optim.Chain", "takes rules", f"{got} at position {position}"))
        if rule.keeps_master:
            raise ValueError(
                refusal(
                    "optim.Chain",
                    "a rule with master weights goes around a chain",
                    f"{type(rule).__name__} inside of it",
                    "Write optim.MixedPrecision(optim.Chain(...)).",
                )
            )
        yield from rule.members()


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names, those that recur with a number: WeightDecay_1, WeightDecay_2."""
    total, seen = Counter(names), Counter[str]()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(name if total[name] == 1 else f"{name}_{seen[name]}")
    return labels
