"""Layers, knobs by layer and classes on a real page: unfolded, looked at, frozen, set by keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import LabPage

CELL = """
import numpy as np
import interactive_train as it
from interactive_train import losses, metrics, nn, optim
from interactive_train_widgets import ParameterStats
random = np.random.default_rng(0)
x = random.normal(size=(400, 16)).astype(np.float32)
y = x[:, :5].argmax(1)
model = nn.Sequential(nn.Linear(16, 32), nn.relu, nn.Linear(32, 32), nn.relu, nn.Linear(32, 5))
trainer = it.Trainer(model, optim.Adam(1e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(
    trainer.init(seed=0), (x, y), batch_size=20, pace=40, validation=(x, y),
    metrics={"confusion": metrics.confusion_matrix},
)
run
"""


@pytest.fixture
def board(lab: LabPage) -> Locator:
    """The dashboard of a run of a classifier that goes on."""
    lab.open_notebook(lab.server.write_notebook("notebooks/layers.ipynb", [CELL]))
    lab.run_cell(0)
    found = lab.output(0).locator(".it[data-step]")  # since its first picture
    found.wait_for()
    lab.wait_for("run.step", lambda step: step >= 3)
    return found


def fold(board: Locator, name: str) -> None:
    """Press a fold at the foot with the keyboard, once there is something under it."""
    button = board.locator(".it-fold", has_text=name)
    button.wait_for()
    button.focus()
    button.press("Enter")


def test_layers_are_looked_at_while_they_are_unfolded_and_no_longer(
    lab: LabPage, board: Locator
) -> None:
    assert board.locator("[data-node]").count() == 0
    fold(board, "Layers")
    row = board.locator('[data-node="layers.2"]')
    row.wait_for()
    gradient = board.locator('[data-node="layers.2.weight"][data-gradient]:not([data-gradient=""])')
    gradient.wait_for()
    assert board.locator("[data-node]").count() == 11  # 3 layers, 2 functions, 6 arrays
    assert "32 × 32" in board.locator('[data-node="layers.2.weight"]').inner_text()
    assert float(row.get_attribute("data-ratio") or "nan") > 0
    picture = board.locator('[data-node="layers.2.weight"] svg').first
    assert "standard deviation" in (picture.get_attribute("aria-label") or "")
    panel = board.locator(".it-tree-panel")
    first = panel.get_attribute("data-looked")
    lab.page.wait_for_function(
        "([s, first]) => document.querySelector(s).dataset.looked !== first",
        arg=[".it-tree-panel", first],
    )
    fold(board, "Layers")
    lab.page.wait_for_timeout(1500)
    last = panel.get_attribute("data-looked")
    lab.page.wait_for_timeout(2500)
    assert panel.get_attribute("data-looked") == last
    assert lab.errors == []


def test_a_branch_freezes_with_a_key_and_its_parts_show_it(lab: LabPage, board: Locator) -> None:
    fold(board, "Layers")
    weight = board.locator('[data-node="layers.0.weight"]')
    weight.wait_for()
    weight.locator("input").focus()
    weight.locator("input").press("Space")
    lab.wait_for("run.state.controls['frozen'] == ['layers.0.weight']")
    owner = board.locator('[data-node="layers.0"]')
    board.locator('[data-node="layers.0"][data-frozen="mixed"]').wait_for()
    assert owner.locator("input").evaluate("box => box.indeterminate")
    owner.locator("input").press("Space")
    lab.wait_for("run.state.controls['frozen'] == ['layers.0.weight', 'layers.0.bias']")
    board.locator('[data-node="layers.0.bias"][data-frozen="true"]').wait_for()
    owner.locator("button").press("Enter")
    board.locator('[data-node="layers.0.bias"]').wait_for(state="detached")
    assert lab.errors == []


def test_a_knob_is_set_for_one_layer_and_made_like_the_rest_again(
    lab: LabPage, board: Locator
) -> None:
    knob = board.locator('[data-knob="lr"]')
    knob.locator(".it-link", has_text="by layer").press("Enter")
    part = knob.locator('[data-knob="layers.2.lr"]')
    part.wait_for()
    box = part.locator("input.it-box")
    box.fill("0.0002")
    box.press("Enter")
    chosen = "k for k in run.view().knobs if k.description.name == 'lr'"
    rates = f"sorted([k.path, k.effective] for k in [{chosen}])"
    lab.wait_for(rates, lambda found: found == [["", 1e-3], ["layers.2", 2e-4]])
    assert board.locator(".it-applied-text").inner_text().startswith("✓ learning rate layers.2")
    part.locator(".it-link", has_text="same as all").press("Enter")
    lab.wait_for(rates, lambda found: found == [["", 1e-3]])
    assert lab.errors == []


def test_classes_are_listed_and_sorted(lab: LabPage, board: Locator) -> None:
    lab.wait_for("run.epoch", lambda epoch: epoch >= 2)
    fold(board, "All metrics")
    board.locator(".it-chip", has_text="by class").press("Enter")
    table = board.locator(".it-class-table")
    table.locator("tbody tr").first.wait_for()
    assert table.locator("tbody tr").count() == 5
    table.locator('[data-key="recall"] button').press("Enter")
    assert table.locator('[data-key="recall"]').get_attribute("aria-sort") == "ascending"
    recalls = [float(text) for text in table.locator("tbody td:nth-child(4)").all_inner_texts()]
    assert recalls == sorted(recalls)
    assert lab.errors == []


def test_the_layers_stand_alone_too(lab: LabPage) -> None:
    lab.open_notebook(
        lab.server.write_notebook("notebooks/alone.ipynb", [CELL, "ParameterStats(run)"])
    )
    lab.run_cell(0)
    lab.run_cell(1)
    panel = lab.output(1).locator(".it-tree-panel")
    panel.locator('[data-node="layers.4.bias"] svg').first.wait_for()
    assert lab.output(1).locator(".it-bar").count() == 0
