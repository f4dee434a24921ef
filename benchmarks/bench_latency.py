"""From a key press on a slider in a real browser to the step boundary where it took effect.

    python -m benchmarks.bench_latency [--json FILE] [--presses N]

In JupyterLab with Chromium: the quickstart, once at the notebook's pace and once at full
speed, then the gpt workload; presses arrow keys on the learning rate's slider.
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
QUICKSTART = "notebooks/01_quickstart.ipynb"
ROOT = Path(__file__).resolve().parents[1]
GPT = (  # a notebook whose last cell shows the dashboard, as the quickstart's
    f"import sys; sys.path.insert(0, {str(ROOT)!r})",
    "from benchmarks.workloads import WORKLOADS\n"
    "from benchmarks.peers.ours_models import trainer_of\n"
    "work = WORKLOADS['gpt']; trainer = trainer_of(work)",
    "run = trainer.start(trainer.init(seed=0), work.arrays(), batch_size=work.batch, shuffle=0,\n"
    "                    clip_norm=work.clip, name='gpt'); run",
)


def press(lab: LabPage, cell: int, presses: int) -> list[float]:
    """Press arrow keys on the slider under a cell; return milliseconds to the applied step."""
    lab.execute("from interactive_train_widgets.show import _dashboards as boards")
    board = lab.output(cell).locator(".it[data-step]")  # its first picture is drawn
    handle = board.locator('[data-knob="lr"] input[type=range]')
    handle.wait_for(state="visible")  # a hidden one takes no focus, and the key would go astray
    handle.focus()
    before = lab.value("len(boards[run].latencies)")
    for number in range(presses):
        handle.press("ArrowLeft" if number % 2 else "ArrowRight")
        lab.page.wait_for_timeout(150)
    lab.wait_for("len(boards[run].latencies)", lambda found: found >= before + presses)
    return [1000 * t for t in lab.value("boards[run].latencies")][before:]


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
            own = server.write_notebook("gpt.ipynb", GPT)
            for name, path, cells, pace in (
                ("20 steps a second", QUICKSTART, CELLS, "20"),
                ("full speed", QUICKSTART, CELLS, "None"),
                ("gpt workload", own, range(len(GPT)), "None"),
            ):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                lab = LabPage(page, server, name.replace(" ", "-"))
                lab.open_notebook(path)
                for cell in cells:
                    lab.run_cell(cell)
                lab.wait_for("run.step", lambda step: step > 5)
                if path == QUICKSTART:
                    lab.execute(f"run.adjust(lr=1e-3); run.extend(steps=10**7); run.pace({pace})")
                latencies = press(lab, cells[-1], given.presses)
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
