"""The page in front of a teaching view, as its messages: what a test says, and what it hears."""

from __future__ import annotations

import time
from typing import Any

from comm.base_comm import BaseComm

from interactive_train_widgets.teaching.base import TeachingView


class FakeComm(BaseComm):  # type: ignore[misc,unused-ignore]
    """Keeps (data, buffers) of every message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.log: list[tuple[Any, Any]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any
    ) -> None:
        self.log.append((data or {}, buffers))


def say(widget: TeachingView, content: object) -> None:
    widget._handle_msg(
        {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    )


def heard(widget: TeachingView, kind: str) -> list[Any]:
    custom = [d["content"] for d, _ in list(widget.comm.log) if d.get("method") == "custom"]
    return [content for content in custom if content["kind"] == kind]


def eventually(condition: Any, seconds: float = 4.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.005)


READY = {"kind": "ready", "view": "v", "rate": 10, "columns": 600}
