"""A contender's process: it prepares one workload, then answers the runner line by line.

``python -m benchmarks.peers.torch_eager mnist`` warms up and prints ``ready`` (or
``missing <what>`` where its package is not installed, ``failed <why>`` where it cannot do the
workload). Then, for each line on standard input, it prints one:

``round BLOCKS STEPS``
    A JSON list with the microseconds per step of each timed block.
``peak``
    The process's largest resident memory so far, in MB.

``... mnist first`` does one step instead, prints the time at its end (seconds since the epoch)
and leaves. Whatever a package prints itself goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

from benchmarks.workloads import WORKLOADS, Workload

# Run about so many steps (at least one) and return the seconds per step of those that were run.
Steps = Callable[[int], float]


def serve(prepare: Callable[[Workload], Steps], peak: Callable[[], float] | None = None) -> None:
    """Run as a contender.

    Parameters
    ----------
    prepare : callable
        Builds model, data and optimiser; imports its packages itself, so that a missing one
        can be reported.
    peak : callable, optional
        Returns peak memory in MB; by default that of this process.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    workload = WORKLOADS[sys.argv[1]]
    try:
        steps = prepare(workload)
        steps(1)
    except ImportError as error:
        print(f"missing {error}", file=answers)
    except Exception as error:  # whatever it was, the runner shall hear of it
        print(f"failed {type(error).__name__}: {str(error).partition(chr(10))[0]}", file=answers)
    else:
        if sys.argv[2:] == ["first"]:
            print(f"first {time.time()}", file=answers)
        else:
            print("ready", file=answers)
            _answer(steps, peak or own_peak, answers)


def _answer(steps: Steps, peak: Callable[[], float], answers: TextIO) -> None:
    for line in sys.stdin:
        match line.split():
            case ["round", blocks, count]:
                times = [1e6 * steps(int(count)) for _ in range(int(blocks))]
                print(json.dumps(times), file=answers)
            case ["peak"]:
                print(json.dumps(peak()), file=answers)
            case ["quit"]:
                return


def own_peak() -> float:
    """Return the largest resident memory of this process so far, in MB; NaN where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
