"""doctor: what this machine will use, as a table; problems with their fix under it.

Everything is looked at, nothing is changed, but for the cache folder, which is made.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from interactive_train.cli.main import PROGRAM, release
from interactive_train.kernels import catalogue, store
from interactive_train.runtime import cpu
from interactive_train.runtime.blas import Blas, blas
from interactive_train.runtime.cache import cache_directory
from interactive_train.training.run.frontend import shell

# Features that decide which code runs, on x86 and on Arm.
FEATURES = ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512bf16", "neon", "sve")
NOTEBOOK = 'pip install "interactive-train[notebook]"'


@dataclass
class Report:
    """Sections of aligned rows, and the problems found on the way."""

    sections: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def section(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Add rows of (what, which) under a title."""
        self.sections.append((title, list(rows)))

    def text(self) -> str:
        """Return all of it as plain text."""
        width = max(len(name) for _, rows in self.sections for name, _ in rows)
        lines: list[str] = []
        for title, rows in self.sections:
            lines += [title, *(f"  {name:<{width}}  {value}" for name, value in rows), ""]
        if self.problems:
            lines += [f"{len(self.problems)} to look at"]
            lines += [f"  {i}. {text}" for i, text in enumerate(self.problems, start=1)]
        else:
            lines += ["No problems found."]
        return "\n".join(lines)


def report() -> str:
    """Return the whole report."""
    found = Report()
    _versions(found)
    _processor(found)
    _products(found)
    _kernels(found)
    _live(found)
    return found.text()


def _versions(found: Report) -> None:
    names = ("numpy", "numba", "llvmlite", "scipy-openblas32")
    rows = [("interactive-train", release())]
    rows += [("Python", f"{platform.python_version()} ({sys.executable})")]
    rows += [("system", platform.platform())]
    found.section("Versions", rows + [(name, installed(name) or "missing") for name in names])
    for name in names:
        if installed(name) is None:
            found.problems.append(f"{name} is missing: pip install {name}")


def _processor(found: Report) -> None:
    features = [name for name in FEATURES if name in cpu.cpu_features()]
    found.section(
        "Processor",
        [
            ("name", cpu.cpu_name()),
            ("features", ", ".join(features) or "none that matter here"),
            ("cores", f"{cpu.usable_cores()} usable"),
        ],
    )


def _products(found: Report) -> None:
    try:
        library = blas()
    except (ImportError, OSError) as error:
        found.section("Matrix products", [("library", "missing")])
        found.problems.append(f"the library for matrix products does not load: {error}")
        return
    found.section(
        "Matrix products",
        [
            ("library", library.path),
            ("build", library.configuration),
            ("core", _core(library)),
            ("threads", f"{library.threads} (on purpose: the engine divides the work itself)"),
            ("NumPy's own", numpy_core()),
        ],
    )
    if library.chosen_by_user and library.wanted not in (None, library.core):
        found.problems.append(
            f"OPENBLAS_CORETYPE makes OpenBLAS run its {library.core} kernels; {library.wanted} "
            "fits this processor better. Unset it, unless that is what you want."
        )
    elif library.wanted is not None and library.core.lower() != library.wanted.lower():
        found.problems.append(
            f"OpenBLAS runs its {library.core} kernels instead of {library.wanted}; products may "
            "be slow. Reinstall it: pip install --force-reinstall scipy-openblas32"
        )


def _core(library: Blas) -> str:
    if library.chosen_by_user:
        return f"{library.core} (OPENBLAS_CORETYPE was set)"
    by = "from the processor's features" if library.wanted else "OpenBLAS's own choice"
    return f"{library.core} ({by})"


