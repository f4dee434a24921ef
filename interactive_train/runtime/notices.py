"""Notices: a sentence that a person should read once, and that stops nothing."""

from __future__ import annotations

import sys
import threading

_seen: set[str] = set()
_lock = threading.Lock()


def notice(text: str, *, once: str | None = None) -> None:
    """Write one line to standard error; with `once`, only the first time for that word."""
    if once is not None:
        with _lock:
            if once in _seen:
                return
            _seen.add(once)
    _write(text)


def leave_out(once: str) -> None:
    """Do not give the notice of that word: somebody tells of it in another way."""
    with _lock:
        _seen.add(once)


def _write(text: str) -> None:
    if sys.stderr is not None:  # a windowed program has none
        sys.stderr.write(f"interactive-train: {text}\n")
        sys.stderr.flush()
