"""What a browser may say, checked: a custom message in, one small record out.

A message is untrusted text. Anything that is not exactly one of the kinds below
is refused with a sentence; nothing here touches a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interactive_train.optim import Scaled
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.records import commands
from interactive_train.training.records.commands import Command
from interactive_train_widgets.sections import SECTIONS

MAX_TEXT = 2000  # characters of a name, a path or a note
MAX_WHOLE = 2**53  # up to here every whole number is one of the browser as well
MAX_NUMBERS = 4096  # of a choice: a drawing of 64 by 64
WHERE = "dashboard message"


Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ready:
    """A view is there (or there again) and needs a whole picture."""

    view: str
    rate: float
    columns: int
    sections: tuple[str, ...] = ()  # what it shows beside the usual
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Adapt:
    """A view changed its width, the rate that it can use, or what it shows."""

    view: str
    rate: float
    columns: int
    sections: tuple[str, ...] = ()
    window: Window | None = None  # first and last step of a zoomed curve


@dataclass(frozen=True, slots=True)
class Rows:
    """A view asks for the recorded rows behind its curves."""

    identity: str


@dataclass(frozen=True, slots=True)
class Ack:
    """A view has drawn a frame."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A view was taken down."""

    view: str


@dataclass(frozen=True, slots=True)
class Select:
    """A view moved its crosshair to a step, or away."""

    step: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """A person pressed something: a command, who asked, and when."""

    identity: str
    command: Command
    gesture: str
    pressed: float | None  # wall time of the press in seconds since the epoch


Value = bool | float | str | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """A person chose what a view shows; nothing that trains hears of it."""

    identity: str
    name: str
    value: Value


Message = Ready | Adapt | Rows | Ack | Gone | Select | Request | Choose
Fields = Mapping[str, Any]


def _wrong(rule: str, got: object) -> ValueError:
    shown = repr(got)
    return ValueError(refusal(WHERE, rule, shown if len(shown) < 80 else shown[:77] + "..."))


