"""Components in a person's own layout: they share a row, stay in step, and are linked."""

from __future__ import annotations

import pytest

from tests.browser.lab import LabPage

START = """\
import ipywidgets
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim
import interactive_train_widgets as widgets

x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(1e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(seed=0), (x, y), batch_size=32, shuffle=0, pace=30, name="mine")
"""
LAYOUT = """\
curve, knobs = widgets.LossCurve(run), widgets.HyperparameterPanel(run)
other = widgets.SchedulePlot(run)
bar = ipywidgets.IntProgress(max=10**6)
ipywidgets.jslink((curve, "step"), (bar, "value"))
ipywidgets.jslink((curve, "selected_step"), (other, "selected_step"))
seen = []
knobs.observe(lambda change: seen.append(change["new"]), "lr")
ipywidgets.VBox([ipywidgets.HBox([curve, knobs]), other, bar])"""


@pytest.fixture
def own(lab: LabPage) -> LabPage:
    """A notebook with a layout of its own over a running fit."""
    lab.open_notebook(lab.server.write_notebook("layout.ipynb", [START, LAYOUT]))
    lab.run_all()
    lab.output(1).locator(".it[data-points]").nth(2).wait_for()
    return lab


def test_components_share_a_row_and_stay_in_step(own: LabPage) -> None:
    panels = own.output(1).locator(".it")
    curve, knobs, other = (panels.nth(i).bounding_box() for i in range(3))
    row = own.output(1).locator(".widget-hbox").bounding_box()
    assert curve is not None
    assert knobs is not None
    assert other is not None
    assert row is not None
    assert curve["y"] == knobs["y"]
    assert min(curve["width"], knobs["width"]) > 280
    assert curve["x"] + curve["width"] <= knobs["x"]
    assert knobs["x"] + knobs["width"] <= row["x"] + row["width"] + 1
    assert other["width"] > 0.9 * row["width"]

    box = panels.nth(1).locator('[data-knob="lr"] input[inputmode=decimal]')
    box.fill("0.004")
    box.press("Enter")
    own.wait_for("seen", lambda seen: seen == [0.004])
    for i in range(3):  # each component knows, not only the one that was used
        own.page.wait_for_function(
            "i => document.querySelectorAll('.it')[i].itDashboard.frame.knobs"
            ".some((k) => k.key === 'lr' && k.effective === 0.004)",
            arg=i,
        )
    assert own.errors == []


def test_links_in_the_page_carry_readings_and_the_crosshair(own: LabPage) -> None:
    step = own.value("run.step")
    own.wait_for("bar.value", lambda value: value > step)
    canvas = own.output(1).locator(".it").first.locator("canvas").first
    canvas.hover(position={"x": 120, "y": 60})
    chosen = own.wait_for("curve.selected_step", lambda step: step is not None)
    own.wait_for("other.selected_step", lambda step: step == chosen)
    own.execute("other.selected_step = 3")
    own.page.wait_for_function(
        "() => document.querySelectorAll('.it')[0].itDashboard.charts.view.cross === 3"
    )
    assert own.errors == []
