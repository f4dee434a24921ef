"""The search for a browser: its order, and what it says when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import chromium


def stub(directory: Path, name: str, status: int) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_a_stub_that_does_not_start_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(tmp_path, "chromium-browser", 1)
    works = stub(tmp_path, "google-chrome", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "APPLICATIONS", ())
    assert chromium.system() == works
    assert chromium.find() == works


def test_playwrights_own_comes_after_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stub(tmp_path, "playwrights", 0)
    monkeypatch.setattr(chromium, "system", lambda: None)
    monkeypatch.setattr(chromium, "playwrights_own", lambda: own)
    assert chromium.find() == own


def test_installing_tries_debians_package_when_root_and_playwright_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(chromium, "system", lambda: None)
    monkeypatch.setattr(chromium, "playwrights_own", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("subprocess.run", lambda command, **_: calls.append(" ".join(command[:3])))
    assert chromium.install() is None
    assert calls == [
        "apt-get update -q",
        "apt-get install -q",
        f"{sys.executable} -m playwright",
    ]


def test_with_no_browser_at_all_the_error_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "find", lambda: None)
    monkeypatch.setattr(chromium, "install", lambda: None)
    assert chromium.main() == 1
    assert "apt install chromium" in capsys.readouterr().err


def test_the_script_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import chromium; "
        "assert not {'playwright', 'pytest'} & set(sys.modules)"
    )
    directory = str(Path(chromium.__file__).parent)
    subprocess.run([sys.executable, "-I", "-c", code, directory], check=True)
