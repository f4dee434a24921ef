"""Calls in parts: every kernel that may be divided makes the whole out of its parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.kernels import catalogue
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.table import Instruction, Table
from interactive_train.program.divide import divisions
from interactive_train.program.program import Op, Program, Ref
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.step.objective import of_predictions
from interactive_train.training.step.stepper import Stepper
from tests.losses.test_properties import CASES
from tests.program.fits import Array, draw, regression, watched
from tests.training.test_recorded_layers import LAYERS

ROWS = 6
Call = tuple[Op, list[Any]]  # with an array or a size for every operand


def memory(program: Program, regions: dict[str, Array]) -> list[Array]:
    """Return where every value lies when a program runs call by call."""
    own = {name: region.copy() for name, region in regions.items()}
    held: dict[int, Array] = {}
    for number, value in enumerate(program.values):
        if value.base >= 0:
            continue
        if value.constant is not None:
            held[number] = value.constant.reshape(-1)
        elif value.home is not None:
            start = value.home.start
            held[number] = own[value.home.region][start : start + value.size]
        else:
            held[number] = np.full(value.size, 77, value.dtype)
    found = []
    for number, value in enumerate(program.values):
        owner, start = program.root(number)
        found.append(held[owner][start : start + value.size])
    return found


def typed(op: Op, operands: list[Any]) -> list[Any]:
    wanted = [None if d.role == "size" else d.dtype(op.floating) for d in op.kernel.operands]
    return [o if w is None or o.dtype == w else o.view(w)
            for o, w in zip(operands, wanted, strict=True)]  # fmt: skip


def run(op: Op, operands: list[Any]) -> None:
    row = Instruction(op.kernel, op.floating, tuple(typed(op, operands)))
    assert run_native(Table.build([row]), ControlBlock()) == 0


def calls_of(program: Program, regions: dict[str, Array]) -> Iterator[Call]:
    """Run a program call by call; yield each with what it found and made."""
    held = memory(program, regions)
    for op in program.ops:
        operands = [held[o.number] if isinstance(o, Ref) else o for o in op.operands]
        run(op, operands)
        yield op, [o.copy() if isinstance(o, np.ndarray) else o for o in operands]


def models() -> Iterator[tuple[str, it.Trainer, it.TrainState, Any]]:
    for name, (model, shape) in LAYERS.items():
        x = draw(ROWS, *shape)
        trainer, state, data = regression(model, optim.SGD(0.1), x, np.float64)
        yield name, trainer, state, [data]
    numbers = np.random.default_rng(0).integers(0, 5, (ROWS, 3))
    model = lambda: nn.Sequential(nn.Embedding(5, 4), nn.gelu)  # noqa: E731
    trainer, state, data = regression(model, optim.Adam(0.1), numbers, np.float64)
    yield "embedding", trainer, state, [data]
    for name in ("cross_entropy_sparse", "cross_entropy_sparse with options", "focal", "hinge"):
        case = CASES[name]
        trainer = it.Trainer(nn.Linear(3, case.shape[-1]), optim.Adam(0.1), loss=case.loss)
        yield name, trainer, trainer.init(dtype=np.float64), [(draw(4, 3), case.targets)]


@cache
def calls() -> dict[str, Call]:
    """Return one call of every kernel that steps of all layers and some losses make."""
    found: dict[str, Call] = {}
    for _, trainer, state, data in models():
        for given in (
            data,
            it.batches(*data[0], batch_size=len(data[0][0])),
        ):  # an element, or rows
            with watched() as seen:
                trainer.fit(state, given, progress=False)
            current = seen.engine._current
            assert current is not None
            current.counters[...] = 0  # the batch begins at the first row again
            program = current.recording.program if given is data else current.program
            for op, operands in calls_of(program, current.regions):
                key = op.kernel.name
                if key == "gemm":
                    key += str([op.sizes[n] for n in ("transpose_a", "transpose_b")])
                    key += " of many" if op.sizes["batch"] > 1 else ""
                if not op.late:  # these write to what they read
                    found.setdefault(key, (op, operands))
    return found


def cut(parts: int, extent: int) -> list[int]:
    return [extent * p // parts for p in range(parts + 1)]


def assert_divides(op: Op, whole: list[Any], bounds: list[int], at: int) -> None:
    """Make a call in parts, by one way to divide it, and compare with the whole."""
    division = list(divisions(op))[at]
    made: dict[int, Array] = {}
    for low, high in itertools.pairwise(bounds):
        partial = {
            p for p, d in enumerate(op.kernel.operands)
            if d.role == "written" and p not in division.cut and p not in division.windows
        }  # fmt: skip
        assert bool(partial) == division.partial
        if low == high and not partial:
            continue
        operands, views = list(op.operands), list(whole)
        for p, changed in division.part(low, high).items():
            operands[p] = views[p] = changed
        for p, declared in enumerate(op.kernel.operands):
            if declared.role == "size":
                continue
            flat = np.asarray(views[p]).reshape(-1)
            if p in division.windows:
                start, count = division.windows[p](low, high)
                if declared.role == "written":  # parts of it lie between those of others
                    place = made.setdefault(p, np.full_like(flat, 77))
                    views[p] = place[start : start + count]
                    continue
                flat = flat[start : start + count]
            elif p in division.cut:
                inner = division.cut[p]
                flat = flat[low * inner : high * inner]
            views[p] = np.full_like(flat, 77) if declared.role == "written" else flat
        run(replace(op, operands=tuple(operands)), views)
        for p, declared in enumerate(op.kernel.operands):
            if declared.role == "written":
                if p in partial:
                    made[p] = made[p] + views[p] if p in made else views[p]
                elif p not in division.windows:
                    made[p] = np.concatenate([made[p], views[p]]) if p in made else views[p]
    for p, found in made.items():
        size = op.kernel.operands[p].count(op.sizes)
        right = np.asarray(whole[p]).reshape(-1)[:size]
        np.testing.assert_allclose(found[:size], right, rtol=1e-11, atol=1e-12)


def test_calls_in_parts_make_the_whole() -> None:
    divided: set[str] = set()
    for name, (op, whole) in calls().items():
        for at, division in enumerate(divisions(op)):
            extent = division.extent
            for bounds in (cut(2, extent), cut(3, extent), [0, 0, extent], [0, extent, extent]):
                try:
                    assert_divides(op, whole, bounds, at)
                except AssertionError as error:
                    raise AssertionError(f"{name} at {bounds}: {error}") from error
            divided.add(op.kernel.name)
    declared = {k.name for k in catalogue.WRITTEN if k.parallel}
    met = {op.kernel.name for op, _ in calls().values()}
    assert declared & met <= divided
    assert declared - met <= NOT_MET


# Of second derivatives and metrics.
NOT_MET = {"argmax_middle", "max_pool_pick", "pick", "place"}


@pytest.mark.parametrize("case", ["gemm[0, 0]", "gemm[1, 0]"])
def test_products_divide_by_rows_and_by_what_is_summed(case: str) -> None:
    op, _ = calls()[case]
    first = next(divisions(op))
    assert first.partial is (case == "gemm[1, 0]")
    assert first.extent == (op.sizes["k"] if first.partial else op.sizes["m"])


def test_a_product_with_a_large_right_side_is_made_by_columns_where_the_batch_is_small() -> None:
    def products(batch: int, width: int) -> list[Any]:
        engine, objective, element = a_fit(batch, width, threads=1, shards=2)
        made, _ = engine.prepare(objective, [element], None, 1)
        rows = [r.op.sizes for r in made.lowered.sharded.rows if r.op.kernel.name == "gemm"]
        return [s for s in rows if s["transpose_a"] == 0][:2]

    wide = products(64, 640)
    assert [(s["m"], s["n"], s["out_lead"], s["b_lead"]) for s in wide] == [(64, 320, 640, 640)] * 2
    for batch, width in ((64, 256), (1024, 640)):
        apart = products(batch, width)
        assert [(s["m"], s["n"]) for s in apart] == [(batch // 2, width)] * 2


@pytest.mark.parametrize("shards", [2, 3])
def test_products_by_columns_give_the_same_bits_with_any_threads_and_what_eager_steps_give(
    shards: int,
) -> None:
    ends = []
    for threads in (1, 2, 4):
        engine, objective, element = a_fit(65, 648, threads, shards)
        for _ in range(3):
            assert engine.advance(objective, [element], None, 1) is not None
        engine.settle()
        ends.append(engine.stepper.arrays)
    for path, array in ends[0].items():
        assert all(other[path].tobytes() == array.tobytes() for other in ends[1:])
    engine, objective, element = a_fit(65, 648, 1, 1)
    for _ in range(3):
        engine.stepper.commit(engine.stepper.compute(objective, [element]))
    for path, array in ends[0].items():
        np.testing.assert_allclose(array, engine.stepper.arrays[path], rtol=1e-4, atol=1e-5)


def a_fit(batch: int, width: int, threads: int, shards: int) -> tuple[Engine, Any, Any]:
    model = nn.Sequential(nn.Linear(width, width), nn.relu, nn.Linear(width, width), nn.tanh,
                          nn.Linear(width, 2))  # fmt: skip
    x, y = draw(batch, width).astype(np.float32), np.arange(batch) % 2
    trainer = it.Trainer(model, optim.SGD(0.1, momentum=0.9), loss=losses.cross_entropy_sparse)
    engine = Engine(Stepper(trainer.init(seed=0), "test"), threads=threads, shards=shards)
    return engine, of_predictions(trainer.loss, "test"), (x, y)
