"""A step over threads: the same numbers, codes and stops as on one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interactive_train.kernels.elementwise import ADD, MULTIPLY, TANH, TO_FLOAT64
from interactive_train.kernels.indexing import TAKE_ROWS
from interactive_train.kernels.reduction import SUM
from interactive_train.kernels.status import BAD_INDEX, INTERRUPTED, NONFINITE, decode
from interactive_train.machine import team, workers
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_checked, run_native
from interactive_train.machine.sharded import Schedule, run, usable_threads
from interactive_train.machine.table import Instruction, Table

REPOSITORY = Path(__file__).resolve().parents[2]
F4 = np.dtype(np.float32)
SHARDS = 4
Runner = Callable[[Table, Schedule, ControlBlock], int]


def checked(table: Table, schedule: Schedule, control: ControlBlock) -> int:
    return run_checked(table, control, schedule)


def on(threads: int) -> Runner:
    return lambda table, schedule, control: run(table, schedule, control, threads)


ALL = pytest.mark.parametrize(
    "runner", [on(1), on(2), on(4), checked], ids=["1 thread", "2 threads", "4 threads", "checked"]
)


def row(kernel: Any, *operands: Any, in_place: bool = False) -> Instruction:
    return Instruction(kernel, F4, operands, kernel.name, in_place)


class Model:
    """Four shards of x <- tanh(x w + b) and their sums; one row adds them; shards commit w."""

    def __init__(self, n: int = 37, capacity: int = 0) -> None:
        self.draw = np.random.default_rng(0)
        self.x = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.w = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.b = self.draw.normal(size=(SHARDS, n)).astype(np.float32)
        self.sums = np.zeros((SHARDS, 1), np.float32)
        self.total = np.zeros(1, np.float32)
        self.control = ControlBlock(guards=1, capacity=capacity)
        self.rows: list[Instruction] = []
        phases: list[list[list[int]]] = []

        def phase(*shards: list[Instruction]) -> None:
            spans = []
            for rows in shards:
                spans.append([len(self.rows), len(self.rows) + len(rows)])
                self.rows += rows
            phases.append(spans + [[0, 0]] * (SHARDS - len(shards)))

        phase(
            *(
                [
                    row(MULTIPLY.kernel("ff"), x, x, w, n, in_place=True),
                    row(ADD.kernel("ff"), x, x, b, n, in_place=True),
                    row(TANH.kernel("f"), x, x, n, in_place=True),
                    row(SUM, s, x, 1, n, 1),
                ]
                for x, w, b, s in zip(self.x, self.w, self.b, self.sums, strict=True)
            )
        )
        phase(
            [
                row(SUM, self.total, self.sums, 1, SHARDS, 1),
                row(TO_FLOAT64.kernel("f"), self.control.guards, self.total, 1),
            ]
        )
        # Each shard takes the x of its neighbour: wrong if the phases before were not done.
        phase(
            *(
                [row(ADD.kernel("ff"), w, w, self.x[(i + 1) % SHARDS], n, in_place=True)]
                for i, w in enumerate(self.w)
            )
        )
        self.table = Table.build(self.rows)
        self.schedule = Schedule(np.array(phases, np.int64), guard=2)

    def run(self, runner: Runner, steps: int) -> int:
        self.control.limit = self.control.step + steps
        return runner(self.table, self.schedule, self.control)

    def state(self) -> bytes:
        return self.x.tobytes() + self.w.tobytes() + self.total.tobytes()


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


WRONG: dict[str, tuple[Any, int, str]] = {
    "shape": (np.zeros((2, 2)), 0, r"Schedule: spans have the shape .*; got \(2, 2\)\."),
    "backwards": ([[[0, 1], [3, 2]]], 0, r"got \[3, 2\] for phase 0, shard 1"),
    "negative": ([[[-1, 1]]], 0, "a first row and the one after the last; got"),
    "guard": ([[[0, 1]]], 2, r"guard lies in 0 \.\.\. 1; got 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_schedule_refuses(case: str) -> None:
    spans, guard, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        Schedule(np.array(spans, np.int64), guard)


@ALL
def test_a_schedule_for_a_longer_table_is_refused(runner: Runner) -> None:
    model = Model()
    with pytest.raises(ValueError, match="the table has rows up to 22; got 0"):
        runner(Table.build([]), model.schedule, ControlBlock())


def test_a_schedule_cannot_be_changed_behind_the_executors_back() -> None:
    spans = np.array([[[0, 1]]])
    schedule = Schedule(spans, 1)
    spans[:] = 99
    assert schedule.words.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        schedule.words[0] = 7


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


class Meeting:
    """A phase of shards of which each waits for all others, so that each needs a thread."""

    def __init__(self, size: int) -> None:
        self.barrier, self.ran = threading.Barrier(size), set[int]()
        self._row = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(self._meet)
        nothing = np.zeros(0, np.float32)
        rows = [row(TANH.kernel("f"), nothing, nothing.copy(), 0) for _ in range(size)]
        self.table = Table.build(rows)
        self.table.words[:, 0] = ctypes.cast(self._row, ctypes.c_void_p).value or 0
        self.schedule = Schedule(np.array([[[i, i + 1] for i in range(size)]]), guard=1)
        self.control = ControlBlock()
        self.control.limit = 20

    def _meet(self, _: int) -> int:
        self.ran.add(threading.get_ident())
        try:
            self.barrier.wait(20)
        except threading.BrokenBarrierError:
            return BAD_INDEX
        return 0


def test_shards_of_a_phase_run_at_the_same_time() -> None:
    meeting = Meeting(3)
    assert run(meeting.table, meeting.schedule, meeting.control, threads=3) == 0
    assert threading.get_ident() in meeting.ran
    assert len(meeting.ran) == 3


def test_a_helper_that_falls_asleep_when_a_run_begins_comes_nevertheless() -> None:
    meeting, pool = Meeting(2), workers.Pool()
    results = (ctypes.c_int64 * 4)()
    pool.words[team.RESULTS] = ctypes.addressof(results)
    pool.wake(1)
    try:
        time.sleep(0.02)  # it leaves native code, and nobody wakes it again
        assert run_native(meeting.table, meeting.control, meeting.schedule, pool.address) == 0
    finally:
        pool.wanted = 0


def test_a_helper_sleeps_through_a_long_phase_that_has_no_work_for_it() -> None:
    model = Model()

    def wait(_: int) -> int:
        time.sleep(0.5)
        return 0

    slow = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(wait)
    alone = int(model.schedule.spans[1, 0, 0])
    model.table.words[alone, 0] = ctypes.cast(slow, ctypes.c_void_p).value or 0
    started = time.process_time()
    assert model.run(on(2), 1) == 0
    assert time.process_time() - started < 0.1


def test_a_helper_that_had_no_work_sleeps_and_can_be_woken() -> None:
    model = Model()
    for _ in range(5):
        model.run(on(2), 10)
        deadline = time.monotonic() + 20
        while not workers._pool.asleep and time.monotonic() < deadline:
            time.sleep(0.001)
        assert workers._pool.asleep
    assert not workers._pool.owner


def test_the_pool_is_given_back_after_an_error_and_after_a_lost_claim() -> None:
    pool = workers._pool

    def fails() -> None:
        with workers.Claim(1) as first, workers.Claim(1) as second:
            assert (first, second) == (pool.address, 0)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fails()
    assert not pool.owner
    lost = workers.Claim(1)
    assert lost.__enter__() == pool.address
    del lost
    assert not pool.owner


def test_where_no_thread_can_be_started_the_caller_works_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers, "_pool", workers.Pool())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    model, expected = Model(), Model()
    assert model.run(on(4), 50) == 0
    expected.run(on(1), 50)
    assert model.state() == expected.state()


def test_threads_are_counted_by_affinity_and_quota(tmp_path: Path) -> None:
    assert 1 <= usable_threads() <= (os.cpu_count() or 1)
    assert workers._quota(tmp_path) == sys.maxsize
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert workers._quota(tmp_path) == sys.maxsize
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("250000\n")
    assert workers._quota(tmp_path) == 3
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert workers._quota(tmp_path) == 3
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert workers._quota(tmp_path) == 1


SETUP = """
import os, signal, sys, threading, time
sys.path.insert(0, "tests/machine")
from test_sharded import Model, on
expected = Model(); expected.run(on(1), 200)
def right():
    model = Model()
    assert model.run(on(3), 200) == 0
    assert model.state() == expected.state()
