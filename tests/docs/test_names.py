"""docs/names.md: every name of ours exists, and every name of Flux and Kaun has a row."""

from __future__ import annotations

import builtins
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import callbacks, losses, metrics, nn, optim, schedules

PAGE = (Path(__file__).parents[2] / "docs" / "names.md").read_text(encoding="utf-8")
ROOTS: dict[str, Any] = {
    **vars(builtins),
    "np": np,
    "it": it,
    "callbacks": callbacks,
    "losses": losses,
    "metrics": metrics,
    "nn": nn,
    "optim": optim,
    "schedules": schedules,
}
OURS = re.compile(r"([\w.]+)(?:\((.*)\))?")  # a dotted name, and keywords of it: it.f(a=, b=)

# What Flux's page on training names, and what its functions take.
FLUX = """
Flux.setup Flux.Train.setup Optimisers.setup Flux.train! Flux.Train.train! Duplicated
Optimisers.update Optimisers.update! Flux.adjust! Flux.freeze! Flux.thaw! Optimisers.adjust!
Optimisers.freeze! Optimisers.thaw! @progress ProgressLogging TerminalLoggers Adam loss model
data opt_state
"""
# What Kaun's guide to training names: types, functions, constructors, labelled arguments.
KAUN = """
Optim.algorithm Optim.sgd Optim.adam Optim.adamw Optim.rmsprop Optim.adagrad
~lr ~momentum ~nesterov ~b1 ~b2 ~eps ~weight_decay ~decay
Optim.Schedule.t Optim.Schedule.constant Optim.Schedule.cosine_decay
Optim.Schedule.warmup_linear Optim.Schedule.warmup_cosine Optim.Schedule.exponential_decay
~init_value ~decay_steps ~alpha ~peak_value ~warmup_steps ~decay_rate
Loss.cross_entropy Loss.cross_entropy_sparse Loss.binary_cross_entropy Loss.mse Loss.mae
Data.t Data.of_array Data.of_tensor Data.of_tensors Data.of_fn Data.repeat Data.map Data.batch
Data.map_batch Data.shuffle Data.iter Data.iteri Data.fold Data.to_array Data.to_seq Data.prepare
Data.reset ~drop_last ~shuffle ~batch_size collate_fn
Train.make Train.init Train.fit Train.Early_stop Train.predict Train.step Train.make_state
~model ~optimizer ~rngs ~dtype ~report ~step ~loss ~training Rune.Rng.key Rune.float32
Metric.accuracy Metric.binary_accuracy Metric.precision Metric.recall Metric.f1 Metric.Macro
Metric.Micro Metric.Weighted Metric.eval Metric.eval_many Metric.tracker Metric.observe
Metric.summary Metric.reset ~threshold
Optim.clip_by_global_norm Optim.global_norm Grad.value_and_grad Grad.value_and_grad_aux Ptree.t
model.apply ~params ~state
"""


def rows() -> list[tuple[int, str, list[str]]]:
    """Return (line, name there, names here) of every table row."""
    found = []
    for number, line in enumerate(PAGE.splitlines(), 1):
        if line.startswith("| `"):
            there, here, _ = re.split(r"\s*\|\s*", line[2:], maxsplit=2)
            found.append((number, there.strip("`"), re.findall(r"`([^`]+)`", here)))
    return found


def resolve(dotted: str) -> Any:
    first, *rest = dotted.split(".")
    value = ROOTS[first]
    for name in rest:
        value = getattr(value, name)
    return value


def keywords(value: Any) -> set[str]:
    """Return what a callable takes by name; of a rule, what it declares as well."""
    declared = {knob.name for knob in getattr(value, "hyperparameters", ())}
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = inspect.signature(value).parameters.values()
    return declared | {parameter.name for parameter in taken if parameter.kind in kinds}


@pytest.mark.parametrize(("line", "there", "here"), rows())
def test_every_name_of_ours_exists_with_its_keywords(
    line: int, there: str, here: list[str]
) -> None:
    assert here, f"docs/names.md:{line}: {there} has no name of ours"
    for name in here:
        found = OURS.fullmatch(name)
        assert found, f"docs/names.md:{line}: {name} is no dotted name"
        value = resolve(found[1])
        named = re.findall(r"(\w+)=", found[2] or "")
        assert set(named) <= (keywords(value) if named else set()), f"docs/names.md:{line}"


def test_names_in_the_text_between_the_tables_exist_too() -> None:
    text = "\n".join(line for line in PAGE.splitlines() if line[:1] not in ("|", " "))
    named = re.findall(r"`((?:it|optim|schedules|metrics|losses|nn|callbacks)\.[\w.]+)`", text)
    assert len(named) > 3
    for name in named:
        resolve(name)


@pytest.mark.parametrize("name", [*FLUX.split(), *KAUN.split()])
def test_every_name_of_the_two_has_a_row(name: str) -> None:
    assert name in {there for _, there, _ in rows()}


def test_no_name_has_two_rows_in_a_table() -> None:
    for section in PAGE.split("\n## ")[1:]:
        names = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
        assert sorted(set(names)) == sorted(names)
