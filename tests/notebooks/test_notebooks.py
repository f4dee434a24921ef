"""Every notebook in notebooks/ runs: cell by cell under nbval, and headless from top to bottom."""

from __future__ import annotations

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

every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: path.relative_to(REPOSITORY).as_posix()
)


@every_notebook
def test_cells_run_and_checked_outputs_hold(path: Path) -> None:
    """Under nbval: outputs are compared where a cell is marked `# NBVAL_CHECK_OUTPUT`."""
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
    assert time.monotonic() - started < HEADLESS_SECONDS
    for cell in notebook.cells:  # a figure that nobody draws is shown as its repr
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "<Figure" not in str(data.get("text/plain", "")) or "image/png" in data


@every_notebook
def test_it_names_a_kernel_that_everybody_has(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
