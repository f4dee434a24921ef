"""Controls: from a command to a change of a fit's knobs and freeze flags, and back.

Every change returns what stood before and how to restore it, so that undo needs no
inverse commands. Names and values are checked before anything is changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn.module import modules
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.setting import Setting, checked_value, most_common
from interactive_train.optim.state import matches
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records.commands import Adjust, Command, Freeze, Release, Thaw
from interactive_train.training.records.view import GroupView, KnobView
from interactive_train.training.step.stepper import Stepper


@dataclass(frozen=True, slots=True)
class Change:
    """What a command did: texts before and after, the new number if it is one, and the way back."""

    old: str
    new: str
    restore: Callable[[], None] | None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One place where a knob's setting is kept."""

    settings: dict[Any, Setting]
    key: Any
    description: Hyperparameter

    @property
    def setting(self) -> Setting:
        """The setting that stands there."""
        return self.settings[self.key]


@dataclass(frozen=True, slots=True)
class Past:
    """A setting that stood up to a step, the last one that used it."""

    step: int
    target: Target
    setting: Setting


class Controls:
    """The knobs and freeze flags of a stepper, by path and name."""

    def __init__(self, stepper: Stepper, model: Any) -> None:
        self._stepper = stepper
        self._modules = modules(model)
        self.past: dict[tuple[int, Any], list[Past]] = {}  # by where the setting is kept

    # Commands -------------------------------------------------------------------------

    def check(self, command: Command, where: str) -> None:
        """Raise if a command cannot be applied; change nothing."""
        if isinstance(command, Adjust):
            for target in self.targets(command.path, command.name, where):
                checked_value(command.value, target.description, where)
        elif isinstance(command, Release):
            self.targets(command.path, command.name, where)
        elif isinstance(command, (Freeze, Thaw)):
            self.leaves(command.path, where)

    def apply(self, command: Command, where: str) -> Change:
        """Apply an adjust, release, freeze or thaw."""
        if isinstance(command, (Freeze, Thaw)):
            return self._set_frozen(command, where)
        assert isinstance(command, (Adjust, Release))
        targets = self.targets(command.path, command.name, where)
        step = self._stepper.step + 1
        before = [(target, target.setting) for target in targets]
        if isinstance(command, Adjust):
            values = [checked_value(command.value, t.description, where) for t in targets]
            after = [t.setting.adjusted(v) for t, v in zip(targets, values, strict=True)]
        else:
            after = [t.setting.released() for t in targets]
        for target, setting in zip(targets, after, strict=True):
            target.description.check(setting.effective(step), where)
        self._set(zip(targets, after, strict=True))

        def restore() -> None:
            self._set(before)

        settings = [setting for _, setting in before]
        old = most_common(settings)
        new = after[settings.index(old)]
        value = new.effective(step)
        return Change(_shown(old, step), _shown(new, step), restore, value)

    def _set(self, pairs: Iterable[tuple[Target, Setting]]) -> None:
        for target, setting in pairs:
            past = self.past.setdefault((id(target.settings), target.key), [])
            if not past or past[-1].step != self._stepper.step:  # else it was used by no step
                past.append(Past(self._stepper.step, target, target.setting))
            target.settings[target.key] = setting

    def course(self, name: str, steps: Sequence[int], path: str, where: str) -> NDArray[np.float64]:
        """Return a knob's effective values: those that were used, and behind them the planned."""
        target = self.targets(path, name, where)[0]
        numbers = np.asarray(steps, dtype=np.int64)
        values = target.setting.course(numbers)
        for past in reversed(self.past.get((id(target.settings), target.key), [])):
            then = numbers <= past.step
            values[then] = past.setting.course(numbers[then])
        return values

    def _set_frozen(self, command: Freeze | Thaw, where: str) -> Change:
        leaves = self.leaves(command.path, where)
        before = [(leaf, leaf.frozen) for leaf in leaves]
        words = {True: "frozen", False: "training"}
        was = {frozen for _, frozen in before}
        for leaf in leaves:
            leaf.frozen = isinstance(command, Freeze)

        def restore() -> None:
            for leaf, frozen in before:
                leaf.frozen = frozen

        old = words[was.pop()] if len(was) == 1 else "partly frozen"
        return Change(old, words[isinstance(command, Freeze)], restore)

    # Names ----------------------------------------------------------------------------

    def targets(self, path: str, name: str, where: str) -> list[Target]:
        """Return where a knob is kept: in the optimiser's leaves or in layers.

        Raises
        ------
        ValueError
            For an unknown path or name, and for a name that both own there.
        """
        own = self._stepper.layer_knobs
        if not path:
            found = [t for _, leaf in self._stepper.opt.leaves() for t in _of(leaf, name)]
            if not found and ("", name) in own:
                return [Target(own, ("", name), self._stepper.declared["", name])]
            if not found:
                self._refuse_name(path, name, where)
            return found
        selected = [leaf for p, leaf in self._stepper.opt.leaves() if matches(p, path)]
        optimiser = [t for leaf in selected for t in _of(leaf, name)]
        layers = [
            Target(own, (p, knob.name), knob)
            for p, module in self._modules
            for knob in module.hyperparameters
            if knob.name == name and p and matches(p, path)
        ]
        if optimiser and layers:
            raise ValueError(
                refusal(
                    where,
                    f"{name!r} must be one knob at {path!r}",
                    "both the optimiser's and the layer's",
                    f"The optimiser's is adjust({path + '.weight'!r}, {name}=...), and without a "
                    f"path adjust({name}=...) is the optimiser's everywhere.",
                )
            )
        found = optimiser or layers
        if not found:
            known = self._stepper.opt.places()
            if not selected and not any(p and matches(p, path) for p, _ in self._modules):
                paths = [p for p, _ in self._modules if p] + list(known)
                raise ValueError(
                    refusal(
                        where,
                        "a layer, an array or a pattern",
                        repr(path),
                        did_you_mean(path, paths),
                    )
                )
            self._refuse_name(path, name, where)
        return found

    def _refuse_name(self, path: str, name: str, where: str) -> None:
        known = dict.fromkeys(
            knob
            for p, leaf in self._stepper.opt.leaves()
            if not path or matches(p, path)
            for knob in leaf.knobs
        ) | dict.fromkeys(name for p, name in self._stepper.layer_knobs if not p and not path)
        layers = {
            p: knob.name
            for p, module in self._modules
            for knob in module.hyperparameters
            if not path or (p and matches(p, path))
        }
        at = next((p for p, knob in layers.items() if knob == name), "")
        fix = f"It is a layer's: adjust({at!r}, {name}=...)." if at else ""
        raise ValueError(
            refusal(
                where,
                "a hyperparameter of the optimiser" + (f" or of {path!r}" if path else ""),
                repr(name),
                fix or did_you_mean(name, [*known, *(layers.values() if path else ())]),
            )
        )

    def leaves(self, path: str, where: str) -> list[Leaf]:
        """Return the leaves below a path or pattern, all without one."""
        found = [leaf for p, leaf in self._stepper.opt.places().items() if matches(p, path)]
        if not path:
            return [leaf for _, leaf in self._stepper.opt.leaves()]
        if not found:
            known = [g.path for g in self.groups()] + list(self._stepper.opt.places())
            raise ValueError(
                refusal(
                    where,
                    "a layer, an array or a pattern with trainable arrays",
                    repr(path),
                    did_you_mean(path, known),
                )
            )
        return list(dict.fromkeys(found))

    # Views ----------------------------------------------------------------------------

    def knobs(self) -> tuple[KnobView, ...]:
        """Return every knob; one whose leaves differ is listed again for each part that does."""
        step = max(1, self._stepper.step + 1)
        views = {(view.path, view.description.name): view
                 for view in leaf_knobs(self._stepper.opt.leaves(), step)}  # fmt: skip
        for (path, name), setting in self._stepper.layer_knobs.items():
            knob = self._stepper.declared[path, name]
            views[path, name] = _view(path, knob, setting, step)
        return tuple(views.values())

    def groups(self) -> tuple[GroupView, ...]:
        """Return every layer with arrays of its own; for other trees, every branch or array."""
        kinds = {path: type(module).__name__ for path, module in self._modules}
        grouped: dict[str, list[tuple[str, Leaf]]] = {}
        for path, leaf in self._stepper.opt.leaves():
            layer = path.rpartition(".")[0]
            grouped.setdefault(layer or path, []).append((path, leaf))
        return tuple(
            group_view(
                layer,
                kinds.get(layer, "array" if len(pairs) == 1 else "arrays"),
                sum(self._stepper.arrays[path].size for path, _ in pairs),
                pairs,
            )
            for layer, pairs in grouped.items()
        )


