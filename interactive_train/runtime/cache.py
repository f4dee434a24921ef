"""A private folder for compiled kernels, or None where there is none to write to.

Compiled code is run as it is, so the folder must be ours alone: mode 0700, owned by
this user, no symbolic link at its end. The home cache is tried first, then a folder below the
temporary directory. With neither, kernels are compiled in memory, with one notice.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from interactive_train.runtime.notices import notice


@lru_cache(maxsize=1)
def cache_directory() -> Path | None:
    """Return the folder for this user's compiled kernels, made if need be; None without one."""
    for folder in candidates():
        if is_private(folder, create=True):
            return folder
    notice(
        "no private, writable cache folder was found; kernels are compiled in memory for "
        "this process (a few seconds at each start).",
        once="cache",
    )
    return None


def candidates() -> list[Path]:
    """Return the places that are tried, in order."""
    places = []
    try:
        home: Path | None = Path.home()
    except RuntimeError:
        home = None
    if home is not None and home.is_dir():
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            places.append(Path(local) if local else home / "AppData" / "Local")
        elif sys.platform == "darwin":
            places.append(home / "Library" / "Caches")
        else:
            given = os.environ.get("XDG_CACHE_HOME")
            places.append(Path(given) if given else home / ".cache")
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    places.append(Path(tempfile.gettempdir()) / f"cache-{user}")
    return [place / "interactive-train" for place in places]


def is_private(folder: Path, *, create: bool = False) -> bool:
    """Whether the folder is a real one that only this user can enter and write to."""
    try:
        if create:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        seen = os.lstat(folder)
        if not stat.S_ISDIR(seen.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
            return False
        if hasattr(os, "getuid"):
            if seen.st_uid != os.getuid():
                return False
            if stat.S_IMODE(seen.st_mode) & 0o077:
                folder.chmod(0o700)
    except OSError:
        return False
    return True
