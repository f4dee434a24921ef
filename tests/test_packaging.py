"""The wheel: one distribution with both packages, their data and their entry points."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_holds_both_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "interactive_train",
        "interactive_train_widgets",
    }


def test_every_file_of_the_packages_is_in_it(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for root in (REPOSITORY, REPOSITORY / "widgets"):
        for package in ("interactive_train", "interactive_train_widgets"):
            for path in (root / package).rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    assert path.relative_to(root).as_posix() in names


def test_types_and_license_and_entry_points_are_there(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {"interactive_train/py.typed", "interactive_train_widgets/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "widgets = interactive_train_widgets:display_run" in text
    assert "[interactive_train.display]" in text
    assert "[interactive_train.widgets]" in text
