"""The contenders, and the process that each of them runs in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "benchmarks.peers.{}")
INSTALL = 'pip install "interactive-train[bench]"'


@dataclass(frozen=True)
class Contender:
    """One column of the table.

    Attributes
    ----------
    name : str
        Its module in `benchmarks.peers` and its key in the JSON.
    peer : bool
        Whether someone else's: tried at several thread counts.
    rated : bool
        Whether the best peer may be this one. What runs many steps in one call is not.
    """

    name: str
    peer: bool = False
    rated: bool = False

    @property
    def title(self) -> str:
        """The name as the table shows it."""
        return self.name.replace("_", " ")


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("torch_eager", peer=True, rated=True),
        Contender("torch_compile", peer=True, rated=True),
        Contender("jax_jit", peer=True, rated=True),
        Contender("jax_scan", peer=True),
        Contender("ours"),
        Contender("ours_dashboard"),
    )
}


class Missing(Exception):
    """A package that is not installed."""


class Failed(Exception):
    """A contender that cannot do the workload, or whose process ended."""


def threads_of(count: int | None) -> dict[str, str]:
    """Return the environment that holds PyTorch and XLA to so many threads; None: to theirs."""
    if count is None:
        return {}
    one = " --xla_cpu_multi_thread_eigen=false" if count == 1 else ""
    return {
        "OMP_NUM_THREADS": str(count),
        "MKL_NUM_THREADS": str(count),
        "PJRT_NPROC": str(count),  # XLA's pool
        "NPROC": str(count),
        "XLA_FLAGS": (os.environ.get("XLA_FLAGS", "") + one).strip(),
    }


def caches_in(folder: Path) -> dict[str, str]:
    """Return the environment that moves every cache of compiled code to a folder."""
    return {
        "XDG_CACHE_HOME": str(folder),
        "LOCALAPPDATA": str(folder),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    } | ({"HOME": str(folder)} if sys.platform == "darwin" else {})


class Worker:
    """A contender's process with one workload; see `benchmarks.peers.worker` for its language.

    Parameters
    ----------
    contender : Contender
    workload : str
    environment : dict of str
        In addition to this process's own.
    mode : {"", "first"}
    """

    def __init__(
        self,
        contender: Contender,
        workload: str,
        environment: dict[str, str] | None = None,
        mode: str = "",
    ) -> None:
        start = [word.format(contender.name) for word in COMMAND]
        self._errors = tempfile.TemporaryFile(  # noqa: SIM115 - closed by `close`
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = subprocess.Popen(
            [*start, workload, *([mode] if mode else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=os.environ | (environment or {}),
        )
        self.contender = contender

    def ready(self, timeout: float = 600.0) -> Worker:
        """Wait until it is warm.

        Raises
        ------
        Missing, Failed
        """
        self._read(timeout)
        return self

    def first(self, timeout: float = 600.0) -> float:
        """Return when its first step ended, in seconds since the epoch."""
        return float(self._read(timeout).split()[1])

    def round(self, blocks: int, steps: int) -> list[float]:
        """Return the microseconds per step of each block."""
        times: list[float] = json.loads(self._ask(f"round {blocks} {steps}"))
        return times

    def peak(self) -> float:
        """Return its peak memory in MB."""
        return float(json.loads(self._ask("peak")))

    def notices(self) -> list[str]:
        """Return what the engine told its user so far, but for compiling kernels."""
        self._errors.seek(0)
        lines = self._errors.read().splitlines()
        told = [line for line in lines if line.startswith("interactive-train: ")]
        return [line for line in dict.fromkeys(told) if "compiling kernels" not in line]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it may be gone
            self._process.stdin.close()  # the end of its input is the end of its work
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Failed(self._last_words()) from error
        return self._read(300.0)

    def _read(self, timeout: float) -> str:
        """Return the next line, within so many seconds."""
        assert self._process.stdout is not None
        watch = threading.Timer(timeout, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        verdict, _, reason = line.strip().partition(" ")
        if verdict == "missing":
            raise Missing(f"{reason}; {INSTALL}")
        if verdict == "failed":
            raise Failed(reason)
        if not line:
            raise Failed(self._last_words())
        return line

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        end = f": {lines[-1]}" if lines else ""
        return f"its process ended with status {self._process.returncode}{end}"
