"""A training state as arrays and plain JSON, and back: exact, without any code.

What is Python - layers, rules, losses - comes from the trainer, what is numbers from the file.
Which arrays share one schedule is kept, too: a recorded step computes it once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train import tree
from interactive_train.optim.setting import Setting
from interactive_train.runtime.checks import name_of
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.key import Key
from interactive_train.training.journal.wire import Functions, decode_value, encode_value
from interactive_train.training.records.state import TrainState

if TYPE_CHECKING:
    from interactive_train.training.trainer import Trainer

_PARTS = {"step": int, "position": list, "key": list, "clock": int, "leaves": dict,
          "layers": list, "own": list, "bases": list}  # fmt: skip
Arrays = dict[str, NDArray[Any]]


def written_state(state: TrainState, prefix: str) -> tuple[Arrays, dict[str, Any]]:
    """Return a state's arrays, their names beginning with `prefix`, and the rest as JSON."""
    arrays: Arrays = {
        f"{prefix}/model/{path}": array for path, array in tree.flatten_with_paths(state.model)
    }
    leaves = {}
    bases: list[Any] = []  # the schedules, each once
    for path, leaf in state.opt_state.leaves():
        numbers = {}
        for name, value in leaf.state.items():
            if isinstance(value, np.ndarray):
                arrays[f"{prefix}/rule/{path}/{name}"] = value
            else:
                numbers[name] = encode_value(value)
        knobs = {name: _written(setting, bases) for name, setting in leaf.knobs.items()}
        leaves[path] = {"numbers": numbers, "knobs": knobs, "frozen": leaf.frozen}
    return arrays, {
        "step": state.step,
        "position": list(state.position),
        "key": [state.key.high, state.key.low],
        "loss": encode_value(state.loss),
        "clock": state.opt_state.step,
        "norm": encode_value(state.opt_state.global_norm),
        "leaves": leaves,
        "layers": [[*key, _written(setting, bases)] for key, setting in state.layer_knobs.items()],
        "bases": [encode_value(base) for base in bases],
        "own": [written_knob(knob) for knob in state.own_knobs],
    }


def check_states(rest: Mapping[str, Any]) -> None:
    """Raise ValueError unless there is the JSON of two states."""
    for prefix in ("start", "state"):
        kinds = {name: type(rest[prefix][name]) for name in _PARTS}
        if kinds != _PARTS:
            raise ValueError(f"a state of {kinds}")


def read_state(
    trainer: Trainer, arrays: Mapping[str, NDArray[Any]], rest: Mapping[str, Any], prefix: str
) -> TrainState:
    """Return the state of a file for a trainer of the same model and rule.

    Raises
    ------
    KeyError, ValueError
        If the file's state is that of another model or rule.
    """
    where = "it.load_run"
    begin = f"{prefix}/model/"
    own = {name[len(begin) :]: a for name, a in arrays.items() if name.startswith(begin)}
    like = trainer.make_state(own)
    if sorted(own) != sorted(path for path, _ in tree.flatten_with_paths(like.model)):
        raise ValueError(refusal(where, "every array of the trainer's model", ", ".join(own)))
    opt = like.opt_state
    leaves, known = dict(opt.leaves()), rest["leaves"]
    if set(leaves) != set(known):
        other = next(iter(set(known) ^ set(leaves)))
        raise ValueError(
            refusal(where, "the trainer's trainable arrays", other, did_you_mean(other, leaves))
        )
    functions: Functions = {
        name_of(setting.base): setting.base
        for leaf in leaves.values()
        for setting in leaf.knobs.values()
        if callable(setting.base)
    }
    bases = [decode_value(base, functions) for base in rest["bases"]]
    for path, leaf in leaves.items():
        row = known[path]
        state: dict[str, Any] = {n: float(decode_value(v)) for n, v in row["numbers"].items()}
        begin = f"{prefix}/rule/{path}/"
        state |= {n[len(begin) :]: a for n, a in arrays.items() if n.startswith(begin)}
        if set(state) != set(leaf.state) or set(row["knobs"]) != set(leaf.knobs):
            raise ValueError(
                refusal(
                    where,
                    f"the trainer's rule at {path!r}, {type(leaf.rule).__name__}",
                    f"one that keeps {sorted(state)} and has {sorted(row['knobs'])}",
                    "Give a trainer with the rule of the run.",
                )
            )
        leaf.state = {name: state[name] for name in leaf.state}
        leaf.knobs.update({n: _read(row["knobs"][n], bases) for n in leaf.knobs})
        leaf.frozen = bool(row["frozen"])
    opt.step = rest["clock"]
    opt.note_global_norm([decode_value(rest["norm"])])
    layers = {(path, name): _read(setting, bases) for path, name, setting in rest["layers"]}
    return replace(
        like,
        layer_knobs=layers,
        key=Key(*rest["key"]),
        step=rest["step"],
        position=tuple(rest["position"]),
        loss=float(decode_value(rest["loss"])),
        own_knobs=tuple(read_knob(knob) for knob in rest["own"]),
    )


def written_knob(knob: Hyperparameter) -> dict[str, Any]:
    """Return a declaration as JSON."""
    return {name: encode_value(value) for name, value in asdict(knob).items()}


def read_knob(row: Mapping[str, Any]) -> Hyperparameter:
    """Return the declaration of `written_knob`."""
    return Hyperparameter(**{name: decode_value(value) for name, value in row.items()})


def _written(setting: Setting, bases: list[Any]) -> list[Any]:
    base = encode_value(setting.base)
    if callable(setting.base):
        number = next((n for n, one in enumerate(bases) if one is setting.base), len(bases))
        if number == len(bases):
            bases.append(setting.base)
        base = {"base": number}
    return [base, encode_value(setting.scale), encode_value(setting.override)]


def _read(parts: list[Any], bases: list[Any]) -> Setting:
    base, factor, override = parts
    base = bases[base["base"]] if isinstance(base, Mapping) and "base" in base else base
    over = decode_value(override)
    return Setting(decode_value(base) if not callable(base) else base, float(decode_value(factor)),
                   None if over is None else float(over))  # fmt: skip
