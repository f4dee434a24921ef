"""A notebook opened again in JupyterLab where no kernel knows its widgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.sign import NotebookNotary

from tests.browser.lab import LabPage

CELLS = [
    """\
import numpy as np
import interactive_train as it
from interactive_train import losses, nn, optim

x = np.random.default_rng(0).normal(size=(256, 8)).astype(np.float32)
y = (x.sum(axis=1) > 0).astype(np.int64)
model = nn.Sequential(nn.Linear(8, 16), nn.relu, nn.Linear(16, 2))
trainer = it.Trainer(model, optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
run = trainer.start(trainer.init(seed=0), (x, y), batch_size=32, epochs=4)""",
    "run",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A notebook that a program ran, with the state of its widgets."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("run"))}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    return notebook


def reopen(lab: LabPage, notebook: Any, trusted: bool) -> None:
    path: Path = lab.server.root / "reopened.ipynb"
    nbformat.write(notebook, path)
    if trusted:
        NotebookNotary(data_dir=str(lab.server.data)).sign(nbformat.read(path, as_version=4))
    lab.open_notebook("reopened.ipynb")


def test_with_the_state_of_its_widgets_the_dashboard_shows_the_saved_curves(
    lab: LabPage, executed: Any
) -> None:
    reopen(lab, executed, trusted=True)
    board = lab.output(1).locator(".it[data-status]")
    lab.page.wait_for_function("() => document.querySelector('.it')?.dataset.face === 'saved'")
    assert board.get_attribute("data-points") == "32"
    assert board.get_attribute("data-status") == "finished"
    assert board.locator("canvas").first.is_visible()
    assert not lab.output(1).locator("details.it-still").is_visible()  # one picture is enough
    assert board.locator("input:enabled[type=range].it-slider").count() == 0


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
def test_without_it_the_plain_picture_is_there(lab: LabPage, executed: Any, trusted: bool) -> None:
    notebook = nbformat.from_dict(executed)
    notebook.metadata.pop("widgets")
    reopen(lab, notebook, trusted)
    picture = lab.output(1).locator("img")
    picture.wait_for()
    assert "finished at step 32" in (picture.get_attribute("alt") or "")
    lab.page.wait_for_function(
        "() => document.querySelector('.jp-OutputArea img').naturalWidth > 300"
    )
    lab.output(1).locator("summary", has_text="Values").click()
    assert lab.output(1).locator("td", has_text="32").first.is_visible()
