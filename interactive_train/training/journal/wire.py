"""Wire form: a command as plain JSON, and back; exact, and safe to read from anybody's file.

A command is ``{"kind": "adjust", "name": "lr", "value": 0.0003}``: what `kind_of` calls it, and
the fields that do not stand at their default. Numbers keep every bit (Python writes the shortest
decimal that reads back equal). What is no number or text carries one key that says what it is:

=================================================  ===========================================
``{"scale": 0.3}``                                 ``it.scale(0.3)``
``{"schedule": "linear", "init_value": 1.0, ..}``  a schedule of this package, by its arguments
``{"array": "<base64>", "dtype", "shape"}``        the bytes of an array
``{"number": "inf"}``                              a number that JSON does not have
``{"function": "warm"}``                           a user's own function, by name only
``{"unknown": "<repr>"}``                          anything else; it cannot be read again
=================================================  ===========================================

Reading executes nothing: kinds, schedules and types of arrays are looked up in tables, every
field is checked, and what is not known is refused. A function can be written but not read; whoever
replays gives it again, by name.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args

import numpy as np

from interactive_train import schedules
from interactive_train.optim.setting import Scaled, scale
from interactive_train.runtime.checks import name_of
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.schedules import Schedule
from interactive_train.training.control.steering import check_command
from interactive_train.training.records import commands
from interactive_train.training.records.commands import Command, kind_of

WHERE = "journal"
LONGEST = 16  # levels of schedules within schedules

COMMANDS: dict[str, Any] = {kind_of(kind): kind for kind in get_args(commands.Command)}
SCHEDULES: dict[str, type[Schedule]] = {
    name: kind
    for name, kind in vars(schedules).items()
    if isinstance(kind, type) and issubclass(kind, Schedule) and kind is not Schedule
}
_DTYPES = {np.dtype(code).str for code in ("?", "i1", "u1", *(
    f"<{kind}{size}" for kind, sizes in (("i", (2, 4, 8)), ("u", (2, 4, 8)), ("f", (2, 4, 8)))
    for size in sizes))}  # fmt: skip
_NUMBER, _WHOLE, _TEXT = "a number", "a whole number", "text"
_FIELDS = {  # what may stand in a field, by its name
    "path": (_TEXT,), "name": (_TEXT,), "text": (_TEXT,),
    "step": (_WHOLE,), "steps": (_WHOLE,), "epoch": (_WHOLE,), "epochs": (_WHOLE,),
    "size": (_WHOLE,), "loss": (_NUMBER,), "steps_per_second": (_NUMBER,),
    "scale": (_NUMBER,),
    "value": (_NUMBER, "a scale", "a schedule", "an array"), "condition": ("a function",),
}  # fmt: skip

Wire = dict[str, Any]
Functions = Mapping[str, Callable[..., Any]]


def encode(command: Command) -> Wire:
    """Return a command as plain JSON.

    Examples
    --------
    >>> encode(commands.Adjust("lr", schedules.linear(1.0, 0.0, 10)))["value"]
    {'schedule': 'linear', 'init_value': 1.0, 'end_value': 0.0, 'steps': 10}
    """
    wire: Wire = {"kind": kind_of(command)}
    for field in fields(command):
        value = getattr(command, field.name)
        default = field.default
        if default is MISSING or not (value is default or _same(value, default)):
            wire[field.name] = encode_value(value)
    return wire


def decode(wire: Any, functions: Functions | None = None) -> Command:
    """Return the command of a wire form, or refuse it.

    Parameters
    ----------
    wire : object
        What a JSON reader returned; not trusted.
    functions : mapping of str to callable, optional
        The user's own functions that the wire form names.

    Raises
    ------
    ValueError
        If it is no command; nothing was executed.

    Examples
    --------
    >>> decode({"kind": "adjust", "name": "lr", "value": {"scale": 0.5}})
    Adjust(name='lr', value=Scaled(factor=0.5), path='')
    """
    if not isinstance(wire, Mapping):
        raise _refused("a command is an object", wire)
    kind = wire.get("kind")
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise _refused("a command of a known kind", kind, did_you_mean(str(kind), COMMANDS))
    known = {field.name: field for field in fields(COMMANDS[kind])}
    given: dict[str, Any] = {}
    for key, value in wire.items():
        if key == "kind":
            continue
        if key not in known:
            fix = did_you_mean(str(key), known) if known else ""
            raise _refused(f"a field of {kind!r}", key, fix)
        found = _decoded(value, functions or {}, 0)
        optional = known[key].default is None or "None" in str(known[key].type)
        if not (found is None and optional) and not any(_is(found, w) for w in _FIELDS[key]):
            raise _refused(f"{key} of {kind!r} is {' or '.join(_FIELDS[key])}", value)
        given[key] = found
    for name, field in known.items():
        if name not in given and field.default is MISSING:
            raise _refused(f"{kind!r} has a {name}", sorted(map(str, wire)))
    command: Command = COMMANDS[kind](**given)
    try:
        check_command(command)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return command


def encode_value(value: Any) -> Any:
    """Return a number, text, array, scale, schedule or function as plain JSON."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, np.ndarray):
        raw = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        if raw.dtype.str not in _DTYPES:
            return {"unknown": f"an array of {value.dtype}"}
        text = base64.b64encode(raw.tobytes()).decode("ascii")
        return {"array": text, "dtype": raw.dtype.str, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return encode_value(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, Scaled):
        return {"scale": encode_value(value.factor)}
    if isinstance(value, Schedule) and SCHEDULES.get(type(value).__name__) is type(value):
        arguments = {f.name: encode_value(getattr(value, f.name)) for f in fields(value)}
        return {"schedule": type(value).__name__, **arguments}
    if isinstance(value, (list, tuple)):
        return [encode_value(part) for part in value]
    if callable(value):
        return {"function": name_of(value)}
    return {"unknown": repr(value)[:80]}


def decode_value(value: Any, functions: Functions | None = None) -> Any:
    """Return what `encode_value` wrote down, or refuse it."""
    return _decoded(value, functions or {}, 0)


def _decoded(value: Any, functions: Functions, depth: int) -> Any:
    if depth > LONGEST:
        raise _refused(f"at most {LONGEST} levels", "more")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return tuple(_decoded(part, functions, depth + 1) for part in value)
    if not isinstance(value, Mapping):
        raise _refused("a value that can be read", value)
    if "schedule" in value:
        return _schedule(value, functions, depth)
    if "array" in value:
        return _array(value)
    if set(value) == {"number"} and value["number"] in ("inf", "-inf", "nan"):
        return float(value["number"])
    if set(value) == {"scale"} and _is(value["scale"], _NUMBER):
        return scale(value["scale"])
    if set(value) == {"function"} and isinstance(value["function"], str):
        name = value["function"]
        if name not in functions:
            raise _refused(
                "a file holds no code, so a function has to be given again",
                f"the function {name!r}",
                f"Give functions={{{name!r}: ...}}.",
            )
        return functions[name]
    raise _refused("a scale, schedule, array, number or function", value)


def _schedule(value: Mapping[str, Any], functions: Functions, depth: int) -> Schedule:
    name = value["schedule"]
    if not isinstance(name, str) or name not in SCHEDULES:
        raise _refused("a schedule of this package", name, did_you_mean(str(name), SCHEDULES))
    given = {
        str(key): _decoded(part, functions, depth + 1)
        for key, part in value.items()
        if key != "schedule"
    }
    try:
        return SCHEDULES[name](**given)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _array(value: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype, shape = value.get("dtype"), value.get("shape")
    if set(value) != {"array", "dtype", "shape"} or dtype not in list(_DTYPES):
        raise _refused("an array of numbers with dtype and shape", dtype)
    if not isinstance(shape, list) or not all(_is(n, _WHOLE) and n >= 0 for n in shape):
        raise _refused("a shape is a list of sizes", shape)
    try:
        raw = base64.b64decode(value["array"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise _refused("an array's bytes in base64", value["array"]) from error
    if len(raw) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise _refused(f"{math.prod(shape)} numbers of {dtype}", f"{len(raw)} bytes")
    array = np.frombuffer(raw, dtype).reshape(shape)
    return array  # read-only, as its bytes are


def _is(value: Any, what: str) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        _TEXT: isinstance(value, str),
        _WHOLE: number and isinstance(value, int),
        _NUMBER: number,
        "a scale": isinstance(value, Scaled),
        "a schedule": callable(value),
        "a function": callable(value),
        "an array": isinstance(value, np.ndarray),
    }[what]


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and isinstance(value, (str, int)) and value == default


def _refused(rule: str, got: object, fix: str = "") -> ValueError:
    shown = repr(got)
    return ValueError(refusal(WHERE, rule, shown if len(shown) < 80 else shown[:77] + "...", fix))
