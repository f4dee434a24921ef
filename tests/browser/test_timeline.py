"""Time in a page: back to a step, a branch, a kept state, run until, rescue."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage
from tests.browser.test_charts import save

MODEL = """
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim
draw = np.random.default_rng(0)
x = draw.standard_normal((640, 8)).astype(np.float32)
y = (x[:, 0] > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Dropout(0.2), nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
"""
START = """
run = trainer.start(
    trainer.init(seed=0), (x, y), batch_size=64, shuffle=0, pace=60, validation=(x[:64], y[:64])
)
run"""


@pytest.fixture
def board(lab: LabPage) -> Locator:
    """A dashboard with its timeline unfolded, paused at step 60."""
    lab.open_notebook(lab.server.write_notebook("time.ipynb", (MODEL, START)))
    lab.run_cell(0)
    lab.run_cell(1)
    found = lab.output(1).locator(".it[data-status]")
    lab.execute("run.run_until(step=60)")
    lab.wait_for("run.status", lambda status: status == "paused")
    found.locator("button.it-fold", has_text="Timeline").click()
    return found


def go_back(board: Locator, step: int) -> None:
    """Type a step and press the button."""
    box = board.get_by_label("Step to go back to, value")
    box.fill(str(step))
    box.press("Enter")
    board.get_by_role("button", name="Go back", exact=True).click()


def the_old_line_is_drawn_with_its_validation(lab: LabPage, board: Locator, folder: Path) -> None:
    """Branch "main" ends at step 60: its evaluations are seen, read and saved."""
    names = board.locator(".it-legend button")
    board.locator(".it-legend").get_by_text("main validation").wait_for()
    assert names.all_inner_texts() == ["train", "validation", "main", "main validation"]
    strokes = names.locator("path").evaluate_all("all => all.map((p) => p.style.stroke)")
    assert strokes[2] == strokes[3] != strokes[1]
    sent = lab.page.evaluate(
        """() => {
          const curves = document.querySelector('.it').itDashboard.frame.curves;
          const own = curves.find((c) => c.branch === 'main' && c.name === 'validation_loss');
          return [[...own.steps], [...own.mean]];
        }"""
    )
    lines = "run._session.time.lines.all['main'].history.metrics['validation_loss']"
    steps, values = lab.value(f"[part.tolist() for part in {lines}]")
    assert steps == [10, 20, 30, 40, 50, 60]
    np.testing.assert_array_equal(sent, [steps, np.float32(values)])
    canvas = board.locator("canvas.it-loss")
    canvas.focus()
    tip = board.locator(".it-tip")
    for _ in range(40):  # back from the newest step to where both lines are
        canvas.press("ArrowLeft")
        if tip.get_by_text("main validation").count():
            break
    row = tip.locator("tr", has_text="main validation").inner_text()
    assert any(f"{value:.3f}" in row for value in values[-2:])  # at step 60, or a little before
    canvas.press("Escape")
    with save(lab, board, "CSV", folder).open(newline="") as text:
        titles, *rows = csv.reader(text)
    column = titles.index("validation_loss main")
    assert [float(row[column]) for row in rows if row[column]] == values
    assert ">◦ main<" in save(lab, board, "SVG", folder).read_text("utf-8")  # where it ends


def test_back_to_a_step_and_on_as_a_branch(lab: LabPage, board: Locator, tmp_path: Path) -> None:
    before = np.array(lab.value("run.history.loss.tolist()"))
    go_back(board, 40)
    lab.wait_for("run.step", lambda step: step == 40)
    board.locator(":scope[data-step='40']").wait_for()
    board.get_by_role("button", name="Resume").click()
    lab.wait_for("run.step", lambda step: step > 60)
    board.get_by_role("button", name="Pause").click()
    lab.wait_for("run.status", lambda status: status == "paused")
    again = np.array(lab.value("run.history.loss.tolist()"))
    assert again[:60].tobytes() == before.tobytes()  # nothing was changed: the same bits
    the_old_line_is_drawn_with_its_validation(lab, board, tmp_path)
    rows = board.locator(".it-branches tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    rows.nth(0).get_by_role("button", name="Make main current").click()
    lab.wait_for("run.step", lambda step: step == 60)
    assert lab.value("run.history.loss.tolist()") == before.tolist()
    other = lab.value("[b.name for b in run.branches if not b.current][0]")
    board.get_by_role("button", name=f"Delete {other}").click()
    lab.wait_for("len(run.branches)", lambda count: count == 1)


def test_a_state_is_kept_under_a_name_and_found_again(lab: LabPage, board: Locator) -> None:
    board.get_by_label("Name of a kept state or a branch").fill("good")
    board.get_by_role("button", name="Keep", exact=True).click()
    board.get_by_role("button", name="Go back to good").wait_for()
    lab.execute("run.advance(15)")
    lab.wait_for("run.step", lambda step: step == 75)
    board.get_by_role("button", name="Go back to good").click()
    lab.wait_for("run.step", lambda step: step == 60)
    board.get_by_role("button", name="Forget good").click()
    board.get_by_role("button", name="Go back to good").wait_for(state="hidden")


def test_run_until_pauses_exactly_there(lab: LabPage, board: Locator) -> None:
    board.locator("summary", has_text="Until").click()
    board.get_by_label("Run until step").fill("71")
    board.get_by_label("Run until step").press("Enter")
    lab.wait_for("(run.step, run.status)", lambda at: at == [71, "paused"])
    board.locator("summary", has_text="Until").click()
    board.get_by_role("button", name="end of epoch").click()
    lab.wait_for("(run.step, run.status)", lambda at: at == [80, "paused"])


def test_a_loss_that_went_wrong_is_rescued_by_one_button(lab: LabPage, board: Locator) -> None:
    lab.execute("run.adjust(lr=1e30)")
    board.get_by_role("button", name="Resume").click()
    rescue = board.get_by_role("button", name="Go back, halve the learning rate, go on")
    rescue.wait_for()
    rescue.click()
    lab.wait_for("run.status", lambda status: status == "running")
    lab.wait_for("run.step", lambda step: step > 70)
    assert np.isfinite(lab.value("run.history.loss.tolist()")).all()
    assert lab.value("run.setting('lr').effective(run.step + 1)") <= 0.01
