"""The library for matrix products: our own copy of OpenBLAS, on the right core.

The wheel ``scipy-openblas32`` is loaded on its own, so NumPy's copy - whose core
was chosen when NumPy was imported - does not matter. The variable
``OPENBLAS_CORETYPE`` is read by OpenBLAS once, while it is being loaded; it is
set for that moment only, and a user's own setting is left alone. Products run on one thread.
"""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interactive_train.runtime.cpu import openblas_core

_lock = threading.Lock()
_loaded: Blas | None = None


@dataclass(frozen=True)
class Blas:
    """The loaded library: what it says of itself and the addresses of its routines."""

    library: ctypes.CDLL
    path: str
    core: str
    configuration: str
    sgemm: int
    dgemm: int

    def gemm(self, dtype: np.dtype[np.generic]) -> int:
        """Return the address of ``cblas_?gemm`` for float32 or float64."""
        return self.sgemm if dtype == np.float32 else self.dgemm

    def use_one_thread(self) -> None:
        """Run products on the calling thread (other libraries may reset it for all copies)."""
        self.library.scipy_openblas_set_num_threads(1)


def blas() -> Blas:
    """Load the library on first use and return it.

    Raises
    ------
    ImportError
        If the wheel holds no library for this platform.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            _loaded = _load()
        return _loaded


def _load() -> Blas:
    import scipy_openblas32

    folder = Path(scipy_openblas32.get_lib_dir())
    names = sorted(
        p for p in folder.glob("*scipy_openblas*") if p.suffix in {".so", ".dylib", ".dll"}
    )
    if not names:
        raise ImportError(
            f"interactive_train: scipy-openblas32 holds no library; looked in {folder}. "
            "Reinstall it: pip install --force-reinstall scipy-openblas32"
        )
    wanted = openblas_core()
    previous = os.environ.get("OPENBLAS_CORETYPE")
    try:
        if previous is None and wanted is not None:
            os.environ["OPENBLAS_CORETYPE"] = wanted
        library = ctypes.CDLL(str(names[0]))
    finally:
        if previous is None:
            os.environ.pop("OPENBLAS_CORETYPE", None)
    for name in ("scipy_openblas_get_config", "scipy_openblas_get_corename"):
        getattr(library, name).restype = ctypes.c_char_p
    loaded = Blas(
        library=library,
        path=str(names[0]),
        core=library.scipy_openblas_get_corename().decode(),
        configuration=library.scipy_openblas_get_config().decode(),
        sgemm=_address(library.scipy_cblas_sgemm),
        dgemm=_address(library.scipy_cblas_dgemm),
    )
    loaded.use_one_thread()
    return loaded


def _address(function: object) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address
