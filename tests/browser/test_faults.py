"""Pages that come, go and sleep: each finds the present state again, and no press is lost."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage
from tests.browser.test_layouts import START

CELLS = [START, "run"]
BOARD = ".it[data-step]"


@pytest.fixture
def shown(lab: LabPage) -> LabPage:
    """A fit at 30 steps a second under its dashboard."""
    lab.open_notebook(lab.server.write_notebook("faults.ipynb", CELLS))
    lab.run_all()
    board(lab).wait_for()
    return lab


def board(lab: LabPage) -> Locator:
    return lab.output(1).locator(BOARD)


def shows(lab: LabPage, condition: str, argument: object = None) -> None:
    """Wait until the dashboard, as `b`, satisfies a condition in JavaScript on it and `x`."""
    lab.page.wait_for_function(
        f"x => {{ const b = document.querySelector('{BOARD}'); return b && ({condition}); }}",
        arg=argument,
    )


def set_decay(lab: LabPage, value: str) -> None:
    box = board(lab).locator('[data-knob="lr"] input[inputmode=decimal]')
    box.fill(value)
    box.press("Enter")


def test_a_second_tab_shows_the_same_run_and_both_stay_in_step(shown: LabPage) -> None:
    shown.save()
    second = LabPage(shown.page.context.new_page(), shown.server, "second")
    second.open_notebook("faults.ipynb")
    shows(second, "Number(b.dataset.points) > 20")
    set_decay(second, "0.003")
    knob = '[data-knob="lr"][data-effective="0.003"]'
    board(shown).locator(knob).wait_for()
    set_decay(shown, "0.004")
    board(second).locator(knob.replace("3", "4")).wait_for()
    second.page.close()  # and who remains is not disturbed
    step = shown.value("run.step")
    shows(shown, "Number(b.dataset.step) > x + 20", step)
    assert shown.value("[e.new for e in run.journal]") == ["0.003", "0.004"]
    assert shown.errors == []


def test_a_page_that_slept_finds_the_present_state_again(shown: LabPage) -> None:
    session = shown.page.context.new_cdp_session(shown.page)
    step = shown.value("run.step")
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(4.0)  # a frozen page answers nobody, so not by its own clock
    session.send("Page.setWebLifecycleState", {"state": "active"})
    shows(shown, "Number(b.dataset.step) > x + 100 && b.dataset.face === 'live'", step)
    total = "b.itDashboard.frame.curves.find((c) => c.kind === 'loss').total"
    shows(shown, f"{total} > x + 100", step)  # with everything from meanwhile
    assert shown.value("run.status") == "running"


def test_a_connection_that_was_cut_is_found_again(shown: LabPage) -> None:
    step = shown.value("run.step")
    shown.page.evaluate("path => window.harness.cut(path)", shown.path)
    shows(shown, "Number(b.dataset.step) > x + 60 && b.dataset.face === 'live'", step)
    set_decay(shown, "0.003")
    shown.wait_for("[e.new for e in run.journal]", lambda new: new == ["0.003"])


def test_two_hundred_presses_a_second_are_applied_in_order(shown: LabPage) -> None:
    seconds, count = 5, 1000
    shown.page.evaluate(
        """async ([selector, count, milliseconds]) => {
          const { itDashboard } = document.querySelector(selector);
          const begun = performance.now();
          for (let i = 0; i < count; i++) {
            while (performance.now() - begun < (i * milliseconds) / count) {
              await new Promise((done) => setTimeout(done, 2));
            }
            const fields = { name: "lr", path: "", value: 1e-3 + 1e-6 * i };
            itDashboard.command("adjust", fields, null, "drag");
          }
        }""",
        [BOARD, count, 1000 * seconds],
    )
    shows(shown, "Number(b.dataset.tickets) === x", count)
    values = shown.value("[round((v - 1e-3) / 1e-6) for _, v in run.journal[0].values]")
    assert values == list(range(count))
    assert board(shown).get_attribute("data-ticket-error") == ""
    assert shown.value("len(run.journal)") == 1
    assert shown.errors == []
