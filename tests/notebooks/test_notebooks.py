"""Every notebook in notebooks/ runs: cell by cell under nbval, and headless from top to bottom."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(
    path
    for path in (REPOSITORY / "notebooks").rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
HEADLESS_SECONDS = 20.0  # a person's fit is paced; without a person it must not dawdle


def share() -> float:
    """How many processes want each core; the limit is meant for a machine that is ours alone."""
    waiting = os.getloadavg()[0] if hasattr(os, "getloadavg") else 1.0
    return max(1.0, waiting / (os.cpu_count() or 1))


every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: path.relative_to(REPOSITORY).as_posix()
)


@every_notebook
def test_cells_run_and_checked_outputs_hold(path: Path) -> None:
    """Under nbval: outputs are compared where a cell has the tag `nbval-check-output`."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout=120", "-p", "no:cacheprovider", "-m", "", str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_notebook
def test_it_runs_headless_in_time(path: Path, tmp_path: Path) -> None:
    """Under nbclient, without any front end: every cell succeeds, within the limit."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=60,
        allow_errors=False,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    started = time.monotonic()
    client.execute()
    assert time.monotonic() - started < HEADLESS_SECONDS * share()
    for cell in notebook.cells:  # a figure that nobody draws is shown as its repr
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            words = str(data.get("text/plain", ""))
            assert "<Figure" not in words or "image/png" in data
            assert " object at 0x" not in words, "a bare repr"


@every_notebook
def test_it_names_a_kernel_that_everybody_has(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"


@every_notebook
def test_it_says_what_for_and_asks_a_question_that_it_answers_at_the_end(path: Path) -> None:
    """Goal and time come first; something is to be moved; the answer is folded away."""
    cells = nbformat.read(path, as_version=4).cells
    first, last = cells[0].source, cells[-1].source
    assert first.startswith("# ")
    assert all(word in first for word in ("**Goal:**", "**Time:**"))
    asked = [c for c in cells if c.cell_type == "markdown" and "question to answer" in c.source]
    assert any("answer by moving something" in " ".join(c.source.split()) for c in asked)
    assert last.startswith("<details><summary><b>The answer</b></summary>\n\n")
    assert last.endswith("</details>")


@every_notebook
def test_it_is_kept_without_outputs(path: Path) -> None:
    """Only a checked cell has one to be compared with; elsewhere they would go stale."""
    for cell in nbformat.read(path, as_version=4).cells:
        checked = "nbval-check-output" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not checked:
            assert cell.execution_count is None
            assert not cell.outputs


def test_the_readme_lists_every_notebook() -> None:
    for page in ("README.md", "docs/README.md"):
        written = (REPOSITORY / page).read_text("utf-8")
        assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in written] == []
