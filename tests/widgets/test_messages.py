"""Messages of a browser: what is well formed becomes a record, all else a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from interactive_train.optim import Scaled
from interactive_train.training.records import commands
from interactive_train_widgets import messages
from interactive_train_widgets.messages import parse

READY = {"kind": "ready", "view": "v", "rate": 1, "columns": 9}
COMMANDS: list[tuple[dict[str, Any], commands.Command]] = [
    ({"verb": "adjust", "name": "lr", "value": 1e-3}, commands.Adjust("lr", 1e-3)),
    (
        {"verb": "adjust", "name": "rate", "value": 0, "path": "layers.2"},
        commands.Adjust("rate", 0.0, "layers.2"),
    ),
    ({"verb": "scale", "name": "lr", "value": 0.3}, commands.Adjust("lr", Scaled(0.3))),
    ({"verb": "release", "name": "lr"}, commands.Release("lr")),
    ({"verb": "freeze", "path": "layers.0"}, commands.Freeze("layers.0")),
    ({"verb": "thaw", "path": "layers.0"}, commands.Thaw("layers.0")),
    ({"verb": "pause"}, commands.Pause()),
    ({"verb": "resume"}, commands.Resume()),
    ({"verb": "advance", "steps": 1}, commands.Advance(1)),
    ({"verb": "run_until", "step": 90}, commands.RunUntil(step=90)),
    ({"verb": "run_until", "epoch": 2}, commands.RunUntil(epoch=2)),
    ({"verb": "run_until", "loss": 0.5}, commands.RunUntil(loss=0.5)),
    ({"verb": "snapshot", "name": "before"}, commands.TakeSnapshot("before")),
    ({"verb": "delete_snapshot", "name": "before"}, commands.DeleteSnapshot("before")),
    ({"verb": "rewind", "step": 0}, commands.Rewind(0)),
    ({"verb": "rewind", "name": "before"}, commands.Rewind(name="before")),
    ({"verb": "branch", "name": "calm"}, commands.BranchOff("calm")),
    ({"verb": "switch", "name": "main"}, commands.Switch("main")),
    ({"verb": "delete_branch", "name": "calm"}, commands.DeleteBranch("calm")),
    ({"verb": "set_batch_size", "size": 16}, commands.SetBatchSize(16)),
    ({"verb": "rescue", "scale": 0.5}, commands.Rescue(0.5)),
    ({"verb": "stop"}, commands.Stop()),
    ({"verb": "extend", "epochs": 10}, commands.Extend(epochs=10)),
    ({"verb": "extend", "steps": 500}, commands.Extend(steps=500)),
    ({"verb": "pace", "value": 50}, commands.SetPace(50.0)),
    ({"verb": "pace", "value": None}, commands.SetPace(None)),
    ({"verb": "undo"}, commands.Undo()),
    ({"verb": "note", "text": "now"}, commands.Note("now")),
]

ADAPT = {"kind": "adapt", "view": "v", "rate": 1, "columns": 9}


@pytest.mark.parametrize(("fields", "command"), COMMANDS)
def test_every_verb_becomes_its_command(fields: dict[str, Any], command: commands.Command) -> None:
    message = parse({"kind": "command", "id": "a", "pressed": 2500, "gesture": "g", **fields})
    assert message == messages.Request("a", command, "g", 2.5)


def test_the_housekeeping_messages_become_records() -> None:
    ready = {"kind": "ready", "view": "v", "rate": 10, "columns": 640.4}
    assert parse(ready) == messages.Ready("v", 10.0, 640)
    assert parse(ready | {"kind": "adapt"}) == messages.Adapt("v", 10.0, 640)
    layers = ready | {"sections": ["layers"]}
    assert parse(layers) == messages.Ready("v", 10.0, 640, ("layers",))
    zoomed = parse(ready | {"kind": "adapt", "window": [3, 7.5]})
    assert zoomed == messages.Adapt("v", 10.0, 640, (), (3.0, 7.5))
    assert parse({"kind": "rows", "id": "a"}) == messages.Rows("a")
    assert parse({"kind": "ack", "sequence": 7}) == messages.Ack(7)
    assert parse({"kind": "gone", "view": "v"}) == messages.Gone("v")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ({}, "kind must be"),
        ({"kind": "hello"}, "got 'hello'"),
        ({"kind": "ack", "sequence": "7"}, "sequence must be a whole number"),
        ({"kind": "ack", "sequence": True}, "sequence must be a whole number"),
        ({"kind": "ready", "view": "v", "rate": float("nan"), "columns": 9}, "finite number"),
        (READY | {"sections": "layers"}, "sections must be a short list"),
        (READY | {"sections": ["layer"]}, 'Did you mean "layers"'),
        (READY | {"sections": [["layers"]]}, "a section must be a known one"),
        (READY | {"sections": ["layers"] * 99}, "sections must be a short list"),
        ({"kind": "ready", "view": 3, "rate": 1, "columns": 9}, "view must be a text"),
        (ADAPT | {"window": [5, 5]}, "end behind its start"),
        (ADAPT | {"window": [5]}, "null or two steps"),
        (ADAPT | {"window": "12"}, "null or two steps"),
        (ADAPT | {"window": [0, float("inf")]}, "finite number"),
        ({"kind": "rows"}, "id must be a text"),
        ({"kind": "command", "id": "a", "verb": "puase"}, 'Did you mean "pause"'),
        ({"kind": "command", "id": "a", "verb": ["pause"]}, "verb must be a text"),
        ({"kind": "command", "id": "a", "verb": "adjust", "name": "lr"}, "value must be"),
        ({"kind": "command", "id": "a", "verb": "adjust", "name": "lr", "value": "1"}, "value"),
        ({"kind": "command", "id": "a", "verb": "adjust", "name": "lr", "value": True}, "value"),
        ({"kind": "command", "id": "a", "verb": "adjust", "name": "l" * 5000, "value": 1}, "name"),
        ({"kind": "command", "id": "a", "verb": "advance", "steps": 0}, "from 1 on"),
        ({"kind": "command", "id": "a", "verb": "advance", "steps": 1.5}, "from 1 on"),
        ({"kind": "command", "id": "a", "verb": "run_until"}, "one of step, epoch and loss"),
        ({"kind": "command", "id": "a", "verb": "run_until", "step": 1, "loss": 2.0}, "one of"),
        ({"kind": "command", "id": "a", "verb": "rewind", "step": -1}, "from 0 on"),
        ({"kind": "command", "id": "a", "verb": "snapshot"}, "name must be a text"),
        ({"kind": "command", "id": "a", "verb": "extend"}, "either epochs or steps"),
        ({"kind": "command", "id": "a", "verb": "extend", "epochs": 1, "steps": 1}, "either"),
        ({"kind": "command", "id": "a", "verb": "pace", "value": 0}, "above 0"),
        ({"kind": "command", "id": "a", "verb": "pause", "pressed": "now"}, "pressed"),
        ({"kind": "command", "verb": "pause"}, "id must be a text"),
        ({"kind": "ready", "view": "v", "rate": 10**400, "columns": 9}, "finite number"),
        ({"kind": "command", "id": "a", "verb": "rewind", "step": 10**30}, "whole number from 0"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(content: object, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        parse(content)
