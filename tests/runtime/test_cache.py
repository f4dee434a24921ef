"""Where compiled kernels may lie: private folders only, home first, never a surprise."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from interactive_train.runtime import cache, notices

posix = pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(notices, "_seen", set())
    cache.cache_directory.cache_clear()
    yield
    cache.cache_directory.cache_clear()


@posix
def test_a_new_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert cache.is_private(folder, create=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache.is_private(folder)


@posix
def test_a_folder_that_others_may_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    assert cache.is_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    assert not cache.is_private(folder)
    assert not cache.is_private(folder, create=True)


@posix
def test_a_link_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        assert not cache.is_private(tmp_path / name, create=True)
    assert not cache.is_private(tmp_path / "missing")


@posix
def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "theirs"
    assert cache.is_private(folder, create=True)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert not cache.is_private(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="XDG")
def test_the_places_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    temporary = Path(tempfile.gettempdir()) / f"interactive-train-{os.getuid()}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.candidates() == [tmp_path / "xdg" / "interactive-train", temporary]
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache.candidates() == [tmp_path / ".cache" / "interactive-train", temporary]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert cache.candidates() == [temporary]


def test_without_a_temporary_folder_there_is_still_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert len(cache.candidates()) <= 1


def test_the_next_place_is_taken_when_one_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "candidates", lambda: [tmp_path / "file" / "x", tmp_path / "good"])
    assert cache.cache_directory() == tmp_path / "good"


def test_with_none_there_is_one_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "candidates", lambda: [tmp_path / "file" / "x"])
    assert cache.cache_directory() is None
    cache.cache_directory.cache_clear()
    assert cache.cache_directory() is None
    assert capsys.readouterr().err.count("no private, writable cache folder was found") == 1
