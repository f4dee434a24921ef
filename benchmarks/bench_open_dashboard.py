"""How fast a dashboard of long runs opens: from the cell's start to the first picture on the page.

    python -m benchmarks.bench_open_dashboard [--json FILE] [--rounds N] [--points N]

A page of JupyterLab runs the cell that makes the dashboard: six runs of a million recorded
steps each. The clock stands on the page: it includes the widget's script, the comm, the reduction
of the curves, the way to the browser and the drawing. Every round makes a new dashboard.
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
from tests.browser.server import REPOSITORY, LabServer

CELL = """\
import sys
sys.path.insert(0, {repository!r})
import dataclasses
import numpy as np
from interactive_train_widgets import Dashboard
from tests.widgets.fake_run import FakeRun

class Long(FakeRun):
    def __init__(self, name, points):
        super().__init__(name, last_step=points + points // 3)
        rng = np.random.default_rng(len(name))
        self.steps = np.arange(1, points + 1)
        self.values = dict(
            loss=2.0 / np.sqrt(self.steps) * np.exp(0.2 * rng.normal(size=points)),
            lr=np.full(points, 1e-3),
        )

    def view(self):
        return dataclasses.replace(super().view(), step=len(self.steps), status="paused")

    def series(self, name, start=0, branch=""):
        return self.steps[start:], self.values[name][start:]

runs = [Long("run " + "i" * k, {points}) for k in range(1, 7)]"""
OPEN = "board = Dashboard(*runs); board"
MEASURE = """async ({path, points}) => {
  const begun = performance.now();
  window.harness.run({path, cell: 1, seconds: 60, wait: false});
  const drawn = () => [...document.querySelectorAll(".it")].some((el) =>
    !el.itMeasured && el.dataset.points === points && (el.itMeasured = true));
  while (!drawn()) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


def main() -> None:
    """Open dashboards, print the milliseconds of each and their median."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--points", type=int, default=1_000_000)
    given = options.parse_args()
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    times = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=flags)
        try:
            lab = LabPage(browser.new_page(viewport={"width": 1280, "height": 900}), server, "open")
            cell = CELL.format(repository=str(REPOSITORY), points=given.points)
            path = server.write_notebook("open.ipynb", [cell, OPEN])
            lab.open_notebook(path)
            lab.run_cell(0)
            for _ in range(given.rounds):
                argument = {"path": path, "points": str(given.points)}
                times.append(lab.page.evaluate(MEASURE, argument))
                lab.wait_idle()
                lab.execute("board.close()")
                lab.page.evaluate("document.querySelectorAll('.it').forEach((el) => el.remove())")
        finally:
            browser.close()
            server.stop()
    print("opened after", ", ".join(f"{time:.0f}" for time in times), "ms")
    print(f"median {statistics.median(times):.0f} ms, first {times[0]:.0f} ms")
    if given.json:
        given.json.write_text(json.dumps({"milliseconds": times}))


if __name__ == "__main__":
    main()
