"""The dashboard's layout: nothing moves while it trains, nothing overflows from 800 to 1800 px."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage
from tests.browser.test_accessibility import START, dashboard

WIDTHS = (800, 1000, 1400, 1800)
CELLS = [START, "Dashboard(run)", 'Dashboard(run, layout="lecture")']
# Boxes of everything that stays, relative to the dashboard: cards, heads, controls, canvases.
WATCHED = ".it-card, .it-head, .it-plot, .it-knob, .it-group, .it-chip, .it-button, .it-box, canvas"
RECORD = """board => {
  const watched = [...board.querySelectorAll(WATCHED)].filter((node) => node.offsetParent);
  const boxes = () => {
    const origin = board.getBoundingClientRect();
    return [[0, 0, origin.width, origin.height], ...watched.map((node) => {
      const box = node.getBoundingClientRect();
      return [box.x - origin.x, box.y - origin.y, box.width, box.height];
    })];
  };
  const first = boxes();
  window.moved = [];
  const look = () => boxes().forEach((box, i) => {
    const worst = Math.max(...box.map((value, k) => Math.abs(value - first[i][k])));
    const node = i ? watched[i - 1] : board;
    if (worst <= 1) return;
    const what = `${node.className || node.tagName} ${node.textContent.slice(0, 30)}`;
    window.moved.push(`${what}: ${first[i].map(Math.round)} became ${box.map(Math.round)}`);
  });
  window.watching = setInterval(look, 40);
}""".replace("WATCHED", repr(WATCHED))


@pytest.fixture
def shown(lab: LabPage) -> LabPage:
    """A fit at 30 steps a second under two dashboards."""
    lab.open_notebook(lab.server.write_notebook("placed.ipynb", CELLS))
    lab.run_all()
    for cell in (1, 2):
        dashboard(lab, cell)
    lab.wait_for("run.step", lambda step: step > 20)
    return lab


def overflowing(board: Locator) -> list[str]:
    """Cards that reach beyond the dashboard, and one-line texts that reach beyond their card."""
    found: list[str] = board.evaluate(
        """board => {
          const right = board.getBoundingClientRect().right + 1;
          return [...board.querySelectorAll('.it-card, .it-button, .it-box, .it-chip, canvas')]
            .filter((node) => node.offsetParent && node.getBoundingClientRect().right > right)
            .map((node) => `${node.className} ${node.textContent.slice(0, 30)}`);
        }"""
    )
    return found


def test_nothing_moves_while_it_trains_and_is_steered(shown: LabPage) -> None:
    """Through hundreds of steps, new digits of counters, a new epoch, and a moved slider."""
    lab, board = shown, dashboard(shown, 1)
    lab.execute("run.pace(100)")
    lab.page.wait_for_timeout(500)
    board.evaluate(RECORD)
    lab.page.wait_for_timeout(3000)
    handle = board.locator('[data-knob="weight_decay"] input[type=range]')
    handle.focus()
    handle.press("ArrowRight")
    lab.page.wait_for_timeout(1500)
    lab.wait_for("run.step", lambda step: step > 300)
    moved: list[Any] = lab.page.evaluate("() => { clearInterval(watching); return moved; }")
    assert moved[:5] == []


def test_it_fits_from_800_to_1800_pixels(shown: LabPage) -> None:
    lab, board = shown, dashboard(shown, 1)
    for width in WIDTHS:
        lab.set_viewport(width + 100, 1000)
        lab.page.wait_for_timeout(700)
        assert overflowing(board) == [], width
        lab.screenshot(lab.server.root / f"default-{width}.png")
    lab.set_viewport(1024, 768)
    lab.page.wait_for_timeout(700)
    lecture = dashboard(lab, 2)
    assert overflowing(lecture) == []
    small = lecture.locator("*").evaluate_all(
        """all => all.filter((n) => n.offsetParent && n.childNodes.length === 1
             && n.firstChild.nodeType === 3 && parseFloat(getComputedStyle(n).fontSize) < 18
             && !n.closest('.it-hidden'))
           .map((n) => `${n.className} ${n.textContent.slice(0, 30)}`)"""
    )
    assert small == []  # what a lecture hall reads has 18 px at least


def test_the_values_at_the_crosshair_stand_where_they_do_not_hide_it(shown: LabPage) -> None:
    """And nothing else moves for them; a table is never higher than the picture."""
    lab, lecture = shown, dashboard(shown, 2)
    lab.execute("run.pause().wait(10)")
    card, canvas = lecture.locator(".it-charts"), lecture.locator("canvas.it-loss")
    for width in (800, 1024, 1600):
        lab.set_viewport(width, 768)
        lab.page.wait_for_timeout(700)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        assert box["width"] > 400, width
        for part in (0.25, 0.4, 0.5, 0.6, 0.7):
            canvas.hover(position={"x": part * box["width"], "y": box["height"] / 2})
            lab.page.wait_for_timeout(100)
            tip, around = lecture.locator(".it-tip").bounding_box(), card.bounding_box()
            assert tip is not None
            assert around is not None
            cross = box["x"] + part * box["width"]
            assert tip["x"] > cross + 8 or tip["x"] + tip["width"] < cross - 8, (width, part)
            assert tip["x"] >= around["x"], (width, part)
            assert tip["x"] + tip["width"] <= around["x"] + around["width"], (width, part)
            assert tip["y"] >= box["y"], (width, part)
            assert tip["y"] + tip["height"] <= box["y"] + box["height"], (width, part)
            assert canvas.bounding_box() == box
    assert lab.errors == []
