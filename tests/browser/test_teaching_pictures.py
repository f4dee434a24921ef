"""The views of pictures and maps in JupyterLab: drawn on, picked in, with mouse and keyboard."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator

from tests.browser import axe
from tests.browser.lab import LabPage, Theme

START = """\
import numpy as np
import interactive_train as it
from interactive_train import datasets, losses, nn, optim

(x, y), (x_test, y_test) = datasets.digits()
"""
DIGITS = """\
model = nn.Sequential(nn.Linear(64, 32), nn.relu, nn.Linear(32, 10))
trainer = it.Trainer(model, optim.Adam(3e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(0), (x, y), batch_size=64, shuffle=0, pace=60)
paper = it.widgets.DrawDigit(run)
paper"""
WALL = "wall = it.widgets.Misclassified(run, x_test, y_test)\nwall"
CONVOLUTION = """\
model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.relu, nn.Conv2d(6, 8, 3), nn.relu, nn.Flatten(),
                      nn.Linear(128, 10))
trainer = it.Trainer(model, optim.Adam(3e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(0), (x.reshape(-1, 1, 8, 8), y), batch_size=64, pace=20)
view = it.widgets.ConvolutionView(run, x_test[:9].reshape(-1, 1, 8, 8))
view"""
ATTENTION = """\
class Model(nn.Module):
    def __init__(self):
        self.tokens = nn.Embedding(128, 16)
        self.blocks = [nn.TransformerBlock(16, 4, causal=True, rope=True) for _ in range(2)]
        self.out = nn.Linear(16, 128)
    def forward(self, x):
        h = self.tokens(x)
        for block in self.blocks:
            h = block(h)
        return self.out(h)

text = "to be or not to be "
tokens = np.array([ord(c) for c in text])
trainer = it.Trainer(Model(), optim.Adam(3e-3), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(0), (tokens[None, :-1], tokens[None, 1:]), batch_size=1, pace=20)
view = it.widgets.AttentionView(run, tokens, labels=list(text))
view"""


@pytest.fixture
def shown(lab: LabPage, request: pytest.FixtureRequest) -> Callable[..., Locator]:
    """Run cells behind the start; return the view of the last one."""

    def show(*cells: str) -> Locator:
        name = f"{request.node.name}.ipynb"
        lab.open_notebook(lab.server.write_notebook(name, [START, *cells]))
        lab.run_all()
        card = lab.output(len(cells)).locator(".itt[data-step]")
        card.wait_for()
        card.scroll_into_view_if_needed()
        return card

    return show


def attribute(lab: LabPage, card: Locator, name: str, holds: str) -> None:
    """Wait until an attribute of the card satisfies a script on `value`."""
    lab.page.wait_for_function(
        f"([card, name]) => ((value) => {holds})(card.getAttribute(name))",
        arg=[card.element_handle(), name],
    )


def changes(lab: LabPage, card: Locator, canvas: str) -> None:
    """Wait until the pixels of a canvas are others."""
    lab.page.wait_for_function(
        """([card, selector]) => {
            const data = card.querySelector(selector).toDataURL();
            card.itBefore ??= data;
            return data !== card.itBefore;
        }""",
        arg=[card.element_handle(), canvas],
    )


def both_themes(lab: LabPage, card: Locator) -> None:
    """Axe finds nothing serious in either theme, and nothing is cut off."""
    themes: tuple[Theme, ...] = ("JupyterLab Dark", "JupyterLab Light")
    for theme in themes:
        lab.set_theme(theme)
        lab.page.wait_for_timeout(300)
        assert card.evaluate("card => card.scrollWidth <= card.clientWidth + 1")
        assert axe.faults(card, axe.source()) == [], theme


def test_a_digit_drawn_with_the_mouse_is_read_while_the_model_learns(
    lab: LabPage, shown: Any
) -> None:
    card = shown(DIGITS)
    lab.wait_for("run.step", lambda step: step > 100)
    box = card.locator(".itp-paper").bounding_box()
    assert box is not None
    mouse = lab.page.mouse
    for i in range(33):  # an ellipse: a zero
        angle = 2 * math.pi * i / 32
        x = box["x"] + box["width"] * (0.5 + 0.2 * math.sin(angle))
        y = box["y"] + box["height"] * (0.5 - 0.34 * math.cos(angle))
        mouse.move(x, y)
        if i == 0:
            mouse.down()
    mouse.up()
    attribute(lab, card, "data-best", 'value === "0"')
    picture = lab.value("paper.picture")
    assert picture[0][3] > 0.3
    assert picture[3][3] == picture[4][4] == 0.0  # the hole
    both_themes(lab, card)
    card.get_by_role("button", name="Clear").click()
    attribute(lab, card, "data-best", 'value === ""')
    assert lab.value("float(paper.picture.sum())") == 0.0
    assert lab.errors == []


def test_a_digit_is_drawn_with_the_keyboard(lab: LabPage, shown: Any) -> None:
    card = shown(DIGITS)
    lab.wait_for("run.step", lambda step: step > 100)
    paper = card.locator(".itp-paper")
    paper.focus()
    for key in [" ", *["ArrowDown"] * 15, " "]:
        paper.press(key)
    attribute(lab, card, "data-best", 'value === "1"')
    assert lab.value("[len(s) for s in paper._drawing.strokes]") == [16]
    assert lab.page.evaluate("document.activeElement.className") == "itp-paper"
    paper.press("Escape")
    attribute(lab, card, "data-best", 'value === ""')
    card.get_by_role("button", name="Example").press("Enter")
    attribute(lab, card, "data-best", 'value === "3"')
    drawn = "card => card.itTeaching.part.pen.strokes.flat().length"
    assert card.evaluate(drawn) == lab.value("sum(map(len, paper._drawing.strokes))")
    assert lab.errors == []


def test_the_wall_empties_as_the_model_learns_and_a_class_is_picked(
    lab: LabPage, shown: Any
) -> None:
    card = shown(DIGITS, WALL)
    attribute(lab, card, "data-errors", "Number(value) < 40")
    lab.execute("run.pause()")
    attribute(lab, card, "data-status", 'value === "paused"')
    lab.page.wait_for_timeout(300)
    errors = lab.value("wall.errors")
    attribute(lab, card, "data-errors", f"Number(value) === {errors}")
    hanging = card.locator('.itp-place:not([data-example=""])')
    assert hanging.count() == min(errors, 24)
    surely = [
        text.strip("<> %") for text in card.locator(".itp-caption .it-number").all_inner_texts()
    ]
    numbers = [int(text) for text in surely if text]
    assert numbers == sorted(numbers, reverse=True)
    chip = card.get_by_role("button", name="Class 8")
    chip.focus()
    chip.press("Enter")
    attribute(lab, card, "data-label", 'value === "8"')
    read = lab.value("run.predict(x_test).argmax(1)")
    truth = lab.value("y_test")
    expected = sum(1 for r, t in zip(read, truth, strict=True) if t == 8 != r)
    assert hanging.count() == min(expected, 24)
    assert chip.get_attribute("aria-pressed") == "true"
    both_themes(lab, card)
    assert lab.errors == []


def test_maps_change_while_the_net_trains_and_a_channel_is_picked(lab: LabPage, shown: Any) -> None:
    card = shown(CONVOLUTION)
    changes(lab, card, ".itp-block .itp-pick canvas")
    slider = card.get_by_role("slider", name="Picture")
    slider.focus()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    attribute(lab, card, "data-picture-number", 'value === "2"')
    second = card.locator(".itp-block").nth(1)
    channels = second.get_by_role("radiogroup").first.get_by_role("radio")
    assert channels.count() == 8
    channels.first.focus()
    channels.first.press("ArrowRight")
    lab.page.wait_for_timeout(200)
    assert channels.nth(1).get_attribute("aria-checked") == "true"
    assert second.get_by_role("group", name="Filter 1 of layers.2").locator("canvas").count() == 6
    channels.nth(1).locator("canvas").hover(position={"x": 3, "y": 3})
    assert (
        "layers.2 Conv2d, channel 1, row 0, column 0: " in card.locator(".itp-readout").inner_text()
    )
    both_themes(lab, card)
    assert lab.errors == []


def test_layer_head_and_query_of_the_attention_are_picked(lab: LabPage, shown: Any) -> None:
    card = shown(ATTENTION)
    changes(lab, card, ".itp-map")
    card.get_by_label("Layer").select_option("1")
    attribute(lab, card, "data-layer", 'value === "1"')
    head = card.get_by_role("radio", name="Head 1")
    head.focus()
    head.press("ArrowRight")
    attribute(lab, card, "data-head", 'value === "1"')
    query = card.get_by_role("slider", name="Query")
    query.focus()
    query.press("Home")
    attribute(lab, card, "data-query", 'value === "0"')
    assert card.locator(".itp-asks").inner_text() == "“t” (0) looks at “t” (0) 100 %"
    x, y, cell = card.evaluate("c => (({x, y, cell}) => [x, y, cell])(c.itTeaching.part.box)")
    card.locator(".itp-map").click(position={"x": x + 0.5 * cell, "y": y + 4.5 * cell})
    attribute(lab, card, "data-query", 'value === "4"')
    card.locator(".itp-map").hover(position={"x": x + 9.5 * cell, "y": y + 4.5 * cell})
    told = card.locator(".itp-readout").inner_text()
    assert told == "“e” (4) looks at “n” (9): hidden"
    both_themes(lab, card)
    assert lab.errors == []
