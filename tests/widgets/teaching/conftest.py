"""Every teaching view gets a comm that writes down what would go to the browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import comm
import pytest

from tests.widgets.teaching.page import FakeComm


@pytest.fixture(autouse=True)
def fake_comm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(comm, "create_comm", FakeComm)
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        assert "dashboard" not in thread.name
