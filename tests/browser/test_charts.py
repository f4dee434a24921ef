"""The charts in a real browser: zoomed, moved, read, told apart, saved, a point dragged."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage
from tests.browser.server import REPOSITORY

CELL = f"""\
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from interactive_train.training.records import commands
from interactive_train_widgets import Dashboard
from tests.widgets.fake_run import FakeRun

run = FakeRun(last_step=30_000).run_to(9_000)
run.submit(commands.Adjust("weight_decay", 1e-3))
run.run_to(20_000)
run.status = "paused"
board = Dashboard(run, FakeRun("other").run_to(900))
board"""
POINTS = "document.querySelector('.it').itDashboard.frame.curves"


@pytest.fixture
def charts(lab: LabPage) -> LabPage:
    lab.set_viewport(1280, 900)
    lab.open_notebook(lab.server.write_notebook("charts.ipynb", [CELL]))
    lab.run_all()
    lab.output(0).locator('.it[data-points="20000"]').wait_for()
    return lab


def canvas(lab: LabPage, name: str = "loss") -> Locator:
    return lab.output(0).locator(f"canvas.it-{name}")


def window(lab: LabPage) -> list[float]:
    text = lab.output(0).locator(".it-charts").get_attribute("data-window") or ""
    return [float(part) for part in text.split("-")] if text else []


def after(lab: LabPage, before: list[float]) -> list[float]:
    """The window, once it is another one than before."""
    text = "-".join(f"{end:.0f}" for end in before)
    lab.page.wait_for_function(
        "text => document.querySelector('.it-charts').dataset.window !== text", arg=text
    )
    return window(lab)


def drag(lab: LabPage, where: Locator, start: float, end: float) -> None:
    """Drag over parts of a chart's width."""
    box = where.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    lab.page.mouse.move(box["x"] + start * box["width"], y)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + end * box["width"], y, steps=6)
    lab.page.mouse.up()


def test_a_dragged_range_is_shown_in_its_own_detail(charts: LabPage) -> None:
    drag(charts, canvas(charts), 0.3, 0.33)
    wide = after(charts, [])
    canvas(charts).focus()
    charts.page.keyboard.press("+")
    middle = after(charts, wide)
    charts.page.keyboard.press("+")
    low, high = after(charts, middle)
    assert 100 < high - low < 500
    fine = "c.kind === 'loss' && c.run === 0 && c.window === 0"
    charts.page.wait_for_function(f"{POINTS}.some(c => {fine} && c.size === 1)")
    sent = charts.page.evaluate(
        f"(() => {{ const c = {POINTS}.find(c => {fine}); return [[...c.steps], [...c.mean]]; }})()"
    )
    steps, values = (np.array(part) for part in sent)
    assert steps[0] < low < high < steps[-1]
    recorded = np.array(charts.value("run.series('loss')[1]"))
    np.testing.assert_array_equal(values, recorded[steps.astype(int) - 1].astype(np.float32))
    charts.page.keyboard.down("Shift")
    drag(charts, canvas(charts), 0.3, 0.5)
    charts.page.keyboard.up("Shift")
    moved = after(charts, [low, high])
    assert moved[0] < low
    assert moved[1] - moved[0] == pytest.approx(high - low, abs=2)
    charts.output(0).get_by_role("button", name="Show all steps").click()
    assert after(charts, moved) == []
    assert charts.errors == []


def test_wheel_buttons_and_keys_zoom(charts: LabPage) -> None:
    chart = canvas(charts)
    chart.focus()
    chart.press("+")
    first = after(charts, [])
    chart.press("+")
    second = after(charts, first)
    assert second[1] - second[0] < first[1] - first[0]
    chart.press("Shift+ArrowRight")
    assert after(charts, second)[0] > second[0]
    chart.press("0")
    charts.page.wait_for_function("document.querySelector('.it-charts').dataset.window === ''")
    charts.output(0).get_by_role("button", name="Zoom in").click()
    assert after(charts, []) == first
    charts.output(0).get_by_role("button", name="Show all steps").click()
    assert after(charts, first) == []
    chart.hover(position={"x": 200, "y": 100})
    charts.page.keyboard.down("Control")
    charts.page.mouse.wheel(0, -300)
    charts.page.keyboard.up("Control")
    assert after(charts, []) != []


