"""The promise itself, in a real browser: a person steers a running fit from the quickstart.

The notebook is opened in JupyterLab (what matters most, in Notebook 7 as well), its long fit is
started, and everything is done as a person does it: with keys and clicks on the dashboard. The
kernel is asked what really happened.
"""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from playwright.sync_api import Locator

from benchmarks.bench_latency import GPT, press
from tests.browser.lab import LabPage

DATA, MODEL, START = 1, 3, 5  # cells of the quickstart
DASHBOARD = ".it[data-status]"
in_both = pytest.mark.parametrize("front", ["lab", "notebook"])


@pytest.fixture
def quickstart(lab: LabPage, request: pytest.FixtureRequest) -> LabPage:
    """A copy of the quickstart with its fit running."""
    root = lab.server.root
    copy = f"notebooks/{request.node.name}.ipynb"
    (root / copy).write_bytes((root / "notebooks/01_quickstart.ipynb").read_bytes())
    lab.open_notebook(copy)
    for cell in (DATA, MODEL, START):
        lab.run_cell(cell)
    dashboard(lab).wait_for()
    lab.wait_for("run.step", lambda step: step >= 3)
    return lab


def dashboard(lab: LabPage) -> Locator:
    """The dashboard of the start cell."""
    return lab.output(START).locator(DASHBOARD)


def slider(lab: LabPage, knob: str) -> Locator:
    """A knob's slider."""
    return knob_of(lab, knob).locator("input[type=range]")


def knob_of(lab: LabPage, knob: str) -> Locator:
    """All that belongs to a knob of the optimiser."""
    return dashboard(lab).locator(f'[data-knob="{knob}"]').first


@in_both
def test_the_slider_steers_the_fit_from_a_step_that_its_ticket_names(quickstart: LabPage) -> None:
    lab, board = quickstart, dashboard(quickstart)
    before = lab.value("run.setting('lr').effective(run.step + 1)")
    points = int(board.get_attribute("data-points") or 0)
    handle = slider(lab, "lr")
    handle.focus()
    handle.press("PageDown")
    lab.wait_for("len(run.journal)", lambda n: n == 1)
    ticket = int(board_attribute(lab, "data-ticket-step"))
    entry = lab.value("[run.journal[0].step, run.journal[0].kind, run.journal[0].source]")
    assert entry == [ticket, "adjust", "dashboard"]

    lab.wait_for("run.step", lambda step: step >= ticket + 10)
    steps, rates = map(np.array, lab.value("list(run.series('lr'))"))
    planned = np.array(lab.value(f"trainer.rule.lr(np.arange(1, {len(steps) + 1}))"))
    new = rates[steps == ticket + 1].item()
    assert np.allclose(rates[steps <= ticket], planned[steps <= ticket])
    assert new < 0.75 * before
    ratio = rates[steps > ticket] / planned[steps > ticket]
    assert np.allclose(ratio, ratio[0])  # scaled, from exactly that step on
    lab.page.wait_for_function(
        "([selector, n]) => Number(document.querySelector(selector).dataset.points) > n",
        arg=[DASHBOARD, points + 5],
    )
    effective = float(knob_of(lab, "lr").get_attribute("data-effective") or "nan")
    assert effective == pytest.approx(lab.value("run.history.lr[-1]"), rel=0.1)
    assert lab.errors == []
    assert lab.foreign_requests == []


@in_both
def test_freezing_a_layer_leaves_its_weights_bit_identical(quickstart: LabPage) -> None:
    lab = quickstart
    box = dashboard(lab).locator('[data-layer="layers.0"] input[type=checkbox]')
    box.focus()
    box.press("Space")
    lab.wait_for("'layers.0.weight' in run.state.controls['frozen']")
    lab.execute("kept = run.state.model")
    step = lab.value("run.step")
    lab.wait_for("run.step", lambda now: now >= step + 10)
    pairs = "zip(it.trainables(kept), it.trainables(run.state.model))"
    same = f"[bool((a == b).all()) for a, b in {pairs}]"
    assert lab.value(same) == [True, True, False, False, False, False]
    box.press("Space")
    lab.wait_for("run.state.controls['frozen'] == []")
    step = lab.value("run.step")
    lab.wait_for("run.step", lambda now: now >= step + 5)
    assert lab.value(same) == [False] * 6


def test_a_drag_with_the_mouse_is_one_row_and_one_undo(quickstart: LabPage) -> None:
    lab, board = quickstart, dashboard(quickstart)
    board.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(300)
    handle = slider(lab, "weight_decay")
    box = handle.bounding_box()
    assert box is not None
    before = float(handle.evaluate("s => (s.value - s.min) / (s.max - s.min)"))
    mouse, y = lab.page.mouse, box["y"] + box["height"] / 2
    for i in range(9):
        mouse.move(box["x"] + 8 + (before + 0.03 * i) * (box["width"] - 16), y)
        if i == 0:
            mouse.down()
        lab.page.wait_for_timeout(100)
    mouse.up()
    lab.wait_for("len(run.journal)", lambda n: n == 1)
    lab.page.wait_for_timeout(300)
    values = [value for _, value in lab.value("run.journal[0].values")]
    assert lab.value("len(run.journal)") == 1
    assert len(values) > 3  # every value that was applied is kept
    assert values == sorted(values)
    assert lab.value("run.setting('weight_decay').effective(1)") == values[-1]
    board.get_by_role("button", name="undo").first.click()
    lab.wait_for("run.setting('weight_decay').effective(1)", lambda value: value == 0.01)


