"""`python -m benchmarks.run`: its JSON, its counts, and that nobody is left out silently."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contenders import CONTENDERS, INSTALL, Contender, Failed, Missing, Worker
from benchmarks.measure import Result
from benchmarks.report import show
from benchmarks.run import entry, geometric_mean, ideal_seconds
from benchmarks.workloads import WORKLOADS, Mlp, Work

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--only", "tiny"]
    command += ["--contenders", "ours", "--json", str(file)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "us a step" in done.stdout
    loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return loaded


def test_the_json_has_the_agreed_keys_with_numbers_in_them(found: dict[str, Any]) -> None:
    assert set(found) == {"workloads", "start_to_first_step_s", "about"}
    (tiny,) = found["workloads"].values()
    assert set(tiny) == {"us", "ratio_to_best_peer", "roofline_fraction", "peak_mb"}
    assert set(tiny["us"]) == set(tiny["peak_mb"]) == {"ours"}
    assert tiny["us"]["ours"] > 0
    assert tiny["peak_mb"]["ours"] > 10
    assert tiny["ratio_to_best_peer"] is None  # no peer took part
    assert 0 < tiny["roofline_fraction"] < 1.5
    starts = found["start_to_first_step_s"]
    assert {kind: set(seconds) for kind, seconds in starts.items()} == {
        "warm": {"ours"},
        "cold": {"ours"},
    }
    assert found["about"]["quick"] is True
    assert found["about"]["roofline"]["flops"] > 0


def test_the_ratio_is_that_of_the_best_peer_and_the_scan_is_none() -> None:
    blocks = {"ours": [1.0, 2.0, 9.0], "jax_jit": [8.0], "torch_eager": [6.0], "jax_scan": [1.0]}
    result = Result(blocks=blocks, peak_mb={"ours": math.nan})
    assert entry("tiny", result, ideal=1e-6) == {
        "us": {"ours": 2.0, "jax_jit": 8.0, "torch_eager": 6.0, "jax_scan": 1.0},
        "ratio_to_best_peer": 3.0,
        "roofline_fraction": 0.5,
        "peak_mb": {"ours": None},
    }


def test_the_geometric_mean_is_over_the_workloads_that_were_tuned_for() -> None:
    ratios = {"tiny": 8.0, "gpt": 2.0, "mlp_odd": 100.0}
    assert geometric_mean({n: {"ratio_to_best_peer": r} for n, r in ratios.items()}) == (
        pytest.approx(4.0)
    )
    assert geometric_mean({"tiny": {"ratio_to_best_peer": None}}) is None


def test_the_products_of_a_step_are_counted_without_the_gradient_of_the_input() -> None:
    work = Mlp((10, 20, 30)).work(batch=4)
    assert work.flop == 2 * (2 * 4 * 10 * 20) + 3 * (2 * 4 * 20 * 30)
    assert work.parameters == 10 * 20 + 20 + 20 * 30 + 30
    assert work.activations == 4 * (20 + 30)


def test_the_roofline_takes_the_bandwidth_of_the_memory_that_the_step_fits_in() -> None:
    limits = {"flops": 1e12, "bandwidth": {"1000": 1e9, "1000000": 1e6}}
    assert ideal_seconds(Work(inputs=250), limits) == pytest.approx(1e-6)
    assert ideal_seconds(Work(inputs=2500), limits) == pytest.approx(1e-2)
    assert ideal_seconds(Work(flop=1e12, inputs=250), limits) == pytest.approx(1.0)


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_contender_gets_the_same_float32_batches(name: str) -> None:
    workload = WORKLOADS[name]
    batches = workload.in_batches()
    assert len(batches) == workload.batches
    for x, y in batches:
        assert len(x) == len(y) == workload.batch
        assert x.dtype.kind != "f" or x.dtype == "float32"
    assert workload.work().flop > 0


def worker_of(source: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Worker:
    """A contender whose whole program is the source."""
    script = folder / "contender.py"
    script.write_text(source, "utf-8")
    monkeypatch.setattr("benchmarks.contenders.COMMAND", (sys.executable, str(script)))
    return Worker(Contender("torch_eager", peer=True), "tiny")


def test_a_missing_package_is_reported_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from benchmarks.peers.worker import serve
def prepare(workload):
    import no_such_package_at_all
sys.argv = ["contender", "tiny"]
serve(prepare)
"""
    worker = worker_of(source, monkeypatch, tmp_path)
    with pytest.raises(Missing, match="no_such_package_at_all") as raised:
        worker.ready()
    worker.close()
    assert str(raised.value).endswith(INSTALL)


def test_a_process_that_dies_is_a_failure_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker = worker_of("raise SystemExit('no such luck')", monkeypatch, tmp_path)
    with pytest.raises(Failed, match="status 1: no such luck"):
        worker.ready()
    worker.close()


def test_the_report_names_who_is_absent_and_why(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    absent = {"jax_jit": {"tiny": "No module named 'jax'"}}
    show(found | {"about": found["about"] | {"absent": absent}})
    assert "jax jit is not there for tiny: No module named 'jax'" in capsys.readouterr().out


def test_every_contender_has_its_file() -> None:
    for name in CONTENDERS:
        assert (REPOSITORY / "benchmarks" / "peers" / f"{name}.py").is_file()