def _of(leaf: Leaf, name: str) -> list[Target]:
    return [Target(leaf.knobs, knob.name, knob) for knob in leaf.rule.find(name)]


def group_view(
    path: str, kind: str, parameters: int, leaves: Sequence[tuple[str, Leaf]]
) -> GroupView:
    """Return a layer as its leaves stand."""
    resting = tuple(place for place, leaf in leaves if leaf.frozen)
    whole = len(resting) == len(leaves)
    knobs = tuple(dict.fromkeys(name for _, leaf in leaves for name in leaf.knobs))
    return GroupView(path, kind, parameters, whole, () if whole else resting, knobs)


def leaf_knobs(leaves: Iterable[tuple[str, Leaf]], step: int) -> list[KnobView]:
    """Return every knob as most leaves have it, and again for each part that differs.

    A part is a layer, or an array where those of one layer differ among themselves.
    """
    leaves = list(leaves)
    common: dict[str, Setting] = {}
    layers: dict[tuple[str, str], Setting] = {}
    uneven: set[tuple[str, str]] = set()
    for name in dict.fromkeys(name for _, leaf in leaves for name in leaf.knobs):
        common[name] = most_common(leaf.knobs[name] for _, leaf in leaves if name in leaf.knobs)
    for path, leaf in leaves:
        for name, setting in leaf.knobs.items():
            layer = path.rpartition(".")[0] or path
            if layers.setdefault((layer, name), setting) != setting:
                uneven.add((layer, name))
    views: dict[tuple[str, str], KnobView] = {}
    for path, leaf in leaves:
        for knob in leaf.rule.hyperparameters:
            setting = leaf.knobs[knob.name]
            part = path.rpartition(".")[0] or path
            if common[knob.name] == setting:
                part = ""
            elif (part, knob.name) in uneven:
                part = path
            if (part, knob.name) not in views:
                views[part, knob.name] = _view(part, knob, setting, step)
    return list(views.values())


def _view(path: str, knob: Hyperparameter, setting: Setting, step: int) -> KnobView:
    effective, base = _values(setting, step)
    return KnobView(
        path,
        knob,
        effective,
        base,
        setting.scale,
        setting.override,
        setting.scheduled,
    )


def _values(setting: Setting, step: int) -> tuple[float, float]:
    """Return effective and base value; NaN for a schedule that fails, which the step tells of."""
    try:
        base = setting.base_value(step)
    except Exception:
        base = math.nan
    return (setting.override if setting.override is not None else setting.scale * base), base


def _shown(setting: Setting, step: int) -> str:
    if not setting.scheduled or setting.override is not None:
        return str(setting)
    factor = "" if setting.scale == 1.0 else f" x {setting.scale:.4g}"
    return f"schedule{factor} ({_values(setting, step)[0]:.4g})"
