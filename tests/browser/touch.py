"""Fingers on a page: real touches, which the browser turns into scrolling or pointer events."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

Point = tuple[float, float]


class Fingers:
    """Touches a page through the browser's own protocol, so that `touch-action` holds."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._client: Any = page.context.new_cdp_session(page)
        self._client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def _send(self, kind: str, *points: Point) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self._client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def down(self, *points: Point) -> None:
        """Put fingers down, one after the other."""
        for count in range(1, len(points) + 1):
            self._send("touchStart", *points[:count])

    def move(self, start: list[Point], end: list[Point], steps: int = 8) -> None:
        """Move fingers that are down, all at once, as a hand does."""
        for step in range(1, steps + 1):
            part = step / steps
            self._send(
                "touchMove",
                *(
                    (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))
                    for a, b in zip(start, end, strict=True)
                ),
            )
            self.page.wait_for_timeout(16)

    def up(self) -> None:
        """Lift all fingers."""
        self._send("touchEnd")

    def drag(self, start: Point, end: Point) -> None:
        """Put one finger down, move it, and lift it."""
        self.down(start)
        self.move([start], [end])
        self.up()
