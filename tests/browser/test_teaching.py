"""The teaching views of points, surfaces and numbers, in JupyterLab: seen, read out, moved."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser import axe
from tests.browser.lab import LabPage

START = """\
import numpy as np
import interactive_train as it
from interactive_train import datasets, losses, nn, optim

rng = np.random.default_rng(0)
labels = np.arange(120) % 2
turn = np.linspace(0, np.pi, 120)
points = np.stack([np.cos(turn) + labels, np.where(labels, 0.4, 0) + np.sin(turn) * (1 - 2 * labels)], 1)
points = (points + 0.1 * rng.normal(size=points.shape)).astype(np.float32)
net = nn.Sequential(nn.Linear(2, 16), nn.tanh, nn.Linear(16, 2))
moons = it.Trainer(net, optim.Adam(0.02), loss=losses.cross_entropy_sparse)
run = moons.start(moons.init(seed=0), (points, labels), batch_size=30, pace=20, name="moons")
(x, y), _ = datasets.digits()
reader = it.Trainer(nn.Sequential(nn.Linear(64, 24), nn.relu, nn.Linear(24, 10)), optim.AdamW(3e-3),
                    loss=losses.cross_entropy_sparse)
digits = reader.start(reader.init(seed=0), (x, y), batch_size=64, pace=20, name="digits")
"""  # noqa: E501
CELLS = {
    "DecisionBoundary": "boundary = it.widgets.DecisionBoundary(run, points, labels)\nboundary",
    "OptimizerRace": "race = it.widgets.OptimizerRace('himmelblau', steps=100)\nrace",
    "StepExplained": "explained = it.widgets.StepExplained(digits, 'layers.0.weight')\nexplained",
    "FirstLayerWeights": "layer = it.widgets.FirstLayerWeights(digits, (8, 8))\nlayer",
}


@pytest.fixture
def page(lab: LabPage) -> LabPage:
    """A notebook with all of these views under two running fits."""
    lab.open_notebook(lab.server.write_notebook("teaching.ipynb", [START, *CELLS.values()]))
    lab.run_all()
    return lab


def card(lab: LabPage, name: str) -> Locator:
    """A view, scrolled to and drawn."""
    found = lab.output(1 + list(CELLS).index(name)).locator(".itt")
    found.wait_for()
    found.scroll_into_view_if_needed()
    lab.page.wait_for_function(
        "card => Number(card.dataset.sequence) > 0", arg=found.element_handle()
    )
    return found


def attribute(lab: LabPage, found: Locator, name: str, holds: str) -> None:
    """Wait until an attribute of a card satisfies a script on `value`."""
    lab.page.wait_for_function(
        f"([card, name]) => ((value) => {holds})(card.getAttribute(name))",
        arg=[found.element_handle(), name],
    )


def test_all_views_are_drawn_have_a_text_and_no_serious_fault(page: LabPage) -> None:
    script = axe.source()
    texts = {
        "DecisionBoundary": "points lie on the side of their own class",
        "OptimizerRace": "Himmelblau's four pits, from (-0.3, -0.8): after 100 steps",
        "StepExplained": "of layers.0.weight[",
        "FirstLayerWeights": "pictures of 8 by 8, on a scale from",
    }
    for name, text in texts.items():
        found = card(page, name)
        picture = found.locator("[data-picture]").first
        assert text in (picture.get_attribute("aria-label") or "")
        found.get_by_role("button", name="Table").press("Enter")
        assert found.locator(".itt-table tbody tr").count() >= 2
        assert axe.faults(found, script) == []
        assert found.evaluate("card => card.scrollWidth <= card.clientWidth + 1")
    assert page.errors == []
    assert page.foreign_requests == []


def test_a_probe_reads_the_class_by_keyboard_while_the_fit_runs(page: LabPage) -> None:
    found = card(page, "DecisionBoundary")
    first = int(found.get_attribute("data-step") or 0)
    attribute(page, found, "data-step", f"Number(value) > {first}")
    probe = found.get_by_role("group", name="Probe")
    probe.focus()
    probe.press("ArrowRight")
    found.locator(".it-tip", has_text="p = ").wait_for()
    found.get_by_role("button", name="Pause").click()
    attribute(page, found, "data-status", 'value === "paused"')
    assert page.value("run.status") == "paused"


def test_the_race_is_played_dragged_and_its_rates_are_moved(page: LabPage) -> None:
    found = card(page, "OptimizerRace")
    found.get_by_role("button", name="Play").press("Enter")
    attribute(page, found, "data-shown", "Number(value) > 2 && Number(value) < 100")
    found.get_by_role("button", name="Pause").press("Enter")
    found.get_by_role("button", name="To the start").press("Enter")
    attribute(page, found, "data-shown", 'value === "0"')
    found.get_by_role("button", name="Step", exact=True).press("Enter")
    attribute(page, found, "data-shown", 'value === "1"')
    area = found.get_by_role("group", name="Start point")
    area.focus()
    area.press("ArrowRight")
    page.wait_for("race._start[0]", lambda x: x > -0.25)
    slider = found.get_by_role("slider", name="Learning rate of Adam")
    slider.focus()
    slider.press("PageUp")
    page.wait_for("race._rates['Adam']", lambda rate: abs(rate - 0.2) < 1e-9)
    box = found.locator(".itt-ground canvas").bounding_box()
    assert box is not None
    mouse = page.page.mouse
    mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.3, steps=4)
    mouse.up()
    page.wait_for("race._start", lambda start: start[0] > 2 and start[1] > 1)


def test_the_step_that_is_explained_comes_true(page: LabPage) -> None:
    found = card(page, "StepExplained")
    found.get_by_role("button", name="Pause").click()
    attribute(page, found, "data-status", 'value === "paused"')
    step = page.value("digits.step")
    attribute(page, found, "data-step", f"Number(value) === {step}")
    foreseen = float(found.get_attribute("data-after") or "nan")
    found.get_by_role("button", name="Step", exact=True).press("Enter")
    attribute(page, found, "data-step", f"Number(value) === {step + 1}")
    now = float(found.get_attribute("data-before") or "nan")
    assert now == pytest.approx(foreseen, rel=1e-4)
    row, column = page.value("list(explained._index)")
    weight = page.value(f"float(digits.state.model.layers[0].weight[{row}, {column}])")
    assert now == pytest.approx(weight, rel=1e-6)
    assert found.locator("math").count() > 10


def test_the_weights_change_and_a_unit_is_picked(page: LabPage) -> None:
    found = card(page, "FirstLayerWeights")
    found.get_by_role("button", name="Change").press("Enter")
    page.wait_for("layer._change", bool)
    unit = found.get_by_role("radio", name="Unit 3")
    unit.focus()
    unit.press("ArrowRight")
    found.locator(".itt-name", has_text="Unit 4, change since step").wait_for()
    assert found.get_by_role("radio", name="Unit 4").get_attribute("aria-checked") == "true"
