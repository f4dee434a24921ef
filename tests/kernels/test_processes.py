"""What only a fresh process shows: first start, warm start, forks, foreign threads, no disk."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

STEP = """
import sys, threading
import numpy as np
from interactive_train.autodiff import Tensor, value_and_grad
from interactive_train.autodiff.ops.softmax import cross_entropy_rows

def step():
    x = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    labels = Tensor(np.arange(16) % 4)
    params = {"w": np.ones((8, 4), np.float32), "b": np.zeros(4, np.float32)}
    f = lambda p: cross_entropy_rows.apply([x @ p["w"] + p["b"], labels], {}).mean()
    loss, grads = value_and_grad(f)(params)
    return float(loss), grads["w"].numpy().copy()

def in_two_threads(times=20):
    loss, grads = step()
    bad = []
    def work():
        for _ in range(times):
            again = step()
            if again[0] != loss or (again[1] != grads).any():
                bad.append(again[0])
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads: thread.start()
    return threads, bad
"""


def start(code: str, cache: Path | None = None, **settings: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "OPENBLAS"))}
    environment |= settings | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", STEP + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=REPOSITORY,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out, err


def run(code: str, cache: Path | None = None, **settings: str) -> tuple[str, str]:
    return finish(start(code, cache, **settings))


WARM = """
from interactive_train.cli.common import common_fits
from interactive_train.cli.warm import requests, steps
from interactive_train.kernels.compiler import ready
compiled = list(ready(requests()))
found = [step(compiled.append) for _, step in steps()]
addresses = found[: -len(list(common_fits()))]
assert all(addresses) and len(set(addresses)) == len(addresses)
print(len(addresses), len(compiled), "numba" in sys.modules)
"""


def test_the_whole_catalogue_compiles_at_first_and_then_loads_without_numba(tmp_path: Path) -> None:
    count, compiled, numba = run(WARM, tmp_path)[0].split()
    # The rest by a second process: about half on a quiet machine.
    assert int(count) // 8 <= int(compiled) <= 7 * int(count) // 8
    assert numba == "True"
    assert run(WARM + "step()", tmp_path)[0].split() == [count, "0", "False"]


def test_two_processes_compile_at_once(tmp_path: Path) -> None:
    both = [start("print(step()[0])", tmp_path) for _ in range(2)]
    (first, told), (second, _) = (finish(process) for process in both)
    assert first == second
    assert told.count("interactive-train: compiling kernels for this machine") == 1
    out, err = run("print(step()[0], 'numba' in sys.modules)", tmp_path)
    assert out.split() == [first.strip(), "False"]
    assert err == ""
    assert not list(tmp_path.rglob("partial-*"))


NO_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # not one byte can be written, by root either
"""


@pytest.mark.skipif(sys.platform != "linux", reason="uses /proc and file size limits")
def test_without_home_and_any_writable_folder_it_works_with_one_notice() -> None:
    code = f"{NO_DISK}\nprint(step()[0], step()[0])"
    nowhere = {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "NUMBA_DISABLE_JIT": "1"}
    out, err = run(code, None, PYTHONDONTWRITEBYTECODE="1", **nowhere)
    assert len(set(out.split())) == 1
    lines = err.splitlines()
    assert sum("no private, writable cache folder" in line for line in lines) == 1
    assert [line for line in lines if "compiling kernels" not in line] == [
        line for line in lines if "cache folder" in line
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_can_go_on() -> None:
    code = """
    import os, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, on purpose
    before = step()
    threads, bad = in_two_threads(400)
    child = os.fork()
    if child == 0:
        again = step()
        os._exit(0 if again[0] == before[0] and (again[1] == before[1]).all() else 7)
    for thread in threads: thread.join()
    print(os.waitpid(child, 0)[1], bad)
    """
    assert run(code)[0] == "0 []\n"


@pytest.mark.parametrize("layer", ["workqueue", "omp", "tbb"])
def test_users_parallel_numba_code_beside_it_never_kills_the_process(layer: str) -> None:
    code = """
    import numba
    @numba.njit(parallel=True)
    def total(x):
        s = 0.0
        for i in numba.prange(x.size):
            s += x[i]
        return s
    x = np.ones(100_000)
    try:
        total(x)
    except ValueError as error:  # this layer is not installed
        print("missing", error)
        raise SystemExit
    threads, bad = in_two_threads(100)
    while any(thread.is_alive() for thread in threads):
        assert total(x) == x.size
    print(numba.threading_layer(), bad)
    """
    out, _ = run(code, None, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")
    if out.startswith("missing"):
        pytest.skip(f"numba has no {layer} layer here: {out}")
    assert out == f"{layer} []\n"


def test_importing_compiles_nothing_and_knows_no_numba(tmp_path: Path) -> None:
    code = """
    import interactive_train
    print("numba" in sys.modules, threading.active_count())
    """
    assert run(code, tmp_path) == ("False 1\n", "")
    assert list(tmp_path.rglob("*.bin")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_the_library_for_products_starts_no_threads() -> None:
    code = """
    import os
    before = len(os.listdir("/proc/self/task"))
    step()
    print(len(os.listdir("/proc/self/task")) - before)
    """
    assert run(code)[0] == "0\n"


USERS_NUMBA = """
import numba
from numba import config, njit
from numba.core.registry import cpu_target

names = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DISABLE_JIT")
before = [getattr(config, name) for name in names]

@njit
def early(a, b):
    return min(a, b) * 10 + max(a, b)

assert early(3, 2) == 23
step()
codegen = cpu_target.target_context.codegen()
assert [getattr(config, name) for name in names] == before
assert not {"_add_module", "set_env"} & set(vars(codegen))

@njit
def late(x, a, b):
    total = np.zeros(3)
    for k in range(x.size):
        total[min(a, k % 3)] += max(x[k], b)
    return total, np.exp(x).sum()

x = np.arange(9.0)
total, powers = late(x, 1, 2.0)
assert early(5, 4) == 45 and total.tolist() == [11.0, 28.0, 0.0], total
assert abs(powers / np.exp(x).sum() - 1) < 1e-12
print("well")
"""


@pytest.mark.parametrize("opt", ["3", "1"])
def test_users_numba_code_is_compiled_as_ever_before_and_behind_ours(
    opt: str, tmp_path: Path
) -> None:
    assert run(USERS_NUMBA, tmp_path, NUMBA_OPT=opt)[0].split() == ["well"]


def test_a_child_takes_the_work_from_the_front_and_leaves_with_its_parent(tmp_path: Path) -> None:
    code = """
        from interactive_train.kernels import compiler
        from interactive_train.kernels.store import is_stored
        import time
        jobs = list(compiler._missing(
            (k, np.dtype(np.float32), False) for k in __import__(
                "interactive_train.kernels.catalogue", fromlist=["x"]).kernels()
        ).items())[:8]
        aside = compiler.Aside()
        aside.add(jobs[:6])
        aside.add(jobs)
        assert [job[0] for job in aside.jobs] == [job[0] for job in jobs]
        assert aside.take() == jobs[-1] and aside.take() == jobs[-2]
        end = time.monotonic() + 100
        while not all(is_stored(*job) for job in jobs[:6]) and time.monotonic() < end:
            time.sleep(0.05)
        assert aside.take() is None
        print(aside._child.pid)
    """
    pid = int(run(code, tmp_path)[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
