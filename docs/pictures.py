"""The pictures of the README and the pages, taken from the product itself.

    python -m docs.pictures [dashboard] [explain]

Opens notebooks in JupyterLab with Chromium, steers a fit as a person does, explains a step, and
writes screenshots (light and dark) and a short recording into docs/images/.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import Locator, sync_playwright

from tests.browser import chromium
from tests.browser.lab import LabPage
from tests.browser.server import LabServer

IMAGES = Path(__file__).parent / "images"
CELLS = (1, 3, 5)
EXPLAINED = """import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim

random = np.random.default_rng(0)
batch = random.normal(size=(128, 784)).astype(np.float32), random.integers(0, 10, 128)
model = nn.Sequential(nn.Linear(784, 256), nn.relu, nn.Dropout(0.1), nn.Linear(256, 10))
trainer = it.Trainer(model, optim.Adam(1e-3), loss=losses.cross_entropy_sparse)
trainer.explain(trainer.init(seed=0), batch)"""


def main() -> None:
    """Take the pictures that are named, or all."""
    IMAGES.mkdir(exist_ok=True)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    takes = {"dashboard": dashboard, "explain": explain}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        server.start()
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=["--no-sandbox"] if root else []
        )
        try:
            for name in sys.argv[1:] or takes:
                page = browser.new_page(viewport={"width": 1110, "height": 900})
                takes[name](LabPage(page, server, f"pictures-{name}"))
        finally:
            browser.close()
            server.stop()


def dashboard(lab: LabPage) -> None:
    """Take the dashboard of the quickstart."""
    lab.open_notebook("notebooks/01_quickstart.ipynb")
    for cell in CELLS:
        lab.run_cell(cell)
    board = lab.output(CELLS[-1]).locator(".it[data-status]")
    board.wait_for()
    lab.wait_for("run.step", lambda step: step > 150)
    record(lab, board)
    lab.page.mouse.move(5, 500)
    time.sleep(1.5)
    in_both_themes(lab, board, "dashboard")


def explain(lab: LabPage) -> None:
    """Take the table of an explained step."""
    cell = nbformat.v4.new_code_cell(EXPLAINED)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, lab.server.root / "notebooks/explained.ipynb")
    lab.open_notebook("notebooks/explained.ipynb")
    lab.run_cell(0)
    time.sleep(1.0)
    in_both_themes(lab, lab.output(0).locator(".it-explain"), "explain")


def in_both_themes(lab: LabPage, what: Locator, name: str) -> None:
    """Write a light and a dark picture."""
    what.screenshot(path=IMAGES / f"{name}-light.png")
    lab.set_theme("JupyterLab Dark")
    time.sleep(1.5)
    what.screenshot(path=IMAGES / f"{name}-dark.png")


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
