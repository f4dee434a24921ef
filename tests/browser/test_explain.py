"""An explained step in JupyterLab: a table that fits, with bars, readable on light and on dark."""

from __future__ import annotations

import re
from typing import get_args

import nbformat
import pytest

from docs.pictures import EXPLAINED
from tests.browser.lab import LabPage, Theme


@pytest.fixture
def explained(lab: LabPage) -> LabPage:
    """A notebook whose only cell explains a step."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(EXPLAINED)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, lab.server.root / "notebooks/explained.ipynb")
    lab.open_notebook("notebooks/explained.ipynb")
    lab.run_cell(0)
    lab.output(0).locator(".it-explain table").wait_for()
    return lab


def brightness(colour: str) -> float:
    red, green, blue = (float(x) for x in re.findall(r"[\d.]+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_call_is_a_row_with_its_numbers_in_line_and_a_bar(explained: LabPage) -> None:
    table = explained.output(0).locator(".it-explain table")
    rows = table.locator("tbody tr")
    assert rows.count() == int(re.findall(r"(\d+) calls", explained.output_text(0))[0])
    heights = rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert max(heights) < 30, "a row has more than one line"
    longest = table.locator(".it-bar").evaluate_all(
        "bars => Math.max(...bars.map(b => b.offsetWidth / b.parentElement.clientWidth))"
    )
    assert 0.9 < longest <= 1
    numbers = table.locator("td.it-n").first
    assert numbers.evaluate("cell => getComputedStyle(cell).textAlign") == "right"


def test_words_and_bars_stand_out_in_both_themes(explained: LabPage) -> None:
    table = explained.output(0).locator(".it-explain table")
    for theme in get_args(Theme):
        explained.set_theme(theme)
        ground = brightness(
            table.locator("th").first.evaluate("e => getComputedStyle(e).backgroundColor")
        )
        for what, style in (("td", "color"), ("td.it-faint", "color"), (".it-best", "background")):
            name = "backgroundColor" if style == "background" else style
            colour = table.locator(what).first.evaluate(f"e => getComputedStyle(e).{name}")
            assert abs(brightness(colour) - ground) > 50, (theme, what, colour)