@in_both
def test_pause_stops_the_counter_and_resume_goes_on(quickstart: LabPage) -> None:
    lab, board = quickstart, dashboard(quickstart)
    board.get_by_role("button", name="Pause").click()
    lab.wait_for("run.status == 'paused'")
    step = lab.value("run.step")
    lab.page.wait_for_timeout(500)
    assert lab.value("run.step") == step
    board.get_by_role("button", name="Step", exact=True).click()
    lab.wait_for("run.step", lambda now: now == step + 1)
    board.get_by_role("button", name="Resume").click()
    lab.wait_for("run.step", lambda now: now >= step + 5)
    assert lab.value("run.status") == "running"


def test_undo_and_number_box_and_a_wrong_number(quickstart: LabPage) -> None:
    lab, board = quickstart, dashboard(quickstart)
    knob = knob_of(lab, "weight_decay")
    box = knob.locator("input[inputmode=decimal]")
    box.fill("0.2")
    box.press("Enter")
    lab.wait_for("run.setting('weight_decay').effective(1)", lambda value: value == 0.2)
    board.get_by_role("button", name="undo").first.click()
    lab.wait_for("run.setting('weight_decay').effective(1)", lambda value: value == 0.01)
    box.fill("-3")
    box.press("Enter")
    lab.page.wait_for_timeout(300)
    assert lab.value("run.setting('weight_decay').effective(1)") == 0.01
    assert "0" in (knob.get_attribute("data-error") or "")  # the valid interval begins there


def test_slider_and_curve_are_visible_together_in_900_by_520(quickstart: LabPage) -> None:
    lab, board = quickstart, dashboard(quickstart)
    lab.set_viewport(1010, 640)  # JupyterLab's own bars take the rest
    board.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(500)
    top = board.bounding_box()
    handle = slider(lab, "lr").bounding_box()
    curve = board.locator("canvas").first.bounding_box()
    assert top is not None
    assert handle is not None
    assert curve is not None
    assert top["width"] <= 900
    for box in (handle, curve):
        assert box["y"] >= top["y"]
        assert box["y"] + box["height"] <= top["y"] + 520


@in_both
def test_a_reload_of_the_page_finds_the_running_fit_again(quickstart: LabPage) -> None:
    lab = quickstart
    original = lab.save().read_bytes()
    step = lab.value("run.step")
    lab.reload()
    lab.wait_for("run.step", lambda now: now > step)
    dashboard(lab).wait_for()
    shown = int(board_attribute(lab, "data-points"))
    lab.page.wait_for_function(
        "([selector, n]) => Number(document.querySelector(selector).dataset.points) > n",
        arg=[DASHBOARD, shown],
    )
    assert lab.value("run.status") == "running"
    assert b"widget-view" in original


@pytest.mark.parametrize("pace", ["20", "None"])
def test_a_key_press_is_applied_at_once(quickstart: LabPage, pace: str) -> None:
    """20 presses, at the notebook's pace and at full speed; the figures are printed."""
    lab = quickstart
    lab.execute(f"run.adjust(lr=1e-3); run.extend(steps=10**7); run.pace({pace})")
    latencies = press(lab, 5, 20)
    print(
        f"pace {pace}: press to applied step: median {statistics.median(latencies):.1f} ms, "
        f"worst {max(latencies):.1f} ms of {len(latencies)}"
    )
    assert len(latencies) == 20
    assert statistics.median(latencies) < 500


def test_a_key_press_reaches_a_transformer_between_two_of_its_steps(lab: LabPage) -> None:
    """The gpt workload of the benchmarks: a step takes as long as a call may; figures printed."""
    lab.open_notebook(lab.server.write_notebook("gpt.ipynb", GPT))
    for cell in range(len(GPT)):
        lab.run_cell(cell)
    lab.wait_for("run.step", lambda step: step > 3)
    latencies = press(lab, len(GPT) - 1, 20)
    print(f"gpt: median {statistics.median(latencies):.1f} ms, worst {max(latencies):.1f} ms")
    assert len(latencies) == 20
    assert statistics.median(latencies) < 500
    lab.execute("run.close()")


def board_attribute(lab: LabPage, name: str) -> str:
    """An attribute of the dashboard, once it is there."""
    lab.page.wait_for_function(
        "([selector, name]) => document.querySelector(selector)?.hasAttribute(name)",
        arg=[DASHBOARD, name],
    )
    return dashboard(lab).get_attribute(name) or ""
