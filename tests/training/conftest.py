"""No test of training leaves a thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import interactive_train as it


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Close the runs that a test left going, and insist that their threads end."""
    before, known = set(threading.enumerate()), len(it.runs)
    yield
    for run in list(it.runs)[known:]:
        run.close()
    left = [t for t in threading.enumerate() if t not in before and t.name.startswith("train ")]
    assert not left
