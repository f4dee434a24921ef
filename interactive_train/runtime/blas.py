"""The library for matrix products: our own copy of OpenBLAS, on the right core.

The wheel ``scipy-openblas32`` is loaded on its own, so NumPy's copy - whose core
was chosen when NumPy was imported - does not matter. The variable
``OPENBLAS_CORETYPE`` is read by OpenBLAS once, while it is being loaded; it is
set for that moment only, and a user's own setting is left alone. The wheel's Python
package is never imported: that alone would load the library, before anything was chosen.
Products run on the calling thread: our copy starts no threads of its own.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interactive_train.runtime.cpu import openblas_core

WHEEL = "scipy_openblas32"

_lock = threading.Lock()
_loaded: Blas | None = None


@dataclass(frozen=True)
class Blas:
    """The loaded library: what it says of itself and the addresses of its routines.

    Attributes
    ----------
    library : ctypes.CDLL
    path : str
    core : str
        The kernels that it runs (``"SkylakeX"``).
    wanted : str or None
        The core that fits the processor; None where the choice is OpenBLAS's own.
    chosen_by_user : bool
        Whether ``OPENBLAS_CORETYPE`` was set by someone else, and thus left alone.
    configuration : str
        What the library was built with.
    sgemm, dgemm : int
        Addresses of ``cblas_?gemm``.
    set_threads : callable
        Sets the number of threads without giving the GIL away.
    """

    library: ctypes.CDLL
    path: str
    core: str
    wanted: str | None
    chosen_by_user: bool
    configuration: str
    sgemm: int
    dgemm: int
    set_threads: Callable[[int], None]

    def gemm(self, dtype: np.dtype[np.generic]) -> int:
        """Return the address of ``cblas_?gemm`` for float32 or float64."""
        return self.sgemm if dtype == np.float32 else self.dgemm

    def use_one_thread(self) -> None:
        """Run products on the calling thread (user code may reset it for all copies)."""
        self.set_threads(1)

    @property
    def threads(self) -> int:
        """How many threads a product would use now."""
        return int(self.library.scipy_openblas_get_num_threads())


def blas() -> Blas:
    """Load the library on first use and return it.

    Returns
    -------
    Blas

    Raises
    ------
    ImportError
        If the wheel holds no library for this platform.
    """
    global _loaded
    if _loaded is not None:
        return _loaded
    with _lock:
        if _loaded is None:
            _loaded = _load()
        return _loaded


def _load() -> Blas:
    path = _library()
    wanted = openblas_core()
    chosen = os.environ.get("OPENBLAS_CORETYPE") is not None
    settings = {"OPENBLAS_NUM_THREADS": "1"}
    if wanted is not None and not chosen:
        settings["OPENBLAS_CORETYPE"] = wanted
    with _environment(settings):
        library = ctypes.CDLL(str(path))
    for name in ("scipy_openblas_get_config", "scipy_openblas_get_corename"):
        getattr(library, name).restype = ctypes.c_char_p
    set_threads = _address(library.scipy_openblas_set_num_threads)
    loaded = Blas(
        library=library,
        path=str(path),
        core=library.scipy_openblas_get_corename().decode(),
        wanted=wanted,
        chosen_by_user=chosen,
        configuration=library.scipy_openblas_get_config().decode(),
        sgemm=_address(library.scipy_cblas_sgemm),
        dgemm=_address(library.scipy_cblas_dgemm),
        set_threads=ctypes.PYFUNCTYPE(None, ctypes.c_int)(set_threads),
    )
    loaded.use_one_thread()
    return loaded


def _library() -> Path:
    """Return where the wheel keeps the library."""
    found = importlib.util.find_spec(WHEEL)
    folders = list(found.submodule_search_locations or ()) if found else []
    for folder in folders:
        for path in sorted(Path(folder).glob("lib/*scipy_openblas*")):
            if path.suffix in {".so", ".dylib", ".dll"}:
                return path
    raise ImportError(
        f"interactive_train: scipy-openblas32 holds no library; looked in {folders or 'vain'}. "
        "Reinstall it: pip install --force-reinstall scipy-openblas32"
    )


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set variables for the moment, and put back what was there."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _address(function: object) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address


def _renew_lock() -> None:
    """Give a forked child a free lock; the thread that held it does not exist there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
