"""The dashboard for people who use a keyboard, a screen reader, less motion or fewer colours."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser import axe
from tests.browser.lab import LabPage

START = """\
import numpy as np
import interactive_train as it
from interactive_train import losses, metrics, nn, optim, schedules
from interactive_train_widgets import Dashboard

x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Dropout(0.1), nn.Linear(16, 2))
rule = optim.AdamW(schedules.cosine_decay(1e-2, decay_steps=2000), weight_decay=1e-3)
trainer = it.Trainer(model, rule, loss=losses.cross_entropy_sparse)

def start(**more):
    return trainer.start(
        trainer.init(seed=0), (x, y), batch_size=32, shuffle=0, pace=30, name="digits",
        validation=(x, y), metrics={"accuracy": metrics.accuracy,
        "confusion": metrics.confusion_matrix}, **more)

run = start()
run.adjust(lr=3e-3)
run.freeze("layers.0")
"""
FAILED = """\
def explode(*, global_step, **_):
    if global_step == 5:
        raise ValueError("the report found something odd\\nand says so at length " + 40 * "long ")

lost = start(report=explode)
Dashboard(lost)"""


def dashboard(lab: LabPage, cell: int) -> Locator:
    board = lab.output(cell).locator(".it[data-step]")
    board.wait_for()
    return board


@pytest.fixture
def shown(lab: LabPage) -> LabPage:
    """A running fit with its dashboard, one for the lecture, and one of a fit that failed."""
    cells = [START, "Dashboard(run)", 'Dashboard(run, layout="lecture")', FAILED]
    lab.open_notebook(lab.server.write_notebook("accessible.ipynb", cells))
    lab.run_all()
    for cell in (1, 2, 3):
        dashboard(lab, cell)
    return lab


def unfolded(lab: LabPage, cell: int, script: str) -> list[str]:
    """What axe finds with each fold open in turn."""
    found: list[str] = []
    folds = dashboard(lab, cell).locator(".it-fold")
    for i in range(folds.count()):
        folds.nth(i).click()
        lab.page.wait_for_timeout(300)
        found += axe.faults(dashboard(lab, cell), script)
    return found


def test_axe_finds_nothing_serious_in_any_face_light_or_dark(shown: LabPage) -> None:
    lab, script = shown, axe.source()
    found: dict[str, list[str]] = {}

    def look(name: str, cell: int) -> None:
        found[name] = axe.faults(dashboard(lab, cell), script)

    lab.page.wait_for_function(
        "() => document.querySelectorAll('.it')[2]?.dataset.status === 'failed'"
    )
    look("running", 1)
    look("lecture", 2)
    look("failed", 3)
    lab.execute("run.pause().wait(5)")
    lab.page.wait_for_function(
        "() => document.querySelectorAll('.it')[0]?.dataset.status === 'paused'"
    )
    found["unfolded"] = unfolded(lab, 1, script)
    dashboard(lab, 1).get_by_role("button", name="Chart settings").click()
    look("chart settings", 1)
    dashboard(lab, 1).locator(".it-until summary").click()
    look("run until", 1)
    lab.set_theme("JupyterLab Dark")
    lab.page.wait_for_timeout(500)
    for name, cell in (("dark paused", 1), ("dark lecture", 2), ("dark failed", 3)):
        look(name, cell)
    assert {name: faults for name, faults in found.items() if faults} == {}
    dashboard(lab, 3).evaluate("board => board.append(document.createElement('button'))")
    assert "button-name" in axe.faults(dashboard(lab, 3), script)[0]  # it does look


WATCH = """board => {
  const live = board.querySelector('[aria-live]');
  window.spoken = [];
  new MutationObserver(() => window.spoken.push([performance.now(), live.textContent]))
    .observe(live, { childList: true, characterData: true, subtree: true });
}"""
CONTROLS = "button, input, select, textarea, summary, [tabindex='0']"
REACHABLE = f"""board => [...board.querySelectorAll("{CONTROLS}")]
  .filter((node) => !node.disabled && node.tabIndex >= 0 && node.offsetParent !== null)"""
NAME = """node => `${node.tagName} ${node.getAttribute('aria-label') ?? ''} ${node.textContent}`
  .slice(0, 60)"""


def test_every_control_is_reached_by_tab_and_shows_its_focus(shown: LabPage) -> None:
    lab, board = shown, dashboard(shown, 1)
    lab.execute("run.pause().wait(5)")
    board.evaluate(WATCH)
    count = board.evaluate(f"board => ({REACHABLE})(board).length")
    board.evaluate(f"board => ({REACHABLE})(board)[0].focus()")
    visited, faint = 0, []
    for _ in range(count + 5):
        state = lab.page.evaluate(
            f"""() => {{
              const node = document.activeElement;
              if (!node.closest('.it')) return null;
              const style = getComputedStyle(node);
              return [({NAME})(node), style.outlineStyle, parseFloat(style.outlineWidth)];
            }}"""
        )
        if state is None:
            break
        visited += 1
        if state[1] == "none" or state[2] < 2:
            faint.append(state[0])
        lab.page.keyboard.press("Tab")
    assert visited >= count
    assert faint == []


def test_a_screen_reader_is_not_flooded_and_hears_what_was_applied(shown: LabPage) -> None:
    lab, board = shown, dashboard(shown, 1)
    board.evaluate(WATCH)
    lab.page.wait_for_timeout(4000)
    assert len(lab.page.evaluate("() => window.spoken")) <= 1
    box = board.locator('[data-knob="weight_decay"] input[inputmode=decimal]')
    box.fill("0.2")
    box.press("Enter")
    lab.page.wait_for_function("() => window.spoken.some(([, text]) => text.includes('0.2'))")
    labels = board.locator("canvas").evaluate_all("all => all.map((c) => c.ariaLabel)")
    assert all(labels)
    assert "loss" in labels[0].lower()


def test_less_motion_is_drawn_less_often_and_nothing_glides(shown: LabPage) -> None:
    lab, board = shown, dashboard(shown, 1)
    lab.page.emulate_media(reduced_motion="reduce")
    lab.page.wait_for_timeout(600)

    def frames() -> int:
        return int(board.get_attribute("data-sequence") or 0)

    before = frames()
    lab.page.wait_for_timeout(3000)
    assert 1 <= frames() - before <= 8  # twice a second, where it else is ten times
    gliding = board.locator("*").evaluate_all(
        "all => all.filter((n) => parseFloat(getComputedStyle(n).transitionDuration) > 0).length"
    )
    assert gliding == 0


def test_a_table_stands_behind_the_curves(shown: LabPage) -> None:
    board = dashboard(shown, 1)
    settings = board.get_by_role("button", name="Chart settings and files")
    settings.press("Enter")
    board.get_by_role("button", name="table", exact=True).press("Enter")
    rows = board.locator("table").first.locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() > 3
    assert board.locator("table").first.locator("th[scope=col]").count() >= 3
    board.locator(".it-sheet").press("Escape")
    rows.first.wait_for(state="hidden")
    assert settings.evaluate("e => e === document.activeElement")
