"""The wire form: every command comes back to the bit; what is none is refused with a sentence."""

import json
import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train import scale, schedules
from interactive_train.training.journal import wire
from interactive_train.training.journal.wire import decode, encode
from interactive_train.training.records import commands as c

SCHEDULES = [
    schedules.constant(0.1),
    schedules.linear(1.0, 1 / 3, 10),
    schedules.polynomial_decay(1.0, 0.1, 10, power=3),
    schedules.exponential_decay(1e-3, 0.25, 1000),
    schedules.cosine_decay(0.1, 600, alpha=0.1),
    schedules.cosine_decay(0.1, 600, end_value=1e-5),
    schedules.cosine_decay_restarts(1.0, 10, t_mul=2, m_mul=0.5),
    schedules.triangular(0.0, 1.0, 4, decay=0.5),
    schedules.warmup_linear(0.0, 0.001, 4),
    schedules.warmup_cosine(0.0, 1.0, 10),
    schedules.warmup_cosine_decay(0.0, 1.0, 10, 100),
    schedules.warmup_stable_decay(0.0, 1.0, 10, 80, 10),
    schedules.one_cycle(1.0, 100),
    schedules.inverse_sqrt(1.0, 100),
    schedules.step_decay(0.1, 0.5, 30),
    schedules.piecewise_constant([100, 200], [0.1, 0.01, 0.001]),
    schedules.join([(10, schedules.warmup_linear(0.0, 1.0, 10)), (90, 0.5)]),
]
COMMANDS = [
    c.Adjust("lr", 0.1 + 0.2),
    c.Adjust("lr", 1),
    c.Adjust("rate", scale(1 / 3), "layers.*.2"),
    *(c.Adjust("lr", schedule) for schedule in SCHEDULES),
    c.Release("lr", "layers.0"),
    c.Freeze("layers.0"),
    c.Thaw(""),
    c.Pause(),
    c.Resume(),
    c.Advance(),
    c.Advance(7),
    c.Stop(),
    c.Extend(epochs=3),
    c.Extend(steps=5),
    c.SetPace(None),
    c.SetPace(1 / 7),
    c.Undo(),
    c.RunUntil(step=7),
    c.RunUntil(epoch=2),
    c.RunUntil(loss=1 / 3),
    c.TakeSnapshot("here"),
    c.DeleteSnapshot("here"),
    c.Rewind(540),
    c.Rewind(name="here"),
    c.BranchOff("bold"),
    c.Switch("main"),
    c.DeleteBranch("bold"),
    c.SetBatchSize(32),
    c.Rescue(),
    c.Rescue(0.1),
    c.Note('two\nlines, "quoted", ü, \ud83d'),
]


def through(command: Any) -> Any:
    return decode(json.loads(json.dumps(encode(command))))


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_a_command_comes_back_equal_through_json(command: Any) -> None:
    again = through(command)
    assert again == command
    assert repr(again) == repr(command)


def test_an_array_to_assign_comes_back_to_the_bit() -> None:
    array = np.array([[0.1, -0.0], [5e-324, 1e300]])
    again = through(c.Assign("layers.0.weight", array))
    assert (again.path, again.value.dtype) == ("layers.0.weight", array.dtype)
    assert again.value.tobytes() == array.tobytes()


def test_every_kind_of_command_can_be_written_and_every_field_can_be_checked() -> None:
    assert set(wire.COMMANDS.values()) == set(get_args(c.Command))
    for kind in wire.COMMANDS.values():
        assert {f for f in kind.__dataclass_fields__ if f not in wire._FIELDS} == set()


def test_every_schedule_of_the_package_is_known() -> None:
    assert {type(s).__name__ for s in SCHEDULES} == set(wire.SCHEDULES)


@given(st.floats(width=64))
def test_numbers_keep_every_bit(value: float) -> None:
    text = json.dumps(encode(c.Adjust("lr", value)), allow_nan=False)
    again = json.loads(text)["value"]
    again = float(again["number"]) if isinstance(again, dict) else again
    assert np.float64(again).tobytes() == np.float64(value).tobytes() or math.isnan(value)


