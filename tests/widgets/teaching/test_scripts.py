"""The scripts of the teaching views: joined from modules that have what is asked of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from interactive_train_widgets import assets, teaching

NODE = shutil.which("node")
FOLDER = Path(str(files("interactive_train_widgets"))) / "js"
MODULES = sorted(path for path in FOLDER.rglob("*.js"))
ENTRIES = [
    f"teaching/{path.stem}"
    for path in sorted((FOLDER / "teaching").glob("*.js"))
    if "export default" in path.read_text("utf-8")
]
IMPORT = re.compile(r"^import \{([^}]*)\} from \"([./\w-]+)\";$", re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)


def test_every_view_has_its_script() -> None:
    assert len(ENTRIES) == len(teaching.__all__)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_whatever_is_imported_is_exported_there(path: Path) -> None:
    text = path.read_text("utf-8")
    for names, other in IMPORT.findall(text):
        there = EXPORT.findall((path.parent / other).resolve().read_text("utf-8"))
        assert set(re.findall(r"\w+", names)) <= set(there), other


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_two_modules_of_a_view_use_the_same_name_at_the_top(entry: str) -> None:
    names: list[str] = []
    for module in assets.modules(entry):
        text = (FOLDER / f"{module}.js").read_text("utf-8")
        names += re.findall(r"^(?:export )?(?:const|let|function|class) (\w+)", text, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("entry", ENTRIES)
def test_scripts_stay_small_since_every_view_carries_one(entry: str) -> None:
    assert len(assets.script(entry).encode()) < 30_000


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("entry", ENTRIES)
def test_node_reads_the_joined_script(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "view.mjs"
    path.write_text(assets.source(entry), encoding="utf-8")
    subprocess.run([str(NODE), "--check", str(path)], check=True, timeout=60)
