"""The browser harness itself: a plain ipywidgets slider beside a busy background thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.lab import LabPage

CELLS = [
    """\
import threading, time
import ipywidgets
from IPython.display import display

slider = ipywidgets.IntSlider(value=10, min=0, max=100, description="rate")
ticks = ipywidgets.IntText(value=0, description="ticks")
seen = []
slider.observe(lambda change: seen.append(change["new"]), "value")

def count():
    while not stop.wait(0.02):
        ticks.value += 1

stop = threading.Event()
threading.Thread(target=count, daemon=True).start()
display(ipywidgets.VBox([slider, ticks]))""",
    "print('a line'); slider.value",
]


@pytest.fixture
def notebook(lab: LabPage) -> LabPage:
    lab.open_notebook(lab.server.write_notebook("harness.ipynb", CELLS))
    return lab


def test_a_slider_moved_by_keyboard_reaches_the_kernel_while_a_thread_runs(
    notebook: LabPage,
) -> None:
    notebook.run_all()
    before = notebook.value("ticks.value")
    handle = notebook.output(0).locator(".noUi-handle")
    handle.focus()
    for _ in range(5):
        handle.press("ArrowRight")
    notebook.wait_for("slider.value", lambda value: value == 15)
    assert notebook.value("seen[-1]") == 15
    assert notebook.wait_for("ticks.value", lambda value: value > before + 10) > before
    shown = notebook.output(0).locator("input[type=number]")
    first = int(shown.input_value())
    notebook.page.wait_for_timeout(300)
    assert int(shown.input_value()) > first  # the page hears the thread as well
    assert notebook.errors == []
    assert notebook.foreign_requests == []


def test_outputs_and_printed_text_are_read(notebook: LabPage) -> None:
    notebook.run_all()
    assert notebook.output_text(1) == "a line\n\n10"
    assert notebook.execute("print(slider.max); slider.max = 50") == "100\n"
    assert notebook.value("(slider.max, [1.5, None], {'a': float('inf')})") == [
        50,
        [1.5, None],
        {"a": float("inf")},
    ]


def test_an_error_in_the_kernel_fails_the_test_with_its_text(notebook: LabPage) -> None:
    with pytest.raises(AssertionError, match="cell 1 failed"):
        notebook.run_cell(1)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.execute("1 / 0")
    with pytest.raises(AssertionError, match="NameError"):
        notebook.value("nowhere")


def test_the_page_reloads_and_the_kernel_goes_on(notebook: LabPage) -> None:
    notebook.run_all()
    before = notebook.value("ticks.value")
    notebook.reload()
    assert notebook.value("ticks.value") > before


def test_themes_and_screenshots(notebook: LabPage, tmp_path: Path) -> None:
    notebook.set_viewport(900, 520)
    notebook.run_all()
    pictures = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.set_theme(theme)
        pictures.append(notebook.screenshot(tmp_path / f"{theme}.png").read_bytes())
    assert pictures[0][:8] == b"\x89PNG\r\n\x1a\n"
    assert pictures[0] != pictures[1]
