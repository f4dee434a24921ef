"""The pictures of the README, taken from the product itself.

    python -m docs.pictures

Opens the quickstart in JupyterLab with Chromium, steers it as a person does, and writes
screenshots (light and dark) and a short recording into docs/images/.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, sync_playwright

from tests.browser import chromium
from tests.browser.lab import LabPage
from tests.browser.server import LabServer

IMAGES = Path(__file__).parent / "images"
CELLS = (1, 3, 5)


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        server.start()
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=["--no-sandbox"] if root else []
        )
        try:
            page = browser.new_page(viewport={"width": 1110, "height": 900})
            lab = LabPage(page, server, "pictures")
            lab.open_notebook("notebooks/01_quickstart.ipynb")
            for cell in CELLS:
                lab.run_cell(cell)
            board = lab.output(CELLS[-1]).locator(".it[data-status]")
            board.wait_for()
            lab.wait_for("run.step", lambda step: step > 150)
            record(lab, board)
            page.mouse.move(5, 500)
            time.sleep(1.5)
            board.screenshot(path=IMAGES / "dashboard-light.png")
            lab.set_theme("JupyterLab Dark")
            time.sleep(1.5)
            board.screenshot(path=IMAGES / "dashboard-dark.png")
        finally:
            browser.close()
            server.stop()


def record(lab: LabPage, board: Locator) -> None:
    """Record a slider being dragged and a layer being frozen, about nine seconds of it."""
    slider = board.locator('[data-knob="lr"] input[type=range]')
    frozen = board.locator('[data-layer="layers.0"] input[type=checkbox]')
    board.screenshot()  # scrolls it into view, where it stays
    box = slider.bounding_box()
    assert box is not None
    mouse, y = lab.page.mouse, box["y"] + box["height"] / 2
    left = float(slider.evaluate("s => (s.value - s.min) / (s.max - s.min)"))
    frames: list[Image.Image] = []
    started = time.monotonic()

    def shoot(count: int) -> None:
        for _ in range(count):
            frames.append(Image.open(io.BytesIO(board.screenshot())).convert("RGB"))

    def drag(begin: float, end: float, steps: int) -> None:
        def at(fraction: float) -> float:
            return box["x"] + 8 + fraction * (box["width"] - 16)

        mouse.move(at(begin), y)
        mouse.down()
        for i in range(steps + 1):
            mouse.move(at(begin + (end - begin) * i / steps), y)
            shoot(1)
        mouse.up()

    shoot(8)
    drag(left, min(0.9, left + 0.25), 8)
    shoot(10)
    drag(min(0.9, left + 0.25), left - 0.1, 10)
    shoot(10)
    frozen.check()
    shoot(8)
    frozen.uncheck()
    shoot(4)
    pause = 1000 * (time.monotonic() - started) / len(frames)
    palette = frames[-1].quantize(64, method=Image.Quantize.MEDIANCUT)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(
        IMAGES / "steering.gif",
        save_all=True,
        append_images=small[1:],
        duration=int(pause),
        loop=0,
        optimize=True,
    )


if __name__ == "__main__":
    main()
