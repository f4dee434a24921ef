"""A notebook that a program ran: its HTML has the pictures in place, with and without widgets."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

CELLS = [
    """\
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim
import interactive_train_widgets as widgets

x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(seed=0), (x, y), batch_size=32, epochs=4, validation=(x, y))""",
    "run",
    "widgets.LossCurve(run)",
    "run.watch(seconds=60)",
]
SHOWN = range(1, len(CELLS))
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook as nbclient leaves it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    folder: Path = tmp_path_factory.mktemp("headless")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    return notebook


def page(notebook: Any) -> str:
    html: str = HTMLExporter().from_notebook_node(notebook)[0]
    return html


@pytest.mark.parametrize("widgets", [True, False], ids=["widget state", "no widget state"])
def test_html_has_picture_text_and_table_of_every_display(executed: Any, widgets: bool) -> None:
    notebook = nbformat.from_dict(executed)
    if not widgets:
        notebook.metadata.pop("widgets")
    html = page(notebook)
    pictures = re.findall(r'<img alt="([^"]+)"[^>]*src="data:image/png;base64,([^"]+)"', html)
    assert len(pictures) == len(SHOWN)
    for text, data in pictures:
        assert "finished at step 32" in text
        assert base64.b64decode(data)[:4] == b"\x89PNG"
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert len(tables) == len(SHOWN)
    for table in tables:
        assert "<th scope" in table
        assert "<td>32</td>" in table  # the last step is among the rows
    assert "model not found" not in html
    assert ("vnd.jupyter.widget-view" in html) == widgets


def test_what_is_shown_again_stays_small(executed: Any) -> None:
    for cell in SHOWN:
        assert len(nbformat.writes(nbformat.v4.new_notebook(cells=[executed.cells[cell]]))) < 70_000
    assert len(nbformat.writes(executed)) < 1_000_000


def test_the_saved_widget_state_holds_the_curves(executed: Any) -> None:
    states = executed.metadata.widgets[STATE].state
    kept = [
        buffer
        for state in states.values()
        for buffer in state.get("buffers", [])
        if buffer["path"] == ["saved"]
    ]
    assert [base64.b64decode(buffer["data"])[:4] for buffer in kept] == [b"ITW1", b"ITW1"]
    steps = [state.state.step for state in states.values() if "panels" in str(state.state)]
    assert steps == [32, 32]  # the traits that a person links are there as well
