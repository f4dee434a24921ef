"""Live stays live: a recorded run follows every control, and what that costs is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.kernels import compiler
from interactive_train.program.cost import flops
from interactive_train.training.recorded.engine import Engine
from tests.program.fits import Action, assert_close, course_of, draw, steered, watched

X = draw(48, 6)
Y = (X[:, 0] > X[:, 1]).astype(np.int64) + (X[:, 2] > 0)
SMOOTH = it.Knob("smoothing", 0.1, low=0.0, high=0.9)


def trainer_of(rule: Any = None) -> it.Trainer:
    model = nn.Sequential(
        nn.Linear(6, 16, bias=False), nn.BatchNorm(16), nn.relu, nn.Dropout(0.3),
        nn.Linear(16, 12), nn.tanh, nn.Linear(12, 3),
    )  # fmt: skip

    def loss(p: Any, y: Any) -> Any:
        return losses.cross_entropy_sparse(p, y, label_smoothing=SMOOTH)

    return it.Trainer(model, rule or optim.Adam(0.01), loss=loss)


def run_of(script: list[Action], rule: Any = None, **options: Any) -> it.Run:
    trainer = trainer_of(rule)
    options = {"batch_size": 8, "shuffle": 3} | options
    return steered(trainer, trainer.init(seed=0, dtype=np.float64), (X, Y), script, **options)


SCRIPTS: dict[str, list[Action]] = {
    "lr": [3, lambda r: r.adjust(lr=0.05), 3, lambda r: r.adjust(lr=0.001), 4],
    "lr of one layer": [3, lambda r: r.adjust("layers.4", lr=0.05), 9],
    "a schedule, scaled and released": [
        2, lambda r: r.adjust(lr=schedules.linear(0.05, 0.001, 20)), 5,
        lambda r: r.adjust(lr=0.02), 3, lambda r: r.release("lr"), 4,
    ],
    "beta1": [3, lambda r: r.adjust(beta1=0.5), 4],
    "dropout": [2, lambda r: r.adjust("layers.3", rate=0.6), 4,
                lambda r: r.adjust("layers.3", rate=0.0), 4],
    "a knob of the loss": [2, lambda r: r.adjust(smoothing=0.5), 4, lambda r: r.undo(), 3],
    "freeze and thaw": [3, lambda r: r.freeze("layers.0"), 3, lambda r: r.thaw("layers.0"), 3],
    "freeze a layer with statistics": [2, lambda r: r.freeze("layers.1"), 8,
                                       lambda r: r.thaw("layers.1"), 2],
    "freeze all but one": [2, lambda r: r.freeze("layers.0"), lambda r: r.freeze("layers.1"),
                           lambda r: r.freeze("layers.4"), 4, lambda r: r.thaw("layers"), 3],
    "freeze all": [2, lambda r: r.freeze("layers"), 3, lambda r: r.thaw("layers"), 3],
    "everything": [1, lambda r: r.adjust(lr=0.03), 2, lambda r: r.freeze("layers.4.bias"), 7,
                   lambda r: r.adjust(beta2=0.9), 2, lambda r: r.thaw("layers"),
                   lambda r: r.undo(), 5],
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_steered_run_is_the_same_eagerly_and_recorded(name: str) -> None:
    found = {}
    for recorded in (False, True):
        with watched(shards=2, recorded=recorded) as seen:
            found[recorded] = course_of(run_of(SCRIPTS[name]))
        assert seen.natively is recorded, seen.engine.refused
    assert_close(found[True], found[False], 1e-9)


@pytest.mark.parametrize("options", [{"clip_norm": 0.2}, {"accumulate": 2}])
def test_so_is_one_that_clips_or_accumulates(options: dict[str, Any]) -> None:
    found = {}
    for recorded in (False, True):
        with watched(recorded=recorded) as seen:
            found[recorded] = course_of(run_of(SCRIPTS["everything"], **options))
        assert seen.natively is recorded, seen.engine.refused
    assert_close(found[True], found[False], 1e-9)


def arrays(run: it.Run, below: str) -> dict[str, bytes]:
    return {
        path: array.tobytes()
        for path, array in it.tree.flatten_with_paths(run.state.model)
        if path.startswith(below)
    }


def test_what_is_frozen_does_not_move_by_a_bit() -> None:
    seen: list[dict[str, bytes]] = []
    note = lambda r: seen.append(arrays(r, "layers.1"))  # noqa: E731
    with watched() as fits:
        run = run_of([3, note, lambda r: r.freeze("layers.1"), note, 7, note,
                      lambda r: r.thaw("layers.1"), 2, note])  # fmt: skip
    assert fits.natively
    assert seen[0] == seen[1] == seen[2]  # also its statistics
    assert all(seen[2][path] != seen[3][path] for path in seen[3])
    assert len(run.history) == 14


# What it costs ------------------------------------------------------------------------------


@contextmanager
def compiles() -> Iterator[list[str]]:
    """Note every kernel that is loaded or compiled."""
    found: list[str] = []
    native = compiler.native

    def noted(symbol: str, *rest: Any) -> int:
        found.append(symbol)
        return native(symbol, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "native", noted)
        yield found


class Costs:
    """Counts recordings, tables and kernels between two looks."""

    def __init__(self, engines: list[Engine], kernels: list[str]) -> None:
        self.engines, self.kernels = engines, kernels
        self.before = (0, 0, 0)
        self.found: list[tuple[int, int, int]] = []

    def __call__(self, run: it.Run) -> None:
        engine = self.engines[-1]
        now = (engine.recordings, engine.tables, len(self.kernels))
        self.found.append(
            (now[0] - self.before[0], now[1] - self.before[1], now[2] - self.before[2])
        )
        self.before = now


MOVES: dict[str, list[Any]] = {
    "lr": [lambda r: r.adjust(lr=0.05), lambda r: r.adjust(lr=0.001), lambda r: r.adjust(lr=0.3)],
    "beta1": [lambda r: r.adjust(beta1=0.5), lambda r: r.adjust(beta1=0.8)],
    "eps": [lambda r: r.adjust(eps=1e-6)],
    "momentum": [lambda r: r.adjust(momentum=0.5), lambda r: r.adjust(momentum=0.99)],
    "dropout": [lambda r: r.adjust("layers.3", rate=0.6), lambda r: r.adjust("layers.3", rate=0.0)],
    "a knob": [lambda r: r.adjust(smoothing=0.5), lambda r: r.adjust(smoothing=0.2)],
    "undo": [lambda r: r.adjust(lr=0.05), lambda r: r.undo()],
}


@pytest.mark.parametrize("name", MOVES)
def test_a_slider_costs_no_recording_no_table_and_no_kernel(name: str) -> None:
    with watched() as seen, compiles() as kernels:
        look = Costs(seen.engines, kernels)
        script: list[Action] = [8, look]  # more than a pass: the order of batches is another one
        for move in MOVES[name]:
            script += [move, 8, look]
        rule = optim.SGD(0.01, momentum=0.9) if name == "momentum" else None
        run = run_of(script, rule)
    assert seen.natively
    assert look.found[1:] == [(0, 0, 0)] * len(MOVES[name])
    assert len({*run.history.loss.tolist()}) == len(run.history)


FREEZE, THAW = (lambda r: r.freeze("layers.0")), (lambda r: r.thaw("layers.0"))
MORE, LESS = (lambda r: r.freeze("layers.4")), (lambda r: r.thaw("layers.4"))
PATTERNS: dict[str, tuple[optim.Rule, list[Any], list[int]]] = {
    "without counters": (
        optim.SGD(0.01, momentum=0.9),
        [FREEZE, MORE, LESS, THAW, FREEZE, MORE, THAW, FREEZE],
        [1, 1, 0, 0, 0, 0, 1, 0],
    ),
    # What stood still counts its steps apart from then on: twice the known pattern is a new one.
    "with counters": (optim.Adam(0.01), [FREEZE, THAW] * 3, [1, 1, 1, 0, 0, 0]),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_freeze_costs_one_table_and_known_patterns_none(name: str) -> None:
    rule, changes, tables = PATTERNS[name]
    with watched() as seen, compiles() as kernels:
        look = Costs(seen.engines, kernels)
        script: list[Action] = [2, look]
        for change in changes:
            script += [change, 2, look]
        run_of(script, rule)
    assert seen.natively
    assert [t for _, t, _ in look.found[1:]] == tables
    assert [r for r, _, _ in look.found[1:]] == tables
    if name == "without counters":
        assert [k for _, _, k in look.found[1:]] == [0] * len(tables)  # the same loops, or fewer


def test_the_more_is_frozen_the_less_is_computed() -> None:
    with watched() as seen:
        work: list[float] = []

        def note(run: it.Run) -> None:
            current = seen.engine._current
            assert current is not None
            work.append(sum(flops(op) for op in current.program.ops))

        run_of([1, note, lambda r: r.freeze("layers.0"), 1, note,
                lambda r: r.freeze("layers.4"), 1, note])  # fmt: skip
    assert work[0] > work[1] > work[2]


def test_a_plain_fit_is_recorded_twice_to_be_sure_and_has_one_table() -> None:
    with watched() as seen:
        trainer = it.Trainer(nn.Linear(6, 3), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
        trainer.fit(trainer.init(), (X, Y), batch_size=8, epochs=3, shuffle=1, progress=False)
    assert (seen.engine.recordings, seen.engine.tables) == (2, 1)


def test_a_rule_that_gathers_gradients_is_not_recorded_at_every_turn() -> None:
    rule = optim.Chain(optim.AccumGrad(2), optim.SGD(0.1, momentum=0.9))
    with watched() as seen:
        run_of([24], rule)
    assert seen.natively
    assert seen.engine.recordings <= 5  # two shapes, two branches, and the check of the first
