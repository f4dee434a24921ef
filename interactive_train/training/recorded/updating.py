"""Updating: norm, clipping and rules of a recorded step, and what the step leaves behind.

Neighbouring arrays whose rules compute alike are updated as one flat value, in the memory layout of
`layout`. The rules' own Python runs on it, with hyperparameters and counters as `Scalar`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.autodiff.tensor import OPERATIONS, Tensor
from interactive_train.kernels.steps import REQUIRE_FINITE, ROOT_OF_SUMS, SUM_OF_SQUARES
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.rule import Rule
from interactive_train.optim.setting import Setting
from interactive_train.program.program import Home, Ref
from interactive_train.program.recorder import Recorder
from interactive_train.program.scalar import Scalar
from interactive_train.schedules import Schedule
from interactive_train.training.recorded.layout import Layout

if TYPE_CHECKING:
    from interactive_train.training.recorded.recording import Recording

Numbers = dict[Any, Scalar]
LARGEST_NORM = 1e15  # above it a step is taken eagerly, where every result is checked


def identity(setting: Setting) -> Any:
    """Return what two settings that are one number have in common.

    Schedules of this package count by their numbers, a user's functions by themselves: so a journal
    or a run that was read from a file has the step that it had.
    """
    return (_base(setting.base), setting.scale, setting.override)


def _base(base: Any) -> Any:
    if not callable(base):
        return base
    try:
        hash(base)
    except TypeError:
        return id(base)
    return base if isinstance(base, Schedule) else id(base)


def classes(leaves: Iterable[Leaf]) -> Any:
    """Return, per array, its freeze flag and which earlier one has equal settings and counters."""
    seen: dict[Any, int] = {}
    found = []
    for leaf in leaves:
        knobs = tuple(identity(s) for s in leaf.knobs.values())
        floats = tuple(v for v in leaf.state.values() if isinstance(v, (int, float)))
        found.append(
            (
                leaf.frozen,
                seen.setdefault(knobs, len(seen)),
                seen.setdefault(("state", floats), len(seen)),
                tuple(callable(s.base) for s in leaf.knobs.values()),
            )
        )
    return tuple(found)


@dataclass
class _Group:
    """Neighbouring arrays that one call of their rule updates, on its way through the parts."""

    paths: list[str]
    leaf: Leaf
    rule: Rule
    parts: tuple[Rule | None, ...]
    values: dict[str, Scalar]
    x: Tensor
    g: Any
    state: dict[str, Any]
    moved: Tensor | None = None

    def in_phase(self, phase: int) -> bool:
        return self.g is not None and phase < len(self.parts) and self.parts[phase] is not None


def record_update(
    recorder: Recorder,
    found: Recording,
    places: Mapping[str, Leaf],
    gradients: Mapping[str, Tensor],
    numbers: Numbers,
    clip_norm: float | None,
    tame: bool,
) -> None:
    """Note norm, clipping and rules; commit what they make."""
    layout = found.layout
    with recorder.at("gradient"):
        placed = {path: recorder.place(g, layout.gradient(path)) for path, g in gradients.items()}
    active = [path for path in placed if not places[path].frozen]
    found.groups = _grouped(active, layout, places)
    flat = {group[0]: _flat(recorder, layout, group, placed) for group in found.groups}
    with recorder.at("norm"):
        norm = _norm(recorder, layout, list(flat.values()), "gradient")
        recorder.output("norm", norm)
    factor: Any = None
    if clip_norm is not None:
        factor = OPERATIONS["where"](norm > clip_norm, clip_norm / norm, 1.0)
    works = []
    for paths in found.groups:
        g = flat[paths[0]]
        if factor is not None:
            g = g * OPERATIONS["astype"](factor, g.dtype)
        works.append(_work(recorder, found, places, paths, g, numbers))
    with recorder.at("update"):
        for phase in range(max((len(work.parts) for work in works), default=0)):
            now = [work for work in works if work.in_phase(phase)]
            shared = _norm(recorder, layout, [w.g for w in now], f"rule{phase}") if phase else None
            if shared is not None:
                recorder.output("rule's norm", shared)
            for work in now:
                part = work.parts[phase]
                assert part is not None
                rule = part.at({**work.values, "global_norm": shared})
                with recorder.at(f"update {type(work.rule).__name__}"):
                    work.state, work.g = rule.apply(work.state, work.x, work.g)
                    if phase == len(work.parts) - 1 and work.g is not None:
                        work.moved = work.x - work.g
        for work in works:
            _keep(recorder, found, work, tame)


def _grouped(active: Sequence[str], layout: Layout, places: Mapping[str, Leaf]) -> list[list[str]]:
    groups: list[list[str]] = []
    for path in active:
        last = groups[-1][-1] if groups else None
        if last is not None and _joins(layout, places, groups[-1][0], last, path):
            groups[-1].append(path)
        else:
            groups.append([path])
    return groups


def _joins(layout: Layout, places: Mapping[str, Leaf], first: str, last: str, path: str) -> bool:
    """Whether an array continues a group: next in memory, updated by the same formula."""
    a, b = places[first], places[path]
    before, after = layout.arrays[last], layout.arrays[path]
    if a.rule.keeps_master or not (a.rule.elementwise and a.rule.alike(b.rule)):
        return False
    if (before.home.region, before.stop) != (after.home.region, after.home.start):
        return False
    if any(identity(a.knobs[k]) != identity(b.knobs[k]) for k in a.knobs):
        return False
    if a.state.keys() != b.state.keys():
        return False
    for name, value in a.state.items():
        other = b.state[name]
        if not isinstance(value, np.ndarray):
            if value != other:
                return False
        elif value.shape != a.shape or other.shape != b.shape:
            if value.ndim or other.ndim or value != other:
                return False
        elif value.dtype != layout.arrays[first].dtype:
            return False
    return True


def _extent(layout: Layout, paths: Sequence[str]) -> int:
    first, last = layout.arrays[paths[0]], layout.arrays[paths[-1]]
    return last.home.start + last.size - first.home.start


def _flat(
    recorder: Recorder, layout: Layout, paths: Sequence[str], placed: Mapping[str, Tensor]
) -> Tensor:
    if len(paths) == 1:
        return placed[paths[0]]
    pieces = [placed[path] for path in paths]
    return recorder.joined(pieces, _extent(layout, paths), layout.gradient(paths[0]))


def _norm(recorder: Recorder, layout: Layout, parts: Sequence[Any], what: str) -> Tensor:
    """Note the Euclidean norm of all numbers in some values, a 0-d float64 value."""
    region = layout.add(f"squares.{what}", (len(parts),), np.float64)
    squares = []
    for at, g in enumerate(parts):
        out = recorder.fresh((), np.float64, Home(region.home.region, region.home.start + at))
        recorder.call(SUM_OF_SQUARES, g.dtype, (_ref(out), _ref(recorder, g), g.size))
        squares.append(Tensor.wrap(out))  # type: ignore[arg-type]
    guarded = what == "gradient"
    root: Any = recorder.fresh((2,), np.float64, Home("guards", 1) if guarded else None)
    limit = np.array([LARGEST_NORM])
    if len(parts) > 1:
        joined = recorder.joined(squares, len(parts), region.home)
    else:
        joined = squares[0] if squares else Tensor.wrap(np.zeros(1))
    operands = (_ref(root), _ref(recorder, joined), limit, len(parts))
    recorder.call(ROOT_OF_SUMS, np.dtype(np.float64), operands)
    whole = Tensor.wrap(root)
    if guarded:
        recorder.output("guarded norm", whole)
    return whole[0]


def _ref(*of: Any) -> Ref:
    """Return a ghost, or a tensor of a recorder, as an operand."""
    return Ref(of[0].number if len(of) == 1 else of[0].number(of[1]))


def _work(
    recorder: Recorder,
    found: Recording,
    places: Mapping[str, Leaf],
    paths: list[str],
    g: Tensor,
    numbers: Numbers,
) -> _Group:
    first = places[paths[0]]
    if first.rule.keeps_master:
        raise NotRecordableError(f"optim.{type(first.rule).__name__}: keeps master copies")
    layout = found.layout
    place = layout.arrays[paths[0]]
    one = len(paths) == 1
    shape = place.shape if one else (_extent(layout, paths),)
    x: Any = recorder.input(shape, place.dtype, place.home)
    state: dict[str, Any] = {}
    for name, value in first.state.items():
        if isinstance(value, np.ndarray):
            own = layout.states[paths[0], name]
            along = value.shape == place.shape and not one
            ghost: Any = recorder.input(shape if along else own.shape, own.dtype, own.home)
            state[name] = Tensor.wrap(ghost)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            scalar = found.cells.kept(float(value))
            found.kept.append(([places[path] for path in paths], name, scalar.cell))
            state[name] = scalar
        else:
            state[name] = value
    values = {
        knob.name: numbers[knob.name, identity(first.knobs[knob.name])]
        for knob in first.rule.hyperparameters
    }
    flat = g if one else g.reshape(-1)
    return _Group(paths, first, first.rule, first.rule.parts(), values, Tensor.wrap(x), flat, state)


def _keep(recorder: Recorder, found: Recording, work: _Group, tame: bool) -> None:
    """Commit what a rule made for a group of arrays."""
    layout = found.layout
    first = work.paths[0]
    place = layout.arrays[first]
    made: list[tuple[Tensor, Home]] = []
    if work.moved is not None:
        made.append((work.moved, place.home))
    for name, before in work.leaf.state.items():
        after = work.state.get(name, before)
        if isinstance(before, np.ndarray):
            made.append((_tensor(after), layout.states[first, name].home))
        elif isinstance(after, (Scalar, int, float)) and not isinstance(after, bool):
            kept = next(c for leaves, n, c in found.kept if n == name and work.leaf in leaves)
            cell = after.cell if isinstance(after, Scalar) else found.cells.constant(float(after))
            found.passed.append((cell, kept))
        elif after is not before:
            raise NotRecordableError(
                f"optim.{type(work.rule).__name__}: the state {name!r} is no number and no array"
            )
    for name in work.rule.guarded:
        tame = tame and not isinstance(work.state.get(name), Tensor)
    for tensor, home in made:
        number = recorder.number(tensor)
        if not tame and not tensor.known:
            flag = recorder.fresh((), np.float64)
            operands = (_ref(flag), _ref(recorder, tensor), tensor.size)
            recorder.call(REQUIRE_FINITE, tensor.dtype, operands)
            recorder.outputs[f"finite.{number}"] = flag.number
        recorder.commit(tensor, home)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor.wrap(np.ascontiguousarray(value))
