"""Compiled kernels on disk: one file per adapter, in the private cache folder.

The folder's name is a fingerprint of all that decides the code (versions, processor,
system), the file's name one of the adapter's source; nothing is ever overwritten with
something else. A file holds one line of JSON - symbol, functions it needs, SHA-256 of
the rest - and the object code. What does not check out is ignored and compiled again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from llvmlite import binding

from interactive_train.runtime.cache import cache_directory, is_private
from interactive_train.runtime.cpu import cpu_name

FORMAT = 1


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


_GENERATOR = ("compiler.py", "native.py", "source.py")


def _folder() -> Path | None:
    root = cache_directory()
    return None if root is None else root / f"kernels-{build_fingerprint()}"


def _path(folder: Path, symbol: str, source: str) -> Path:
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    return folder / f"{symbol}-{digest}.bin"


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
    """Keep an object; a full or vanished disk only means that it is compiled again."""
    folder = _folder()
    if folder is None or not is_private(folder, create=True):
        return
    described = {
        "symbol": stored.symbol,
        "needs": stored.needs,
        "sha256": hashlib.sha256(stored.code).hexdigest(),
    }
    try:
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(described).encode() + b"\n" + stored.code)
        os.replace(temporary, _path(folder, stored.symbol, source))
    except OSError:
        return
