"""How it is timed: thread counts tried out, rounds interleaved, first steps of fresh processes."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import Contender, Failed, Missing, Worker, caches_in, threads_of
from benchmarks.workloads import WORKLOADS

REST = 0.05  # seconds between blocks: the last contender's threads have to stop spinning
LONG_ENOUGH = 50_000  # microseconds that a loop takes from which its length is estimated


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : int
        Timed blocks of each contender.
    seconds : float
        Aim for one block.
    trial : float
        Aim for one block while a thread count is chosen.
    warm, cold : int
        Fresh processes for the first step.
    trials : float
        Steps of more FLOP than this are run by a peer at all threads, untried.
    """

    rounds: int
    seconds: float
    trial: float
    warm: int
    cold: int
    trials: float = math.inf


FULL = Effort(rounds=9, seconds=0.6, trial=0.4, warm=5, cold=3)
QUICK = Effort(rounds=3, seconds=0.15, trial=0.1, warm=1, cold=1, trials=3e9)


@dataclass
class Result:
    """What was found of one workload, by contender.

    Attributes
    ----------
    blocks : dict of list of float
        Microseconds per step of each block.
    peak_mb : dict of float
    threads : dict of int
        Best of those that were tried, for the peers.
    absent : dict of str
        Who is missing or failed, and why.
    notices : dict of list of str
        What ours said meanwhile, such as that a step runs eagerly.
    """

    blocks: dict[str, list[float]] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notices: dict[str, list[str]] = field(default_factory=dict)

    @contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Note that a contender is missing or failed, and go on without it."""
        try:
            yield
        except (Missing, Failed) as error:
            self.absent[name] = str(error)

    def medians(self) -> dict[str, float]:
        """Return the median microseconds per step."""
        return {name: statistics.median(times) for name, times in self.blocks.items()}


def measure(workload: str, contenders: Sequence[Contender], cores: int, effort: Effort) -> Result:
    """Time one workload.

    Every peer starts once per thread count (one, and all) and stays with its best; then all
    take turns, one block each per round.
    """
    result = Result()
    tried = WORKLOADS[workload].work().flop <= effort.trials
    counts = {1, cores} if tried else {cores}
    with ExitStack() as stack:
        trials: dict[str, dict[int, Worker]] = {}
        for contender in contenders:
            for count in counts if contender.peer else {0}:
                worker = Worker(contender, workload, threads_of(count or None))
                stack.callback(worker.close)
                trials.setdefault(contender.name, {})[count] = worker
        running: dict[str, Worker] = {}
        for name, workers in trials.items():
            with result.noting(name):
                best = fastest({n: w.ready() for n, w in workers.items()}, effort.trial)
                running[name] = workers.pop(best)
                result.threads |= {name: best} if best else {}
                for loser in workers.values():
                    loser.close()
        steps: dict[str, int] = {}
        for name, worker in running.items():
            with result.noting(name):
                steps[name] = steps_in(worker, effort.seconds)
        for _ in range(effort.rounds):
            for name in [name for name in steps if name not in result.absent]:
                with result.noting(name):
                    time.sleep(REST)
                    result.blocks.setdefault(name, []).extend(running[name].round(1, steps[name]))
        for name in [name for name in steps if name not in result.absent]:
            with result.noting(name):
                result.peak_mb[name] = running[name].peak()
                if notices := running[name].notices():
                    result.notices[name] = notices
    for name in result.absent:
        result.blocks.pop(name, None)
    return result


def steps_in(worker: Worker, seconds: float) -> int:
    """Return how many steps fill so many seconds; 2 at least."""
    steps = 2
    each = worker.round(1, steps)[0]
    while each * steps < LONG_ENOUGH and steps < 100_000:  # a short loop is mostly its beginning
        steps *= 8
        each = worker.round(1, steps)[0]
    return max(2, round(1e6 * seconds / max(each, 0.1)))


def fastest(workers: Mapping[int, Worker], seconds: float) -> int:
    """Return the thread count with the best median of three blocks, taken in turn.

    Blocks that turn out three times as long as they should are taken once.
    """
    if len(workers) == 1:
        return next(iter(workers))
    steps = {count: steps_in(worker, seconds) for count, worker in workers.items()}
    times: dict[int, list[float]] = {count: [] for count in workers}
    begun = time.perf_counter()
    for _ in range(3):
        for count, worker in workers.items():
            time.sleep(REST)
            times[count] += worker.round(1, steps[count])
        if time.perf_counter() - begun > 3 * len(workers) * (seconds + REST):
            break
    return min(times, key=lambda count: statistics.median(times[count]))


def first_steps(
    contenders: Sequence[Contender], effort: Effort, workload: str = "mnist"
) -> dict[str, dict[str, float]]:
    """Return the median seconds from process start to the end of the first step.

    Returns
    -------
    dict
        ``{"warm": {contender: seconds}, "cold": {contender: seconds}}``. Warm: a process before
        filled the caches of compiled code; cold: they are empty.
    """
    found: dict[str, dict[str, list[float]]] = {"warm": {}, "cold": {}}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(max(effort.warm, effort.cold)):
            for contender in contenders:
                with suppress(Missing, Failed):  # `measure` says who is absent
                    filled = Path(folder) / f"{contender.name}-0"
                    if turn < effort.cold:
                        cache = Path(folder) / f"{contender.name}-{turn}"
                        cold = first_step(contender, workload, cache)
                        found["cold"].setdefault(contender.name, []).append(cold)
                    if turn < effort.warm:
                        warm = first_step(contender, workload, filled)
                        found["warm"].setdefault(contender.name, []).append(warm)
    return {
        kind: {name: statistics.median(times) for name, times in each.items()}
        for kind, each in found.items()
    }


def first_step(contender: Contender, workload: str, cache: Path) -> float:
    """Return seconds from the start of a process to the end of its first step."""
    cache.mkdir(exist_ok=True)
    begun = time.time()
    worker = Worker(contender, workload, caches_in(cache), "first")
    try:
        return worker.first() - begun
    finally:
        worker.close()
