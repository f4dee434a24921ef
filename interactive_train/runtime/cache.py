"""A private folder for compiled kernels, or None where there is none to write to.

Compiled code is run as it is, so the folder must be ours alone: a real directory with mode
0700, owned by this user, never writable by others. The home cache is tried first, then a folder
in the temporary directory, whose name is guarded by the sticky bit there. With neither, kernels
are compiled in memory, with one notice.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from interactive_train.runtime.notices import notice

NAME = "interactive-train"


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
    home = _home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        if local:
            places.append(Path(local) / NAME)
        elif home is not None:
            places.append(home / "AppData" / "Local" / NAME)
    elif sys.platform == "darwin":
        if home is not None:
            places.append(home / "Library" / "Caches" / NAME)
    else:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if given.is_absolute():  # others are to be ignored, by the XDG rules
            places.append(given / NAME)
        elif home is not None:
            places.append(home / ".cache" / NAME)
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:
        return places
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    return [*places, temporary / f"{NAME}-{user}"]


def _home() -> Path | None:
    try:
        home = Path.home()
        return home if home.is_dir() else None
    except (OSError, RuntimeError):
        return None


def is_private(folder: Path, *, create: bool = False) -> bool:
    """Whether the folder is a real one that only this user can enter and write to.

    A folder that others could read is closed to them; one that they could write to is refused,
    as they may have done so.
    """
    try:
        if create:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        seen = os.lstat(folder)
        if not stat.S_ISDIR(seen.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
            return False
        if hasattr(os, "getuid"):
            if seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o022:
                return False
            if stat.S_IMODE(seen.st_mode) & 0o077:
                folder.chmod(0o700)
    except OSError:
        return False
    return True
