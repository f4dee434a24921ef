"""The charts under fingers: read, a range chosen, zoomed and moved with two, the page scrolled."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage
from tests.browser.test_charts import CELL, after, canvas, window
from tests.browser.touch import Fingers, Point

SHOWN = "document.querySelector('.it').itDashboard.charts.view"


@pytest.fixture
def touched(lab: LabPage) -> LabPage:
    lab.set_viewport(1280, 900)
    lab.open_notebook(lab.server.write_notebook("touch.ipynb", [CELL, *["# below"] * 40]))
    lab.run_cell(0)
    lab.output(0).locator('.it[data-points="20000"]').wait_for()
    return lab


def place(chart: Locator, across: float, down: float = 0.5) -> Point:
    box = chart.bounding_box()
    assert box is not None
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def test_a_finger_reads_and_the_values_stay_when_it_is_lifted(touched: LabPage) -> None:
    fingers, chart = Fingers(touched.page), canvas(touched)
    tip = touched.output(0).locator(".it-tip")
    fingers.drag(place(chart, 0.3), place(chart, 0.5))
    tip.wait_for()
    read = tip.inner_text()
    fingers.down(place(chart, 0.7))
    fingers.up()
    touched.page.wait_for_function(
        "text => document.querySelector('.it-tip').innerText !== text", arg=read
    )
    assert window(touched) == []
    touched.output(0).get_by_role("button", name="Chart settings and files").click()
    tip.wait_for(state="hidden")
    assert touched.errors == []


def test_a_range_is_chosen_by_a_finger_that_rests_and_moves(touched: LabPage) -> None:
    fingers, chart = Fingers(touched.page), canvas(touched)
    start, end = place(chart, 0.4), place(chart, 0.6, 0.2)
    fingers.down(start)
    touched.page.wait_for_function(f"{SHOWN}.select")
    first = touched.page.evaluate(f"{SHOWN}.select[0]")
    fingers.move([start], [end])  # up as well: the page does not scroll now
    last = touched.page.evaluate(f"{SHOWN}.select[1]")
    fingers.up()
    assert after(touched, []) == [round(first), round(last)]
    assert touched.page.evaluate(f"{SHOWN}.select") is None
    assert touched.page.locator(".lm-Menu").count() == 0  # no menu of a long press
    assert touched.errors == []


def test_two_fingers_zoom_and_move(touched: LabPage) -> None:
    fingers, chart = Fingers(touched.page), canvas(touched)
    left, right = place(chart, 0.45), place(chart, 0.55)
    fingers.down(left, right)
    under = [touched.page.evaluate(STEP_AT, point[0]) for point in (left, right)]
    wide = [place(chart, 0.3), place(chart, 0.7)]
    fingers.move([left, right], wide)
    near = after(touched, [])
    assert near[1] - near[0] < 8000
    still = [touched.page.evaluate(STEP_AT, point[0]) for point in wide]
    assert still == pytest.approx(under, abs=60)  # what was under a finger stays there
    fingers.move(wide, [place(chart, 0.2), place(chart, 0.6)])
    fingers.up()
    moved = window(touched)
    assert moved[0] > near[0]
    assert moved[1] - moved[0] == pytest.approx(near[1] - near[0], rel=0.02)
    assert touched.errors == []


STEP_AT = """x => {
  const { loss } = document.querySelector('.it').itDashboard.charts;
  return loss.x.invert(x - loss.canvas.getBoundingClientRect().x);
}"""


def test_two_taps_show_everything_again(touched: LabPage) -> None:
    fingers, chart = Fingers(touched.page), canvas(touched)
    touched.output(0).get_by_role("button", name="Zoom in").click()
    near = after(touched, [])
    for _ in range(2):
        fingers.down(place(chart, 0.5))
        fingers.up()
    assert after(touched, near) == []
    assert touched.errors == []


def test_a_finger_that_moves_up_scrolls_the_page(touched: LabPage) -> None:
    fingers, chart = Fingers(touched.page), canvas(touched)
    before = place(chart, 0.5)[1]
    fingers.drag(place(chart, 0.5, 0.8), (place(chart, 0.5)[0], before - 250))
    touched.page.wait_for_timeout(500)
    assert place(chart, 0.5)[1] < before - 100
    assert window(touched) == []
    assert touched.output(0).locator(".it-tip").is_hidden()
    assert touched.errors == []
