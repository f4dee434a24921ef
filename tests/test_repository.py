"""Facts about the repository as a whole: its layout, its files, and what an import brings in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import missing

REPOSITORY = Path(__file__).resolve().parents[1]
FIXED = {  # docs/architecture.md, the floors
    "pyproject.toml",
    "interactive_train",
    "notebooks",
    "widgets",
    "tests",
    "environment.yml",
}
BESIDE = {
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "docs",
    "benchmarks",
}
DOT_FILES = {
    ".binder",
    ".ci",
    ".gitattributes",
    ".gitignore",
    ".pre-commit-config.yaml",
}
TEXT = {".py", ".js", ".css", ".toml", ".yml", ".yaml", ".md", ".ipynb", ".html", ".svg", ""}
SOURCE = {".py", ".js", ".css"}
LONGEST = 450  # lines; most files have 25 to 300
# Built from parts, so that this file holds none of them itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"(?<![\w.:/~])/(?:root|work|tmp|home/[a-z]\w*|Users/[A-Za-z]\w*)" + r"/\w"
    ),
    "a merge conflict": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "a breakpoint": re.compile(r"\bbreak" + r"point\(\)|\bset_" + r"trace\("),
}
FORBIDDEN_IN_PACKAGES = {  # a pickle runs code; pyplot's state is the user's own
    "pickle": re.compile(r"^\s*(?:import|from) (?:cloud)?pickle\b", re.MULTILINE),
    "pyplot": re.compile(r"^\s*(?:import|from) matplotlib\.pyplot\b", re.MULTILINE),
    "pyplot from its package": re.compile(r"from matplotlib import .*\bpyplot\b"),
}


def git(*arguments: str) -> str:
    if not (REPOSITORY / ".git").exists() or shutil.which("git") is None:
        missing("this is no git checkout")
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def tracked() -> list[Path]:
    """The files under version control, as paths below the repository."""
    files = [Path(name) for name in git("ls-files", "-z", "--cached").split("\0") if name]
    return [path for path in files if (REPOSITORY / path).is_file()]


def text(path: Path) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def matches(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.as_posix()}: {match.group()}"
        for path in paths
        if path.suffix in TEXT and (match := pattern.search(text(path)))
    ]


def run_python(code: str) -> str:
    """Run code in a fresh interpreter, warnings being errors; return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_top_level_is_the_one_that_was_fixed() -> None:
    top = {path.parts[0] for path in tracked()}
    assert top - FIXED - BESIDE - DOT_FILES == set()
    assert {name for name in FIXED | BESIDE if not (REPOSITORY / name).exists()} == set()


def test_no_source_file_is_too_long_to_read() -> None:
    lengths = {
        path.as_posix(): text(path).count("\n") for path in tracked() if path.suffix in SOURCE
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_every_python_file_opens_with_what_it_is_for() -> None:
    bare = [
        path.as_posix()
        for path in tracked()
        if path.suffix == ".py" and not text(path).startswith(('"""', 'r"""', "#!"))
    ]
    assert bare == []


def test_every_directory_of_the_packages_is_a_package() -> None:
    """import-linter passes over a directory without `__init__.py`, violations and all."""
    directories = {
        path.parent
        for path in tracked()
        if path.suffix == ".py" and path.parts[0] in ("interactive_train", "widgets")
    }
    assert {d.as_posix() for d in directories if not (REPOSITORY / d / "__init__.py").exists()} == (
        set()
    )


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    assert matches(FORBIDDEN[what], tracked()) == []


@pytest.mark.parametrize("what", FORBIDDEN_IN_PACKAGES)
def test_no_package_uses(what: str) -> None:
    packages = [path for path in tracked() if path.parts[0] in ("interactive_train", "widgets")]
    assert matches(FORBIDDEN_IN_PACKAGES[what], packages) == []


def test_nothing_is_tracked_that_gitignore_names() -> None:
    assert git("ls-files", "-ci", "--exclude-standard") == ""


def test_text_files_end_with_one_newline_and_have_no_tabs_in_python() -> None:
    for path in tracked():
        if path.suffix in TEXT and (content := text(path)):
            assert content.endswith("\n"), path
            assert not content.endswith("\n\n"), path
            assert path.suffix != ".py" or "\t" not in content, path


def test_importing_the_engine_brings_in_no_front_end() -> None:
    code = """
import sys
import interactive_train
heavy = {"IPython", "anywidget", "ipywidgets", "matplotlib", "pandas", "scipy", "sklearn", "tqdm"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    assert run_python(code) == "[]\n"


def test_no_module_brings_in_matplotlib_or_an_oracle() -> None:
    code = """
import importlib, pkgutil, sys
import interactive_train, interactive_train_widgets
for package in (interactive_train, interactive_train_widgets):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
heavy = {"jax", "matplotlib", "pandas", "sklearn", "torch"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    assert run_python(code) == "[]\n"


def test_importing_asks_the_network_for_nothing_and_starts_nothing() -> None:
    code = """
import sys, threading
watched = ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.fork")
def refuse(event, arguments):
    if event in watched:
        raise RuntimeError(f"{event} {arguments}")
sys.addaudithook(refuse)
import interactive_train
print(threading.active_count())
"""
    assert run_python(code) == "1\n"
