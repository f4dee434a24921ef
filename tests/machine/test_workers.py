"""Helpers: they meet, sleep, come when they are needed, and are in nobody's way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from interactive_train.kernels.elementwise import TANH
from interactive_train.kernels.status import BAD_INDEX
from interactive_train.machine import team, workers
from interactive_train.machine.control import ControlBlock
from interactive_train.machine.executor import run_native
from interactive_train.machine.sharded import Schedule, run, usable_threads
from interactive_train.machine.table import Table
from tests.machine.sharded_steps import Model, on, row

REPOSITORY = Path(__file__).resolve().parents[2]


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
    assert time.process_time() - started < 0.25


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
from tests.machine.sharded_steps import Model, on
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
