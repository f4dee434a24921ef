"""Every notebook as a person runs it: in JupyterLab, where fits go on behind the cells.

The headless tests see fits that have ended. Here cells meet runs in mid-fit: what they ask for
must be there, what they show must be live.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.lab import LabPage
from tests.browser.server import REPOSITORY

NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
RUNNING = "[r.status for r in it.runs].count('running')"
STEPS = "[r.step for r in it.runs]"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_all_cells_run_while_its_fits_go_on(lab: LabPage, name: str) -> None:
    lab.open_notebook((Path("notebooks") / name).as_posix())
    lab.run_all()
    assert lab.value(RUNNING) >= 1, "a person has no time to steer"
    steps = lab.value(STEPS)
    lab.wait_for(STEPS, lambda now: now != steps)
    lab.page.locator(".jp-OutputArea-output .it[data-status]").first.wait_for(state="attached")
    assert not lab.errors
    assert not lab.foreign_requests