def _text(fields: Fields, key: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _wrong(f"{key} must be a text of at most {MAX_TEXT} characters", value)
    return value


def _number(fields: Fields, key: str) -> float:
    value = fields.get(key)
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    except OverflowError:  # a whole number that no float holds
        pass
    raise _wrong(f"{key} must be a finite number", value)


def _count(fields: Fields, key: str, low: int = 0) -> int:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= MAX_WHOLE:
        raise _wrong(f"{key} must be a whole number from {low} on", value)
    return value


def _sections(fields: Fields) -> tuple[str, ...]:
    """Return what a view shows beside the usual."""
    names = fields.get("sections", [])
    if not isinstance(names, list) or len(names) > len(SECTIONS):
        raise _wrong("sections must be a short list of names", names)
    for name in names:
        if name not in SECTIONS:
            hint = did_you_mean(str(name)[:MAX_TEXT], SECTIONS)
            raise ValueError(refusal(WHERE, "a section must be a known one", repr(name)[:80], hint))
    return tuple(names)


def _window(fields: Fields) -> Window | None:
    value = fields.get("window")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise _wrong("window must be null or two steps", value)
    low, high = (_number({"window": end}, "window") for end in value)
    if low >= high:
        raise _wrong("a window must end behind its start", value)
    return low, high


def _extend(fields: Fields) -> Command:
    if ("epochs" in fields) == ("steps" in fields):
        raise _wrong("extend takes either epochs or steps", dict(fields))
    key = "epochs" if "epochs" in fields else "steps"
    return commands.Extend(**{key: _count(fields, key, 1)})


def _pace(fields: Fields) -> Command:
    if fields.get("value") is None:
        return commands.SetPace(None)
    value = _number(fields, "value")
    if value <= 0:
        raise _wrong("pace must be above 0, or null for full speed", value)
    return commands.SetPace(value)


def _knob(fields: Fields) -> tuple[str, str]:
    return _text(fields, "name"), _text(fields, "path", "")


def _adjust(fields: Fields) -> Command:
    name, path = _knob(fields)
    return commands.Adjust(name, _number(fields, "value"), path)


def _scale(fields: Fields) -> Command:
    name, path = _knob(fields)
    return commands.Adjust(name, Scaled(_number(fields, "value")), path)


def _run_until(fields: Fields) -> Command:
    given = [key for key in ("step", "epoch", "loss") if key in fields]
    if len(given) != 1:
        raise _wrong("run_until takes one of step, epoch and loss", dict(fields))
    if given == ["loss"]:
        return commands.RunUntil(loss=_number(fields, "loss"))
    if given == ["epoch"]:
        return commands.RunUntil(epoch=_count(fields, "epoch", 1))
    return commands.RunUntil(_count(fields, "step"))


def _rewind(fields: Fields) -> Command:
    if "name" in fields:
        return commands.Rewind(name=_text(fields, "name"))
    return commands.Rewind(_count(fields, "step"))


VERBS: dict[str, Callable[[Fields], Command]] = {
    "adjust": _adjust,
    "scale": _scale,
    "release": lambda fields: commands.Release(*_knob(fields)),
    "freeze": lambda fields: commands.Freeze(_text(fields, "path")),
    "thaw": lambda fields: commands.Thaw(_text(fields, "path")),
    "pause": lambda _: commands.Pause(),
    "resume": lambda _: commands.Resume(),
    "advance": lambda fields: commands.Advance(_count(fields, "steps", 1)),
    "stop": lambda _: commands.Stop(),
    "extend": _extend,
    "pace": _pace,
    "undo": lambda _: commands.Undo(),
    "note": lambda fields: commands.Note(_text(fields, "text")),
    "run_until": _run_until,
    "snapshot": lambda fields: commands.TakeSnapshot(_text(fields, "name")),
    "delete_snapshot": lambda fields: commands.DeleteSnapshot(_text(fields, "name")),
    "rewind": _rewind,
    "branch": lambda fields: commands.BranchOff(_text(fields, "name")),
    "switch": lambda fields: commands.Switch(_text(fields, "name")),
    "delete_branch": lambda fields: commands.DeleteBranch(_text(fields, "name")),
    "set_batch_size": lambda fields: commands.SetBatchSize(_count(fields, "size", 1)),
    "rescue": lambda fields: commands.Rescue(_number(fields, "scale")),
}


def _choose(fields: Fields) -> Choose:
    value = fields.get("value")
    if isinstance(value, list):
        if len(value) > MAX_NUMBERS:
            raise _wrong(f"a choice has at most {MAX_NUMBERS} numbers", len(value))
        chosen: Value = tuple(_number({"value": part}, "value") for part in value)
    elif isinstance(value, bool):
        chosen = value
    else:
        chosen = _text(fields, "value") if isinstance(value, str) else _number(fields, "value")
    return Choose(_text(fields, "id", ""), _text(fields, "name"), chosen)


def _request(fields: Fields) -> Request:
    verb = _text(fields, "verb")
    if verb not in VERBS:
        raise ValueError(
            refusal(WHERE, "verb must be a known one", repr(verb), did_you_mean(verb, VERBS))
        )
    pressed = _number(fields, "pressed") / 1e3 if fields.get("pressed") is not None else None
    return Request(_text(fields, "id"), VERBS[verb](fields), _text(fields, "gesture", ""), pressed)


def parse(content: object) -> Message:
    """Return the record of one custom message.

    Raises
    ------
    ValueError
        If it is not one of the messages that this module knows.
    """
    if not isinstance(content, Mapping):
        raise _wrong("a message must be an object", content)
    kind = content.get("kind")
    if kind in ("ready", "adapt"):
        record = Ready if kind == "ready" else Adapt
        view, rate = _text(content, "view"), _number(content, "rate")
        width = int(_number(content, "columns"))
        return record(view, rate, width, _sections(content), _window(content))
    if kind == "rows":
        return Rows(_text(content, "id"))
    if kind == "ack":
        return Ack(_count(content, "sequence"))
    if kind == "gone":
        return Gone(_text(content, "view"))
    if kind == "select":
        return Select(None if content.get("step") is None else _count(content, "step"))
    if kind == "command":
        return _request(content)
    if kind == "choose":
        return _choose(content)
    raise _wrong("kind must be ready, adapt, rows, ack, gone, select, command or choose", kind)