def numpy_core() -> str:
    """Return which core NumPy's copy of OpenBLAS runs, as far as that can be asked."""
    site = Path(np.__file__).parent
    for folder in (site.parent / "numpy.libs", site / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")) if folder.is_dir() else ():
            try:
                library = ctypes.CDLL(str(path))  # it is loaded already; this is the same copy
                ask = library.scipy_openblas_get_corename64_
            except (OSError, AttributeError):
                continue
            ask.restype = ctypes.c_char_p
            return f"{ask().decode()} (not used by the engine)"
    return "another library than NumPy's usual OpenBLAS (not used by the engine)"


def _kernels(found: Report) -> None:
    folder = cache_directory()
    count, size = store.stored_kernels()
    total = len(list(catalogue.kernels())) * len(catalogue.FLOATING) + 1
    works = _native_code_works()
    found.section(
        "Kernels",
        [
            ("cache", str(folder) if folder else "none: compiled in memory, at each start"),
            ("stored", f"{count} ({size / 1024:.0f} kB); `warm` makes {total}"),
            ("native code", "works" if works is None else works),
        ],
    )
    if folder is None:
        found.problems.append(
            "there is no private, writable folder for compiled kernels, so each start takes "
            "seconds. Set XDG_CACHE_HOME to a folder of your own."
        )
    elif count < total:
        found.problems.append(
            f"not every kernel is compiled yet; a first fit may wait a few seconds. Run: "
            f"{PROGRAM} warm"
        )
    if works is not None:
        found.problems.append(
            f"native code does not run here: {works}. Allow executable memory for Python "
            "(SELinux: execmem), or use it.execution('checked')."
        )


def _native_code_works() -> str | None:
    """Return None, or what went wrong, after one sum through the native executor."""
    from interactive_train.autodiff import Tensor

    try:
        total = float((Tensor(np.ones(3, np.float32)) + 1.0).sum())
    except Exception as error:  # whatever it is, the report shall go on
        return f"{type(error).__name__}: {error}"
    return None if total == 6.0 else f"1 + 1 three times makes {total}"


def _live(found: Report) -> None:
    problems = live_problems()
    kernel = installed("ipykernel")
    rows = [
        ("ipykernel", kernel or "missing"),
        ("ipywidgets", installed("ipywidgets") or "missing"),
        ("anywidget", installed("anywidget") or "missing"),
        ("JupyterLab", installed("jupyterlab") or "missing (Notebook 7 and VS Code do as well)"),
        ("live control", "works in a notebook" if not problems else "does not work here"),
        ("this process", _front_end()),
    ]
    found.section("Live", rows)
    found.problems += problems


def live_problems() -> list[str]:
    """Return what stands between this installation and a live dashboard, with fixes."""
    problems = []
    missing = [name for name in ("ipykernel", "ipywidgets", "anywidget") if not installed(name)]
    if missing:
        problems.append(f"the dashboard needs {', '.join(missing)}: {NOTEBOOK}")
    kernel = installed("ipykernel") or ""
    if kernel.startswith("7.0."):
        problems.append(
            f"ipykernel {kernel} loses messages to widgets from threads, so the dashboard stands "
            'still: pip install "ipykernel>=7.1" (6.29 to 6.31 work as well)'
        )
    if kernel and _numbers(kernel) < (6, 29):
        problems.append(f'ipykernel {kernel} is too old: pip install "ipykernel>=7.1"')
    if (widgets := installed("ipywidgets")) and _numbers(widgets) < (8, 1):
        problems.append(f"ipywidgets {widgets} is too old: {NOTEBOOK}")
    if (widgets := installed("anywidget")) and _numbers(widgets) < (0, 9, 14):
        problems.append(f"anywidget {widgets} loses early messages: {NOTEBOOK}")
    return problems


def _front_end() -> str:
    if getattr(shell(), "kernel", None) is not None:
        return "a notebook's kernel"
    return "a terminal, without a front end (fits run at full speed; live control needs a notebook)"


def installed(name: str) -> str | None:
    """Return the version of a distribution, None where it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, ``(8, 1)`` of "8.1rc2"."""
    numbers = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
