"""From a key press on a slider in a real browser to the step boundary where it took effect.

    python -m benchmarks.bench_latency [--json FILE] [--presses N]

Opens the quickstart in JupyterLab with Chromium, once at the notebook's pace and once at full
speed, and presses arrow keys on the learning rate's slider.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.lab import LabPage
from tests.browser.server import LabServer

CELLS = (1, 3, 5)


def main() -> None:
    """Measure and print median and worst."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--presses", type=int, default=20)
    given = options.parse_args()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    found = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        server.start()
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=["--no-sandbox"] if root else []
        )
        try:
            for name, pace in (("20 steps a second", "20"), ("full speed", "None")):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                lab = LabPage(page, server, name.replace(" ", "-"))
                lab.open_notebook("notebooks/01_quickstart.ipynb")
                for cell in CELLS:
                    lab.run_cell(cell)
                lab.wait_for("run.step", lambda step: step > 5)
                lab.execute(f"run.adjust(lr=1e-3); run.extend(steps=10**7); run.pace({pace})")
                lab.execute("from interactive_train_widgets.show import _dashboards as boards")
                handle = lab.output(CELLS[-1]).locator('[data-knob="lr"] input[type=range]')
                handle.focus()
                for press in range(given.presses):
                    handle.press("ArrowLeft" if press % 2 else "ArrowRight")
                    page.wait_for_timeout(150)
                latencies = [1000 * t for t in lab.value("boards[run].latencies")]
                found[name] = {
                    "presses": len(latencies),
                    "median_ms": statistics.median(latencies),
                    "worst_ms": max(latencies),
                }
                print(f"{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in found[name].items()))
                lab.execute("run.close()")
                page.close()
        finally:
            browser.close()
            server.stop()
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