def test_a_function_is_written_by_name_and_has_to_be_given_again() -> None:
    def warm(step: int) -> float:
        return 0.1 / step

    written = encode(c.Adjust("lr", warm))
    assert written["value"] == {"function": "warm"}
    with pytest.raises(ValueError, match=r"holds no code.*'warm'.*functions="):
        decode(written)
    assert decode(written, {"warm": warm}) == c.Adjust("lr", warm)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[]", "a command is an object"),
        ("{}", "known kind"),
        ('{"kind": "ajust", "name": "lr"}', 'Did you mean "adjust"'),
        ('{"kind": "adjust", "name": "lr", "valu": 1}', 'Did you mean "value"'),
        ('{"kind": "adjust", "name": "lr"}', "has a value"),
        ('{"kind": "adjust", "name": 3, "value": 1}', "name of 'adjust' is text"),
        ('{"kind": "adjust", "name": "lr", "value": "eval(1)"}', "is a number or"),
        ('{"kind": "adjust", "name": "lr", "value": true}', "is a number or"),
        ('{"kind": "adjust", "name": "lr", "value": {"schedule": "os.system"}}', "of this package"),
        ('{"kind": "adjust", "name": "lr", "value": {"schedule": "linaer"}}', '"linear"'),
        ('{"kind": "adjust", "name": "lr", "value": {"schedule": "plot"}}', "of this package"),
        ('{"kind": "adjust", "name": "lr", "value": {"schedule": "linear", "x": 1}}', "linear"),
        ('{"kind": "adjust", "name": "lr", "value": {"schedule": "constant"}}', "constant"),
        ('{"kind": "adjust", "name": "lr", "value": {"scale": "big"}}', "a scale, schedule"),
        ('{"kind": "adjust", "name": "lr", "value": {"scale": -1}}', "factor"),
        ('{"kind": "adjust", "name": "lr", "value": {"py/object": "os"}}', "a scale, schedule"),
        ('{"kind": "adjust", "name": "lr", "value": {"number": "1e5"}}', "a scale, schedule"),
        ('{"kind": "advance", "steps": 0}', "at least 1"),
        ('{"kind": "advance", "steps": 1.5}', "a whole number"),
        ('{"kind": "extend"}', "epochs or steps"),
        ('{"kind": "note", "text": null}', "text"),
        ('{"kind": "adjust", "name": "lr", "value": {"array": "AAAA", "dtype": "O", "shape": []}}',
         "an array of numbers"),
        ('{"kind": "assign", "path": "w", "value": {"array": "", "dtype": [1], "shape": [0]}}',
         "an array of numbers"),
        ('{"kind": "adjust", "name": "lr", "value": {"array": "A", "dtype": "<f4", "shape": [1]}}',
         "base64"),
        ('{"kind": "adjust", "name": "lr", "value": {"array": "", "dtype": "<f4", "shape": [1]}}',
         "1 numbers"),
        ('{"kind": "adjust", "name": "lr", "value": {"array": "", "dtype": "<f4", "shape": [-1]}}',
         "a list of sizes"),
        ('{"kind": "adjust", "name": "lr", "value": ' + '[' * 40 + ']' * 40 + "}", "levels"),
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        decode(json.loads(text))


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i8", "u1", "?"])
def test_an_array_keeps_its_bits(dtype: str) -> None:
    array = (np.arange(12).reshape(3, 4) / 7).astype(dtype)[:, ::2]
    again = wire.decode_value(json.loads(json.dumps(wire.encode_value(array))))
    assert again.shape == array.shape
    assert again.dtype == array.dtype.newbyteorder("<")
    assert np.array_equal(again, array)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["schedule", "array", "dtype", "shape", "scale", "number", "function"])
        | st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.sampled_from(sorted(wire.COMMANDS)), st.dictionaries(
    st.sampled_from(["name", "path", "value", "steps", "text", "epochs"]), JSON))  # fmt: skip
def test_any_json_is_read_or_refused(kind: str, fields: dict[str, Any]) -> None:
    try:
        command = decode({"kind": kind, **fields})
    except ValueError:
        return
    assert type(command) in wire.COMMANDS.values()