def test_the_crosshair_says_every_curve_with_the_keyboard_as_well(charts: LabPage) -> None:
    chart, tip = canvas(charts), charts.output(0).locator(".it-tip")
    chart.hover(position={"x": 80, "y": 100})
    rows = tip.locator("tbody, table").first
    for name in ("digits", "other", "digits validation", "learning rate"):
        assert name in rows.inner_text()
    charts.page.mouse.move(5, 5)
    tip.wait_for(state="hidden")
    chart.focus()
    chart.press("ArrowLeft")
    tip.wait_for()
    assert "step 20 000" in tip.inner_text().replace("\u2009", " ")
    for _ in range(3):
        chart.press("PageDown")
    assert "step 20 000" not in tip.inner_text().replace("\u2009", " ")
    chart.press("Escape")
    tip.wait_for(state="hidden")


def test_a_curve_is_hidden_by_its_name(charts: LabPage) -> None:
    names = charts.output(0).locator(".it-legend button")
    assert names.all_inner_texts() == ["digits", "other", "digits validation", "other validation"]
    pressed = [name.get_attribute("aria-pressed") for name in names.all()]
    assert pressed == ["true", "true", "true", "false"]
    names.nth(1).press("Enter")
    canvas(charts).hover(position={"x": 80, "y": 100})
    assert "other" not in charts.output(0).locator(".it-tip").inner_text()


def test_the_point_of_the_present_is_dragged_as_one_gesture_and_released(charts: LabPage) -> None:
    handle = charts.output(0).locator(".it-handle")
    before = charts.value("run.view().knobs[1].effective")
    box = handle.bounding_box()
    assert box is not None
    charts.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    charts.page.mouse.down()
    for up in range(8):
        charts.page.mouse.move(box["x"] + 14, box["y"] + 10 - 4 * up)
        charts.page.wait_for_timeout(40)
    charts.page.mouse.up()
    held = charts.wait_for("run.view().knobs[1].override", lambda value: value is not None)
    assert held > before
    assert charts.value("[e.kind for e in run.journal if e.name == 'lr']") == ["adjust"]
    assert charts.value("len(run.journal[-1].values)") > 2
    charts.output(0).locator(".it-held").get_by_role("button", name="release").click()
    charts.wait_for("run.view().knobs[1].override is None")
    box_of = charts.output(0).locator(".it-held input")
    box_of.fill("0.00042")
    box_of.press("Enter")
    charts.wait_for("run.view().knobs[1].override == 0.00042")
    handle.focus()
    handle.press("PageDown")
    charts.wait_for("run.view().knobs[1].override < 0.00042")
    assert charts.errors == []


def save(lab: LabPage, board: Locator, kind: str, folder: Path) -> Path:
    """Save a file from the menu of the charts."""
    button = board.get_by_role("button", name="Chart settings and files")
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    with lab.page.expect_download() as download:
        board.locator(".it-menu").get_by_role("button", name=kind, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_charts_are_saved_as_files(charts: LabPage, tmp_path: Path) -> None:
    table = save(charts, charts.output(0), "CSV", tmp_path)
    assert table.name == "digits-step-20000.csv"
    with table.open(newline="") as lines:
        titles, *rows = csv.reader(lines)
    assert titles[:2] == ["step", "digits loss"]
    assert "other loss" in titles
    assert "digits validation_loss" in titles
    loss = np.array([float(row[1]) for row in rows])
    np.testing.assert_array_equal(loss, charts.value("run.series('loss')[1]"))
    assert [row[titles.index("other loss")] == "" for row in rows].count(False) == 900
    drawing = save(charts, charts.output(0), "SVG", tmp_path).read_text("utf-8")
    assert drawing.startswith("<svg ")
    assert "learning rate" in drawing
    picture = save(charts, charts.output(0), "PNG", tmp_path).read_bytes()
    box = canvas(charts).bounding_box()
    assert box is not None
    width = int.from_bytes(picture[16:20], "big")
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert width == pytest.approx(2 * (box["width"] + 24), abs=2)
    assert charts.errors == []
