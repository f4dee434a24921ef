"""warm: compile the catalogue into the cache, with a line that shows how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from interactive_train.cli.common import common_fits
from interactive_train.kernels import catalogue, store
from interactive_train.kernels.compiler import Request, address, ready
from interactive_train.machine import executor
from interactive_train.runtime.cache import cache_directory
from interactive_train.runtime.notices import leave_out

Progress = Callable[[str], None]
Step = Callable[[Progress], int]


def steps() -> Iterator[tuple[str, Step]]:
    """Yield (name, step) for the executor and every kernel of the catalogue in both types."""
    yield executor.SYMBOL.removeprefix("it_"), executor.executor_address
    for kernel, dtype, _ in requests():
        yield (
            f"{kernel.name} {dtype.name}",
            lambda progress, k=kernel, d=dtype: address(k, d, progress=progress),  # type: ignore[misc]
        )
    for name, record in common_fits():
        yield name, lambda progress, record=record: record()  # type: ignore[misc]


def requests() -> Iterator[Request]:
    """Yield the kernels of the catalogue in both types."""
    for dtype in catalogue.FLOATING:
        for kernel in catalogue.kernels():
            yield kernel, dtype, False


def warm() -> int:
    """Compile what is missing; say how many there were and how long it took.

    Returns
    -------
    int
        The exit code, 0: where nothing can be kept, that is said and is no failure.
    """
    folder = cache_directory()  # gives its notice without one
    if folder is None:
        print("nothing to do: kernels cannot be kept here, so each start compiles its own.")
        return 0
    leave_out("compiling")  # the line says it
    started = time.perf_counter()
    before = store.stored_kernels()[0]
    todo = list(steps())
    line = _Line(len(todo))
    for symbol in ready(requests()):  # together with a second process
        line.reach(store.stored_kernels()[0] - before, symbol.removeprefix("it_"))
    for number, (name, step) in enumerate(todo, start=1):
        line.reach(number, name)
        step(_quietly)
    line.close()
    compiled = store.stored_kernels()[0] - before
    outdated = store.remove_outdated()
    seconds = time.perf_counter() - started
    print(
        f"{before + compiled} kernels are ready: {compiled} compiled, "
        f"{before} were there; {seconds:.1f} s. {folder}"
    )
    if outdated:
        print(f"{outdated} folders of earlier versions removed.")
    return 0


def _quietly(name: str) -> None:
    """Say nothing: the line does."""


class _Line:
    """A bar with tqdm; without it, one line that is rewritten; in a log, a line now and then."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.live = sys.stderr.isatty()
        self.bar = None
        try:
            from tqdm import tqdm

            if self.live:
                self.bar = tqdm(total=total, desc="compiling kernels", unit="kernel", leave=False)
        except ImportError:
            pass

    def reach(self, done: int, name: str) -> None:
        """Show that so many are done, unless it was more before."""
        before, self.done = self.done, max(self.done, min(done, self.total))
        if self.done == before:
            return
        if self.bar is not None:
            self.bar.set_postfix_str(name, refresh=False)
            self.bar.update(self.done - before)
        elif self.live:
            sys.stderr.write(f"\rcompiling kernels {self.done}/{self.total} {name:<40.40}")
            sys.stderr.flush()
        elif self.done // 20 > before // 20 or self.done == self.total:
            print(f"compiling kernels {self.done}/{self.total}", flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.live:
            sys.stderr.write("\r" + " " * 78 + "\r")