"""
PROCESSES = {
    "helpers spin at exit": "right()",
    "helpers sleep at exit": "right(); time.sleep(0.05)",
    "a run goes on at exit": """
endless = Model()
threading.Thread(target=lambda: endless.run(on(2), 2**60), daemon=True).start()
while endless.control.step < 10: time.sleep(0.001)
""",
    "the first run is at exit": "import atexit; atexit.register(right)",
    "a finaliser and a signal run, too": """
class Late:
    def __del__(self): right()
signal.signal(signal.SIGINT, lambda *_: right())
for _ in range(20):
    late = Late(); del late
    signal.raise_signal(signal.SIGINT)
    right()
""",
}
FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork among threads, from Python 3.12
right()
endless = Model()
thread = threading.Thread(target=lambda: endless.run(on(2), 2**60))
thread.start()
while endless.control.step < 10: time.sleep(0.001)
for _ in range(3):
    child = os.fork()
    if not child:
        right(); right()
        assert threading.active_count() >= 2
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
endless.control.post(); thread.join()
right()
"""


def finishes(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SETUP + code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("case", PROCESSES)
def test_a_process_ends(case: str) -> None:
    finishes(PROCESSES[case])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_helpers_of_its_own() -> None:
    finishes(FORK)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals go to threads on POSIX")
def test_an_interrupted_caller_leaves_the_pool_free() -> None:
    model = Model()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for delay in np.linspace(0, 2e-3, 40):
            main = threading.main_thread().ident
            assert main is not None
            timer = threading.Timer(float(delay), signal.pthread_kill, (main, signal.SIGINT))
            try:
                timer.start()
                while timer.is_alive():
                    model.run(on(2), 1)
                time.sleep(0.001)
            except KeyboardInterrupt:
                pass
            timer.join()
    finally:
        signal.signal(signal.SIGINT, previous)
    model.run(on(2), 1)
    assert not workers._pool.owner
