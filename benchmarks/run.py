"""The table of this project against its peers: microseconds a step, memory, first step.

    python -m benchmarks.run [--json FILE] [--only tiny,gpt] [--quick] [--contenders ours,jax_jit]

Each contender runs in a process of its own, a peer at the thread count that is best for it;
rounds are interleaved over the contenders, and medians are shown. The JSON holds

    {"workloads": {name: {"us": {contender: median}, "ratio_to_best_peer": r,
                          "roofline_fraction": f, "peak_mb": {contender: MB}}},
     "start_to_first_step_s": {"warm": {contender: s}, "cold": {contender: s}},
     "about": {...}}

with null where a number could not be taken. `about` says what the numbers were taken on and
who was absent, and why. ``--quick`` measures for a shorter time, leaves torch.compile out and
takes the first steps of ours alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, ROOT, Contender
from benchmarks.measure import FULL, QUICK, Result, first_steps, measure
from benchmarks.report import show
from benchmarks.workloads import WORKLOADS, Work

VERSION = 1
LEFT_OUT = ("OPENBLAS_", "PYTHONDONTWRITEBYTECODE")  # what a shell may have set for one of them
LEFT_OUT_WHEN_QUICK = "torch_compile"


def entry(workload: str, result: Result, ideal: float) -> dict[str, Any]:
    """Return what the JSON says of one workload.

    Parameters
    ----------
    workload : str
    result : Result
    ideal : float
        Seconds that a step needs at least.
    """
    us = result.medians()
    peers = [us[name] for name, contender in CONTENDERS.items() if contender.rated and name in us]
    ours = us.get("ours")
    return {
        "us": us,
        "ratio_to_best_peer": min(peers) / ours if peers and ours else None,
        "roofline_fraction": 1e6 * ideal / ours if ours else None,
        "peak_mb": {n: None if math.isnan(mb) else mb for n, mb in result.peak_mb.items()},
    }


def geometric_mean(entries: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Return that of the ratios of the tuned workloads; None where one of them has none."""
    ratios = [e["ratio_to_best_peer"] for name, e in entries.items() if WORKLOADS[name].tuned]
    if not ratios or None in ratios:
        return None
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))


def roofline() -> dict[str, Any]:
    """Return what `benchmarks.roofline` measured, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.roofline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"benchmarks.roofline: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ideal_seconds(work: Work, limits: Mapping[str, Any]) -> float:
    """Return the longer of computing the products and of moving the bytes.

    The bandwidth is that of the smallest measured footprint that the work fits in.
    """
    bandwidth = {int(size): rate for size, rate in limits["bandwidth"].items()}
    size = min((s for s in bandwidth if s >= work.footprint), default=max(bandwidth))
    return float(max(work.flop / limits["flops"], work.bytes / bandwidth[size]))


def versions() -> dict[str, str]:
    """Return the versions of what takes part and is installed."""
    found = {"python": platform.python_version()}
    for name in ("interactive-train", "numpy", "numba", "torch", "jax", "jaxlib", "optax"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def run(workloads: Sequence[str], contenders: Sequence[Contender], quick: bool) -> dict[str, Any]:
    """Measure everything and return the JSON's content; progress goes to standard error."""
    begun = time.time()
    effort = QUICK if quick else FULL
    absent: dict[str, dict[str, str]] = {}
    if quick:
        for contender in contenders:
            if contender.name == LEFT_OUT_WHEN_QUICK:
                absent[contender.name] = dict.fromkeys(workloads, "skipped by --quick")
        contenders = [c for c in contenders if c.name not in absent]
    say("limits of the machine")
    limits = roofline()
    entries: dict[str, dict[str, Any]] = {}
    about: dict[str, Any] = {
        "version": VERSION,
        "quick": quick,
        "machine": {"processor": cpu_name(), "cores": limits["threads"], "blas": limits["core"]},
        "versions": versions(),
        "roofline": limits,
        "threads": {},
        "blocks_us": {},
        "flop": {},
        "bytes": {},
        "absent": absent,
        "notices": {},
    }
    for name in workloads:
        say(f"{name}, {time.time() - begun:.0f} s so far")
        work = WORKLOADS[name].work()
        result = measure(name, contenders, limits["threads"], effort)
        entries[name] = entry(name, result, ideal_seconds(work, limits))
        about["threads"][name] = result.threads
        about["blocks_us"][name] = result.blocks
        about["notices"][name] = result.notices
        about["flop"][name], about["bytes"][name] = work.flop, work.bytes
        for contender_name, why in result.absent.items():
            absent.setdefault(contender_name, {})[name] = why
    say(f"first steps, {time.time() - begun:.0f} s so far")
    starters = [c for c in contenders if c.name == "ours"] if quick else contenders
    starts = first_steps(starters, effort)
    about["geometric_mean"] = geometric_mean(entries)
    about["seconds"] = time.time() - begun
    return {"workloads": entries, "start_to_first_step_s": starts, "about": about}


def say(progress: str) -> None:
    """Write a line to standard error."""
    print(f"benchmarks.run: {progress}", file=sys.stderr, flush=True)


def cpu_name() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def names_of(text: str | None, known: Mapping[str, Any], what: str) -> list[str]:
    """Return a comma-separated choice, all of them by default, in the order of the table."""
    wanted = set(known) if text is None else {name.strip() for name in text.split(",")}
    if unknown := wanted - set(known):
        raise SystemExit(
            f"benchmarks.run: no such {what}: {', '.join(sorted(unknown))}. "
            f"There are {', '.join(known)}."
        )
    return [name for name in known if name in wanted]


def main() -> None:
    """Read the command line, measure, print the table, write the JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--json", type=Path, help="write everything to this file")
    options.add_argument("--only", help=f"workloads out of {','.join(WORKLOADS)}")
    options.add_argument("--contenders", help=f"contenders out of {','.join(CONTENDERS)}")
    options.add_argument("--quick", action="store_true", help="few rounds, no torch.compile")
    given = options.parse_args()
    workloads = names_of(given.only, WORKLOADS, "workload")
    chosen = names_of(given.contenders, CONTENDERS, "contender")
    for name in [n for n in os.environ if n.startswith(LEFT_OUT)]:
        print(f"{name}={os.environ.pop(name)} is left out: libraries and Python as they come")
    found = run(workloads, [CONTENDERS[name] for name in chosen], given.quick)
    show(found)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
