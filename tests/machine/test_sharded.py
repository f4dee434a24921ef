"""A step over threads: the same numbers, codes and stops as on one."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from interactive_train.kernels.elementwise import ADD
from interactive_train.kernels.indexing import TAKE_ROWS
from interactive_train.kernels.status import BAD_INDEX, INTERRUPTED, NONFINITE, decode
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.sharded import Schedule, run
from interactive_train.machine.table import Instruction, Table
from tests.machine.sharded_steps import ALL, SHARDS, Model, Runner, checked, on, row


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_thousands_of_steps_are_equal_to_the_bit_with_any_number_of_threads(threads: int) -> None:
    alone, many = Model(capacity=5000), Model(capacity=5000)
    assert alone.run(on(1), 5000) == 0
    for _ in range(50):
        assert many.run(on(threads), 100) == 0
    assert many.state() == alone.state()
    np.testing.assert_array_equal(many.control.losses, alone.control.losses)
    assert np.unique(many.control.losses).size > 100


def test_checked_and_native_agree_on_a_schedule() -> None:
    plain, native = Model(capacity=3), Model(capacity=3)
    plain.run(checked, 3)
    native.run(on(2), 3)
    np.testing.assert_allclose(plain.x, native.x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(plain.control.history, native.control.history, rtol=1e-5)


@ALL
def test_a_value_that_is_not_finite_stops_before_the_commit_phase(runner: Runner) -> None:
    model = Model(capacity=9)
    model.run(runner, 2)
    before = model.w.copy()
    model.x[1, 3] = np.nan
    assert decode(model.run(runner, 5)) == (NONFINITE, 0)
    assert decode(model.control.status) == (NONFINITE, 0)
    assert model.control.step == 2
    np.testing.assert_array_equal(model.w, before)
    assert not model.control.losses[2:].any()


@ALL
def test_the_guard_may_stand_behind_all_phases(runner: Runner) -> None:
    model = Model()
    model.schedule = Schedule(model.schedule.spans, guard=3)
    before = model.w.copy()
    model.x[0, 0] = np.inf
    model.w[0, 0] = np.nan
    assert decode(model.run(runner, 1)) == (NONFINITE, 0)
    assert not np.array_equal(model.w, before)
    assert model.control.step == 0


class Failing:
    """The second rows of some shards take row 9 of five; the second phase writes."""

    def __init__(self, bad: set[int]) -> None:
        self.kept = np.zeros((SHARDS, 1), np.float32)
        self.seen = np.zeros((SHARDS, 2, 3), np.float32)
        source = np.ones((5, 3), np.float32)
        one = np.ones(1, np.float32)
        rows = []
        for shard in range(SHARDS):
            for last in (1, 9 if shard in bad else 1):
                index = np.array([0, last], np.int64)
                rows.append(row(TAKE_ROWS, self.seen[shard], source, index, 2, 3, 5))
        for kept in self.kept:
            rows.append(row(ADD.kernel("ff"), kept, kept, one, 1, in_place=True))
        self.table = Table.build(rows)
        first = [[2 * s, 2 * s + 2] for s in range(SHARDS)]
        second = [[8 + s, 9 + s] for s in range(SHARDS)]
        self.schedule = Schedule(np.array([first, second]), guard=1)


@ALL
@pytest.mark.parametrize("bad", [{0}, {3}, {1, 2}, {2, 3}], ids=str)
def test_the_first_failing_shard_is_reported_and_no_later_phase_runs(
    runner: Runner, bad: set[int]
) -> None:
    failing = Failing(bad)
    for _ in range(3 if runner is checked else 200):
        control = ControlBlock()
        code = runner(failing.table, failing.schedule, control)
        assert decode(code) == (BAD_INDEX, 1)
        assert (control.status, control.row) == (code, 2 * min(bad) + 1)
        assert (control.step, bool(failing.kept.any())) == (0, False)


@ALL
def test_after_a_failure_the_next_run_is_a_new_one(runner: Runner) -> None:
    runner(Failing({1}).table, Failing({1}).schedule, ControlBlock())
    sound = Failing(set())
    control = ControlBlock()
    assert runner(sound.table, sound.schedule, control) == 0
    assert (control.step, sound.kept.tolist()) == (1, [[1.0]] * SHARDS)


@ALL
def test_a_posted_mailbox_stops_before_the_next_step(runner: Runner) -> None:
    model = Model()
    model.control.post()
    assert model.run(runner, 5) == INTERRUPTED
    assert (model.control.step, model.control.status) == (0, INTERRUPTED)
    model.control.clear()
    assert model.run(runner, 5) == 0
    assert model.control.step == 5


def test_another_thread_stops_a_run_between_two_steps() -> None:
    model = Model()
    worker = threading.Thread(target=lambda: model.run(on(2), 2**60))
    worker.start()
    deadline = time.monotonic() + 20
    while model.control.step < 100 and time.monotonic() < deadline:
        time.sleep(0.001)
    model.control.post()
    worker.join(20)
    assert not worker.is_alive()
    assert model.control.status == INTERRUPTED
    again = Model()
    again.run(on(1), model.control.step)
    assert again.state() == model.state()


@ALL
def test_the_history_holds_all_values_of_a_chunk_that_begins_at_its_base(runner: Runner) -> None:
    control = ControlBlock(guards=1, capacity=3, columns=2)
    count, one = np.zeros(1), np.ones(1)
    f8 = np.dtype(np.float64)
    add = ADD.kernel("ff")
    rows = [
        Instruction(add, f8, (count, count, one, 1), in_place=True),
        Instruction(add, f8, (control.guards[:1], count, np.zeros(1), 1)),
        Instruction(add, f8, (control.guards[1:], np.full(1, np.nan), one, 1)),  # not guarded
    ]
    table, schedule = Table.build(rows), Schedule(np.array([[[0, 3]]]), guard=1)
    control.step = control.base = 1000
    control.limit = 1002
    assert runner(table, schedule, control) == 0
    np.testing.assert_array_equal(control.history, [[1, np.nan], [2, np.nan], [0, 0]])
    control.base, control.limit = 1004, 1008
    assert runner(table, schedule, control) == 0
    assert control.history[:, 0].tolist() == [5.0, 6.0, 7.0]


def test_phases_without_rows_and_schedules_without_phases_count_steps() -> None:
    for spans in (np.zeros((0, 2, 2)), np.zeros((3, 0, 2)), np.zeros((3, 2, 2))):
        control = ControlBlock()
        control.limit = 3
        assert run(Table.build([]), Schedule(spans.astype(np.int64), 0), control, 4) == 0
        assert control.step == 3


@ALL
def test_a_schedule_for_a_longer_table_is_refused(runner: Runner) -> None:
    model = Model()
    with pytest.raises(ValueError, match="the table has rows up to 22; got 0"):
        runner(Table.build([]), model.schedule, ControlBlock())


def test_two_runs_at_once_are_both_right() -> None:
    expected = Model()
    expected.run(on(1), 3000)
    models = [Model() for _ in range(3)]

    def work(model: Model) -> None:
        for _ in range(30):
            assert model.run(on(2), 100) == 0

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [model.state() == expected.state() for model in models] == [True] * 3


def test_busy_neighbours_change_nothing() -> None:
    expected = Model(n=500)
    expected.run(on(1), 400)
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(2000))

    neighbours = [threading.Thread(target=busy) for _ in range(2)]
    for thread in neighbours:
        thread.start()
    try:
        model = Model(n=500)
        for _ in range(20):
            assert model.run(on(4), 20) == 0
    finally:
        over.set()
        for thread in neighbours:
            thread.join()
    assert model.state() == expected.state()
