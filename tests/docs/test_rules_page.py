"""docs/rules.md: every call runs, the defaults are those that it names, its code is executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim, schedules

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
NAMES: dict[str, Any] = {"optim": optim, "schedules": schedules, "np": np, "it": it}


def rows() -> list[list[str]]:
    """Return the cells of every table row: upstream's name, call, defaults, remark."""
    found = [
        re.split(r"\s*\|\s*", line.strip("| ")) for line in PAGE.splitlines() if line[:1] == "|"
    ]
    return [cells for cells in found if len(cells) >= 2 and cells[1].startswith("`optim.")]


def call_of(cells: list[str]) -> str:
    return cells[1].strip("`")


@pytest.mark.parametrize("cells", rows(), ids=call_of)
def test_the_call_of_a_row_runs_and_has_the_defaults_it_names(cells: list[str]) -> None:
    made = eval(call_of(cells), {**NAMES, "grads": {"w": np.ones(2)}})
    if not isinstance(made, optim.Rule):
        return
    model = {"w": np.ones((2, 2), np.float16 if made.keeps_master else np.float64)}
    it.update(it.setup(made, model), model, {"w": np.ones((2, 2))})
    named = dict(pair.split("=") for pair in re.split(r",\s*", cells[2]) if "=" in pair)
    declared = {knob.name: knob.default for knob in made.hyperparameters}
    if not isinstance(made, (optim.Chain, optim.MixedPrecision)):
        assert {name: float(value) for name, value in named.items()} == declared


@pytest.mark.parametrize("cells", rows(), ids=call_of)
def test_the_constructor_has_the_declared_defaults(cells: list[str]) -> None:
    kind: Any = eval(call_of(cells).partition("(")[0], NAMES)
    if not hasattr(kind, "hyperparameters") or kind in (
        optim.Chain,
        optim.MixedPrecision,
        optim.AccumGrad,
    ):
        return
    settings = kind().settings()
    assert {name: setting.base for name, setting in settings.items()} == {
        knob.name: knob.default for knob in kind.hyperparameters
    }


def test_every_rule_is_on_the_page() -> None:
    on_page = set(re.findall(r"optim\.(\w+)\(", PAGE))
    rules = {
        name
        for name, value in vars(optim).items()
        if isinstance(value, type) and issubclass(value, optim.Rule) and value is not optim.Rule
    }
    assert rules <= on_page
    assert len(rows()) >= 35


def test_the_code_on_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    scope: dict[str, Any] = {}
    for block in blocks:
        exec(block, scope)
