"""Compiling aside: many missing kernels at once are shared with a second process.

numba compiles in Python, so a thread would not help. The child gets symbols and sources, compiles
them into the store, and ends; what it did not manage the parent compiles itself. It is started only
where kernels can be kept and enough of them are missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence

from interactive_train.runtime.cache import cache_directory

ENOUGH = 6  # missing kernels; a child needs about as long to start as three take to compile
PATIENCE = 120.0  # seconds
WITHIN = "INTERACTIVE_TRAIN_ASIDE"  # set in the environment of a child, which starts no other


class Aside:
    """A child that compiles; a context that ends with it.

    Parameters
    ----------
    jobs : sequence of (str, str)
        Symbols and sources.
    """

    def __init__(self, jobs: Sequence[tuple[str, str]]) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.symbols: set[str] = set()
        usable = len(jobs) > 0 and bool(sys.executable) and (os.cpu_count() or 1) > 1
        if not usable or cache_directory() is None:
            return
        with contextlib.suppress(OSError):
            self.child = subprocess.Popen(
                [sys.executable, "-m", "interactive_train.kernels.aside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, WITHIN: "1"},
            )
            self.symbols = {symbol for symbol, _ in jobs}
            assert self.child.stdin is not None
            self.child.stdin.write(json.dumps(list(jobs)).encode())
            self.child.stdin.close()

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self.child is None:
            return
        if kind is not None:
            self.child.kill()
        self.wait()

    def wait(self) -> None:
        """Wait until the child has ended."""
        if self.child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(PATIENCE)
            self.child, self.symbols = None, set()


def main() -> None:
    """Compile what the parent sends."""
    from interactive_train.kernels.compiler import native

    for symbol, source in json.load(sys.stdin):
        with contextlib.suppress(Exception):  # the parent meets it again and says so
            native(symbol, source, progress=lambda name: None)


if __name__ == "__main__":
    main()
