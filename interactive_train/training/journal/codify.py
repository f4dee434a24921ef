"""Codify: a journal as a script that makes the same run.

A drag becomes a line for every value that a step used, an undo takes back as many lines as the
row that it undid has; so the script needs nothing but `it.at`. A journal may come from anybody's
file: what stands in the script without quotes is a number or a name, never a text of the file.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from interactive_train.runtime.errors import refusal
from interactive_train.training.journal.wire import SCHEDULES, decode_value

if TYPE_CHECKING:
    from interactive_train.training.journal.journal import Journal

LITERAL = 64  # numbers of an array that are written as such
_DEFAULTS = {"accumulate": 1, "on_nonfinite": "pause", "name": "run"}


def as_code(journal: Journal) -> str:
    """Return a script for behind the user's definitions of ``trainer``, ``state``, ``data``."""
    plan = _plan(journal)
    arguments = dict(journal.header.get("arguments", {})) | {"name": journal.header.get("name")}
    whole = journal.outcome == "finished" and arguments.get("epochs") is not None
    if not whole or any(logged.command.get("kind") == "extend" for logged in journal.log):
        arguments["epochs"] = None
        plan.append(f"it.at({journal.last_step}).stop()")
    given = [
        f"{name}={arguments[name]!r}"
        for name in ("epochs", "batch_size", "shuffle", "clip_norm", "accumulate", "on_nonfinite",
                     "name")
        if arguments.get(name) is not None and arguments[name] != _DEFAULTS.get(name)
    ]  # fmt: skip
    body = "".join(f"    {line},\n" for line in plan)
    text = f"plan = [\n{body}]\n" if plan else "plan = []\n"
    call = ", ".join(["state", "data", *given, "plan=plan"])
    imports = ["import interactive_train as it"]
    if "schedules." in text:
        imports.append("from interactive_train import schedules")
    if "np." in text:
        imports.insert(0, "import numpy as np\n")
    if "base64." in text:
        imports.insert(0, "import base64\n")
    return "\n".join([*imports, "", f"{text}run = trainer.start({call})", ""])


def _plan(journal: Journal) -> list[str]:
    lines: list[tuple[int, str]] = []
    rows: dict[int, list[int]] = {}  # the lines of each row of the journal
    for row, logged in journal.numbered():
        if logged.undoes >= 0:
            taken = len(rows.get(logged.undoes, [0]))
            lines.append((logged.step, f"undo({taken if taken > 1 else ''})"))
            continue
        try:
            call = _call(logged.command)
        except KeyError as error:
            rule = f"a command {logged.command['kind']!r} has a {error.args[0]}"
            raise ValueError(refusal("journal.as_code", rule, "none")) from error
        if not call:
            continue
        own = rows.setdefault(row, [])
        plain = isinstance(logged.command.get("value"), (int, float))
        last = len(lines) - 1
        if plain and own and own[-1] == last and lines[last][0] == logged.step:
            lines[last] = (logged.step, call)  # no step used the value before
        else:
            own.append(len(lines))
            lines.append((logged.step, call))
    return [f"it.at({step}).{call}" for step, call in lines]


def _call(command: Mapping[str, Any]) -> str:
    path = f"{command['path']!r}, " if command.get("path") else ""
    match command.get("kind"):
        case "adjust":
            name, value = command["name"], value_text(command["value"])
            plain = isinstance(name, str) and name.isidentifier()
            return f"adjust({path}{f'{name}={value}' if plain else f'**{{{name!r}: {value}}}'})"
        case "rescue":
            return f"adjust(lr=it.scale({command.get('scale', 0.5)!r}))"
        case "release":
            where = f", {command['path']!r}" if command.get("path") else ""
            return f"release({command['name']!r}{where})"
        case "freeze" | "thaw" as kind:
            return f"{kind}({command['path']!r})"
        case "note":
            return f"note({command['text']!r})"
        case "assign":
            return f"assign({path}{value_text(command['value'])})"
        case "set_batch_size":
            return f"set_batch_size({command['size']!r})"
    return ""


def value_text(value: Any) -> str:
    """Return the Python text of a value in wire form.

    Examples
    --------
    >>> value_text({"schedule": "linear", "init_value": 1.0, "end_value": 0.0, "steps": 10})
    'schedules.linear(1.0, 0.0, 10)'
    """
    if isinstance(value, list):
        parts = [value_text(part) for part in value]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if not isinstance(value, Mapping):
        return repr(value)
    if "schedule" in value:
        with contextlib.suppress(ValueError):  # for one that holds a function of the user's
            return repr(decode_value(value))
        if value["schedule"] not in list(SCHEDULES):  # it may be anything that JSON can hold
            return "your_schedule"
        own = {k: v for k, v in value.items() if k != "schedule" and k.isidentifier()}
        arguments = [f"{k}={value_text(v)}" for k, v in own.items()]
        return f"schedules.{value['schedule']}({', '.join(arguments)})"
    if "scale" in value:
        return f"it.scale({value['scale']!r})"
    if "number" in value:
        return f"float({value['number']!r})"
    if "array" in value:
        return _array_text(value)
    name = str(value.get("function", ""))
    return name if all(part.isidentifier() for part in name.split(".")) else "your_function"


def _array_text(value: Mapping[str, Any]) -> str:
    array = decode_value(value)
    kind = f'"{array.dtype.name}"'
    if array.size <= LITERAL and np.isfinite(array).all() and math.prod(array.shape):
        return f"np.array({array.tolist()!r}, {kind})"
    raw = f'base64.b64decode("{value["array"]}")'
    return f"np.frombuffer({raw}, {kind}).reshape({array.shape})"
