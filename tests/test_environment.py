"""environment.yml and Binder's copy say the same as pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).resolve().parents[1]
ONLY_ON_PYPI = {"scipy-openblas32"}
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))[
    "project"
]
FILES = ["environment.yml", ".binder/environment.yml"]


def bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(text) for text in requirements]
    return {requirement.name: requirement.specifier for requirement in parsed}


def listed(path: str) -> list[Any]:
    content = yaml.safe_load((REPOSITORY / path).read_text("utf-8"))
    dependencies: list[Any] = content["dependencies"]
    return dependencies


@pytest.mark.parametrize("path", FILES)
def test_conda_gets_the_names_and_bounds_of_pyproject(path: str) -> None:
    conda = bounds([entry for entry in listed(path) if isinstance(entry, str)])
    wanted = bounds(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["notebook"])
    assert wanted.keys() >= ONLY_ON_PYPI
    expected = {name: wanted[name] for name in wanted.keys() - ONLY_ON_PYPI}
    python = SpecifierSet(PROJECT["requires-python"])
    assert conda == {**expected, "python": python, "pip": SpecifierSet()}


def test_pip_adds_the_project_with_its_notebook_extra() -> None:
    assert [entry for entry in listed("environment.yml") if isinstance(entry, dict)] == [
        {"pip": ["-e .[notebook]"]}
    ]
    assert all(isinstance(entry, str) for entry in listed(".binder/environment.yml"))
    assert '--editable ".[notebook]"' in (REPOSITORY / ".binder/postBuild").read_text("utf-8")


def test_the_extras_build_on_each_other() -> None:
    extras = PROJECT["optional-dependencies"]
    assert extras["test"][0] == "interactive-train[notebook]"
    for name in ("oracles", "bench", "dev"):
        assert extras[name][0] == "interactive-train[test]"
