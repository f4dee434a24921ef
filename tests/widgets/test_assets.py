"""The front end: one small, valid module, and its pure parts tested by node."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from base64 import b64decode
from importlib.resources import files
from pathlib import Path

import pytest

from interactive_train_widgets import assets

NODE = shutil.which("node")
HERE = Path(__file__).parent
SVG = "http://www.w3.org/2000/svg"  # a namespace: nothing is fetched
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def test_every_module_is_joined_once_behind_what_it_imports() -> None:
    folder = files("interactive_train_widgets") / "js"
    on_disk = {Path(str(p)).stem for p in folder.iterdir() if p.name.endswith(".js")}
    order = assets.modules()
    assert set(order) == on_disk
    assert order[-1] == "widget"
    assert len(order) == len(set(order))


def test_the_joined_script_has_one_export_and_no_import() -> None:
    text = assets.source()
    assert re.findall(r"^export.*", text, re.MULTILINE) == ["export default {"]
    assert not re.search(r"^import\b", text, re.MULTILINE)
    assert set(re.findall(r"https?://[^\s\"']*", text)) == {SVG}


def test_no_two_modules_use_the_same_name_at_the_top() -> None:
    names: list[str] = []
    for module in assets.modules():
        text = (files("interactive_train_widgets") / f"js/{module}.js").read_text("utf-8")
        names += re.findall(r"^(?:export )?(?:const|let|function|class) (\w+)", text, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_script_and_style_stay_small_since_every_widget_carries_them() -> None:
    assert len(assets.script().encode()) < 60_000
    assert len(assets.stylesheet().encode()) < 20_000


def test_comments_and_indentation_are_dropped_and_nothing_else() -> None:
    text = "/* head\n more */\n// line\n  const a = 1; // kept\n\n  const u = '//kept';\n"
    assert assets.squeeze(text) == "const a = 1; // kept\nconst u = '//kept';\n"


def test_the_packed_script_unfolds_to_the_joined_one() -> None:
    text = assets.script()
    (packed,) = re.findall(r'"([\w+/=]{1000,})"', text)
    assert gzip.decompress(b64decode(packed)).decode() == assets.source()
    assert re.findall(r"^export.*", text, re.MULTILINE)[0].startswith("export default () =>")
    assert assets.script("teaching/draw_digit") != text


@needs_node
def test_node_reads_the_joined_script_as_a_module(tmp_path: Path) -> None:
    path = tmp_path / "widget.mjs"
    path.write_text(assets.source(), encoding="utf-8")
    subprocess.run([str(NODE), "--check", str(path)], check=True, timeout=60)


@needs_node
def test_the_pure_modules_pass_their_own_tests() -> None:
    tests = sorted(str(path) for path in (HERE / "js").glob("*.test.mjs"))
    assert tests
    done = subprocess.run(
        [str(NODE), "--test", *tests], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
