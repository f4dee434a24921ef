"""Process start -> first finished step of the digits MLP, with warm and with empty caches.

    python benchmarks/bench_start.py [--runs 7] [--cold-runs 3] [--json start.json]

Each run is a process of its own; the clock starts when this one asks for it, so the
interpreter's own start and every import count. A step is `Trainer.fit` on one batch of 64:
forward, loss, backward, Adam. Warm runs share one cache folder that a first process has
filled; each cold run gets an empty one. Medians; the aims are 0.8 s and 4 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STEP = """
import sys, time
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim

model = nn.Sequential(nn.Linear(64, 128), nn.relu, nn.Linear(128, 10))
trainer = it.Trainer(model, optim.Adam(1e-3), loss=losses.cross_entropy_sparse)
draw = np.random.default_rng(0)
x, y = draw.random((64, 64), np.float32), draw.integers(0, 10, 64)
imported = time.time()
state = trainer.fit(trainer.init(seed=0), [(x, y)], epochs=1, progress=False)
assert state.step == 1
print(imported, time.time(), "numba" in sys.modules)
"""
AIMS = {"warm": 0.8, "cold": 4.0}


def run(cache: Path) -> dict[str, Any]:
    """Return seconds to the end of the imports and of the first step, in a fresh process."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache)}
    environment |= {"HOME": str(cache)} if sys.platform == "darwin" else {}
    command = [sys.executable, "-c", STEP]
    started = time.time()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    imported, stepped, numba = done.stdout.split()
    return {
        "imports": float(imported) - started,
        "first_step": float(stepped) - started,
        "numba": numba == "True",
        "notices": done.stderr.splitlines(),
    }


def measure(warm_runs: int, cold_runs: int) -> dict[str, Any]:
    """Return all runs with their medians."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        places = [root / f"cold-{i}" for i in range(cold_runs)] + [root / "warm"]
        for place in places:
            place.mkdir()
        cold = [run(place) for place in places[:-1]]
        run(places[-1])
        warm = [run(places[-1]) for _ in range(warm_runs)]
    result: dict[str, Any] = {"machine": platform.processor() or platform.machine()}
    result |= {"python": platform.python_version(), "cores": os.cpu_count()}
    for name, runs in (("warm", warm), ("cold", cold)):
        seconds = [each["first_step"] for each in runs]
        result[name] = {
            "median": statistics.median(seconds),
            "fastest": min(seconds),
            "slowest": max(seconds),
            "imports_median": statistics.median(each["imports"] for each in runs),
            "aim": AIMS[name],
            "runs": runs,
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="with a warm cache (default: 7)")
    parser.add_argument("--cold-runs", type=int, default=3, help="with an empty one (default: 3)")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    options = parser.parse_args()
    if min(options.runs, options.cold_runs) < 1:
        parser.error("at least one run of each kind")
    result = measure(options.runs, options.cold_runs)
    print("process start -> first finished step, seconds")
    for name in ("warm", "cold"):
        found = result[name]
        print(
            f"  {name}: median {found['median']:.2f} ({found['fastest']:.2f} to "
            f"{found['slowest']:.2f}), of which imports {found['imports_median']:.2f}; "
            f"aim {found['aim']:.1f}"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
