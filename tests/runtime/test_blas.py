"""The library for products: our own copy, on the core that fits, one thread, no trace left."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from interactive_train.runtime import blas as module
from interactive_train.runtime import cpu
from interactive_train.runtime.blas import blas

REPOSITORY = Path(__file__).resolve().parents[2]
SHOW = """
import os
from interactive_train.runtime.blas import blas
b = blas()
print(b.core, b.threads, b.chosen_by_user, os.environ.get("OPENBLAS_CORETYPE"),
      os.environ.get("OPENBLAS_NUM_THREADS"))
"""


def show(**settings: str) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env=environment | settings,
        cwd=REPOSITORY,
    )
    return done.stdout.split()


def test_it_runs_the_core_that_fits_and_leaves_the_environment_as_it_was() -> None:
    core, *rest = show()
    wanted = cpu.openblas_core()
    assert wanted is None or core.lower() == wanted.lower()
    assert rest == ["1", "False", "None", "None"]


@pytest.mark.skipif(cpu.openblas_core() is None, reason="the choice is OpenBLAS's own here")
def test_a_users_own_settings_are_left_alone() -> None:
    found = show(OPENBLAS_CORETYPE="Nehalem", OPENBLAS_NUM_THREADS="2")
    assert found == ["Nehalem", "1", "True", "Nehalem", "2"]


@pytest.mark.skipif(cpu.openblas_core() is None, reason="the choice is OpenBLAS's own here")
def test_the_choice_reaches_the_library_also_after_numpy_was_imported() -> None:
    code = (
        "import numpy; from interactive_train.runtime import blas as module;"
        "module.openblas_core = lambda: 'Nehalem'; b = module.blas();"
        "print(b.core, b.wanted, b.threads)"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=REPOSITORY, env=environment
    )
    assert done.stdout.split() == ["Nehalem", "Nehalem", "1"]


def test_there_is_one_copy_for_all_callers() -> None:
    assert blas() is blas()
    assert blas().gemm(np.dtype(np.float32)) == blas().sgemm != blas().dgemm
    assert blas().gemm(np.dtype(np.float64)) == blas().dgemm


def test_threads_are_set_back_to_one_by_the_next_product() -> None:
    from interactive_train.autodiff import Tensor

    blas().set_threads(2)
    Tensor(np.ones((2, 2))) @ np.ones((2, 2))
    assert blas().threads == 1


@pytest.mark.parametrize("wheel", ["tests", "no_such_wheel"])
def test_an_empty_or_missing_wheel_is_an_error_with_the_fix(
    wheel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHEEL", wheel)
    with pytest.raises(ImportError, match=r"holds no library; .* pip install --force-reinstall"):
        module._load()


@pytest.mark.parametrize(
    ("machine", "features", "core"),
    [
        ("x86_64", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2"}, "SkylakeX"),
        ("AMD64", {"avx2", "fma"}, "Haswell"),
        ("x86_64", {"avx2", "fma", "avx512f"}, "Haswell"),
        ("x86_64", {"sse2"}, None),
        ("arm64", {"neon"}, None),
        ("aarch64", {"sve", "neon"}, None),
    ],
)
def test_the_core_follows_from_the_features(
    machine: str, features: set[str], core: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(cpu, "cpu_features", lambda: frozenset(features))
    assert cpu.openblas_core() == core


def test_the_processor_is_described() -> None:
    assert cpu.cpu_name()
    assert cpu.usable_cores() >= 1
    assert cpu.cpu_features() is cpu.cpu_features()
