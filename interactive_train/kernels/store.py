"""Compiled kernels on disk: one file per adapter, in the private cache folder.

The folder's name is a fingerprint of all that decides the code (versions, processor,
system), the file's name one of the adapter's source; nothing is ever overwritten with
something else. A file holds one line of JSON - symbol, functions it needs, SHA-256 of
the rest - and the object code. What does not check out is ignored and compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from llvmlite import binding

from interactive_train.runtime.cache import cache_directory, is_private
from interactive_train.runtime.cpu import cpu_name
from interactive_train.runtime.notices import notice

FORMAT = 1
PARTIAL = "partial-"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The object code of one adapter and the library functions that it calls."""

    symbol: str
    needs: tuple[str, ...]
    code: bytes


@lru_cache(maxsize=1)
def build_fingerprint() -> str:
    """Return a hash of everything but the source that decides the compiled code."""
    package = Path(__file__).parent
    parts = [str(FORMAT), sys.platform, cpu_name(), binding.get_host_cpu_features().flatten()]
    parts += [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    parts += [(package / name).read_text(encoding="utf-8") for name in _GENERATOR]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


_GENERATOR = ("bands.py", "compiler.py", "native.py", "pipeline.py", "source.py", "tiles.py")


def _folder() -> Path | None:
    root = cache_directory()
    return None if root is None else root / f"kernels-{build_fingerprint()}"


def _path(folder: Path, symbol: str, source: str) -> Path:
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    return folder / f"{symbol}-{digest}.bin"


def is_stored(symbol: str, source: str) -> bool:
    """Whether there is a file for an adapter; `load` says whether it is whole."""
    folder = _folder()
    return folder is not None and _path(folder, symbol, source).is_file()


def stored_kernels() -> tuple[int, int]:
    """Return how many adapters are kept for this machine and version, and their bytes."""
    folder = _folder()
    files = list(folder.glob("*.bin")) if folder is not None and folder.is_dir() else []
    return len(files), sum(file.stat().st_size for file in files)


def remove_outdated(days: float = 60.0) -> int:
    """Delete the folders of other versions older than so many days; return how many."""
    root, own = cache_directory(), _folder()
    removed = 0
    for folder in root.glob("kernels-*") if root is not None else ():
        try:
            if folder != own and time.time() - folder.stat().st_mtime > days * 86400:
                shutil.rmtree(folder)
                removed += 1
        except OSError:
            continue
    return removed


def load(symbol: str, source: str) -> StoredObject | None:
    """Return the stored object of an adapter, or None if there is none that checks out."""
    folder = _folder()
    if folder is None or not folder.is_dir() or not is_private(folder):
        return None
    try:
        head, _, code = _path(folder, symbol, source).read_bytes().partition(b"\n")
        described = json.loads(head)
        intact = described["sha256"] == hashlib.sha256(code).hexdigest()
        if described["symbol"] != symbol or not intact:
            return None
        return StoredObject(symbol, tuple(described["needs"]), code)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(stored: StoredObject, source: str) -> None:
    """Keep an object; a full or vanished disk means a notice, and that it is compiled again."""
    folder = _folder()
    if folder is None or not is_private(folder, create=True):
        return
    described = {
        "symbol": stored.symbol,
        "needs": stored.needs,
        "sha256": hashlib.sha256(stored.code).hexdigest(),
    }
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=PARTIAL)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(described).encode() + b"\n" + stored.code)
        os.replace(temporary, _path(folder, stored.symbol, source))
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        notice(f"compiled kernels cannot be kept in {folder} ({error}).", once="cache")
