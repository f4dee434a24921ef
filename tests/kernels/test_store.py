"""Stored kernels: what checks out is loaded, all else is compiled again."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from interactive_train.kernels import compiler, store
from interactive_train.kernels.elementwise import ADD
from interactive_train.kernels.kernel import Expression, Kernel
from interactive_train.kernels.source import adapter_source
from interactive_train.kernels.store import StoredObject
from interactive_train.runtime import cache, notices

OBJECT = StoredObject("it_test", ("expf",), b"\x00machine code\nwith a line end")
F4 = np.dtype(np.float32)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of our own."""
    monkeypatch.setattr(cache, "candidates", lambda: [tmp_path / "cache"])
    monkeypatch.setattr(notices, "_seen", set())
    cache.cache_directory.cache_clear()
    yield tmp_path / "cache"
    cache.cache_directory.cache_clear()


def the_file(root: Path) -> Path:
    (found,) = root.glob("kernels-*/*")
    return found


def test_what_was_kept_is_loaded(root: Path) -> None:
    assert store.load("it_test", "source") is None
    assert not store.is_stored("it_test", "source")
    store.save(OBJECT, "source")
    assert store.load("it_test", "source") == OBJECT
    assert store.is_stored("it_test", "source")
    assert store.load("it_test", "other source") is None
    assert store.load("it_other", "source") is None
    assert store.stored_kernels() == (1, the_file(root).stat().st_size)


def test_only_this_user_may_enter(root: Path) -> None:
    store.save(OBJECT, "source")
    for folder in (root, the_file(root).parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_file(root).stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_truncated_file_is_ignored(root: Path, cut: int) -> None:
    store.save(OBJECT, "source")
    path = the_file(root)
    path.write_bytes(path.read_bytes()[:cut])
    assert store.load("it_test", "source") is None
    store.save(OBJECT, "source")
    assert store.load("it_test", "source") == OBJECT


@pytest.mark.parametrize("text", [b"", b"\x80\x00", b"[]\n", b"7\n", b"{}\n", b'{"sha256": 1}\n'])
def test_a_file_of_something_else_is_ignored(root: Path, text: bytes) -> None:
    store.save(OBJECT, "source")
    the_file(root).write_bytes(text)
    assert store.load("it_test", "source") is None


def test_a_changed_byte_is_noticed(root: Path) -> None:
    store.save(OBJECT, "source")
    content = bytearray(the_file(root).read_bytes())
    content[-3] ^= 1
    the_file(root).write_bytes(content)
    assert store.load("it_test", "source") is None


def test_a_file_of_another_symbol_is_ignored(root: Path) -> None:
    store.save(OBJECT, "source")
    head, _, code = the_file(root).read_bytes().partition(b"\n")
    other = json.dumps(json.loads(head) | {"symbol": "it_other"}).encode()
    the_file(root).write_bytes(other + b"\n" + code)
    assert store.load("it_test", "source") is None


@pytest.mark.skipif(os.name == "nt", reason="folders have no mode there")
@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(root: Path, mode: int) -> None:
    store.save(OBJECT, "source")
    the_file(root).parent.chmod(mode)
    assert store.load("it_test", "source") is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_not_used(root: Path, tmp_path: Path) -> None:
    store.save(OBJECT, "source")
    folder = the_file(root).parent
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert store.load("it_test", "source") is None


def test_a_full_disk_is_a_notice_and_leaves_no_half_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    store.save(OBJECT, "source")
    store.save(OBJECT, "source")
    assert capsys.readouterr().err.count("compiled kernels cannot be kept") == 1
    assert list(root.glob("kernels-*/*")) == []


def test_a_folder_that_vanished_is_made_again(root: Path) -> None:
    store.save(OBJECT, "source")
    the_file(root).unlink()
    next(root.glob("kernels-*")).rmdir()
    root.rmdir()
    assert store.load("it_test", "source") is None
    store.save(OBJECT, "source")
    assert store.load("it_test", "source") == OBJECT


def test_folders_of_earlier_versions_go_when_they_are_old(root: Path) -> None:
    store.save(OBJECT, "source")
    for name, age in (("kernels-old", 100), ("kernels-recent", 1)):
        (root / name).mkdir()
        then = time.time() - age * 86400
        os.utime(root / name, (then, then))
    assert store.remove_outdated() == 1
    assert not (root / "kernels-old").exists()
    assert (root / "kernels-recent").exists()
    assert store.load("it_test", "source") == OBJECT


# The way from a kernel to an address -----------------------------------------------------------


def test_an_adapter_is_readable_python() -> None:
    source = adapter_source(ADD.kernel("fr"), F4)
    compile(source, "<adapter>", "exec")
    assert "def entry(out_, x0_, x1_, rows, columns):" in source
    assert "T = np.float32" in source
    assert "out[i, j] = x + y" in source


def test_an_adapter_is_made_for_floats_alone() -> None:
    with pytest.raises(TypeError, match="kernel add_ff: T is float32 or float64; got int64"):
        adapter_source(ADD.kernel("ff"), np.dtype(np.int64))


def test_compiled_loaded_and_compiled_again_after_damage(root: Path) -> None:
    compiled: list[str] = []
    source = adapter_source(ADD.kernel("ff"), F4)
    for _ in range(2):
        assert compiler.native("it_add_ff_float32", source, compiled.append)
    assert compiled == ["add_ff_float32"]
    the_file(root).write_bytes(b"damaged")
    assert compiler.native("it_add_ff_float32", source, compiled.append)
    assert compiled == ["add_ff_float32"] * 2


def sine(x: float) -> float:
    return float(np.sin(x))


def raising(out: list[float], n: int) -> int:
    if n > 2:
        raise ValueError("kernels return codes")
    return 0


@pytest.mark.parametrize(
    "kernel",
    [Expression(sine, "T").kernel("f"), Kernel("raising", raising, "out=T[n] n")],
    ids=lambda k: k.name,
)
@pytest.mark.usefixtures("root")
def test_a_kernel_that_calls_or_raises_is_refused(kernel: Kernel) -> None:
    with pytest.raises(RuntimeError, match="may call the mathematics library only; got"):
        compiler.address(kernel, F4)


def test_a_function_that_this_platform_lacks_is_an_error_not_an_abort() -> None:
    with pytest.raises(RuntimeError, match="this platform has no function 'no_such_function'"):
        compiler._link(StoredObject("it_test", ("no_such_function",), b""))
