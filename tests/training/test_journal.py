"""The journal as text: everything comes back, whatever a file says is read or refused."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.training.journal.curve import BLOCK
from interactive_train.training.journal.lines import JournalFile
from interactive_train.training.records.commands import Adjust, Note, SetPace
from interactive_train.training.records.history import History
from tests.training.common import going, line, until


def steered() -> it.Run:
    """Return an ended run with drags, notes, an undo, a schedule and a scale."""
    run = going(pace=None, epochs=400, plan=[it.at(3).pause()])
    until(lambda: run.status == "paused")
    for value in (0.09, 1 / 30, 0.07):
        run.submit(Adjust("lr", value), source="dashboard", gesture="drag 1")
        stepped = run.step + 2
        run.advance(2)
        until(lambda end=stepped: run.step == end and run.status == "paused")  # type: ignore[misc]
    run.note("too fast,\nI think")
    run.undo()
    run.adjust(lr=schedules.cosine_decay(0.1, 600))
    run.adjust("layers.0", lr=it.scale(0.5))
    run.freeze("layers.0.bias")
    run.submit(SetPace(None))
    run.resume()
    return run.wait(20)


def test_every_row_comes_back_from_text() -> None:
    journal = steered().journal
    text = journal.to_json_lines()
    again = it.Journal.from_json_lines(text)
    assert again.entries == journal.entries
    assert repr(again) == repr(journal)
    assert again.header == json.loads(json.dumps(journal.header))
    assert again.blocks == journal.blocks
    assert again.program == journal.program != ""
    assert again.to_json_lines() == text
    drag = next(entry for entry in again if entry.kind == "adjust")
    assert [value for _, value in drag.values] == [0.09, 1 / 30, 0.07]
    assert [step for step, _ in drag.values] == [3, 5, 7]
    assert drag.undone


def test_the_log_holds_the_commands_themselves_and_the_text_equal_ones() -> None:
    journal = steered().journal
    again = it.Journal.from_json_lines(journal.to_json_lines())
    assert all(a.given is not None for a in journal.log)
    assert all(b.given is None for b in again.log)
    assert [a.again() for a in journal.log] == [b.again() for b in again.log]


def test_a_function_of_ones_own_is_in_the_journal_by_its_name() -> None:
    def warm(step: int) -> float:
        return 0.1 / step

    run = going(pace=None, epochs=4, plan=[it.at(2).adjust(lr=warm)]).wait(10)
    assert run.journal.log[0].again() == Adjust("lr", warm)
    again = it.Journal.from_json_lines(run.journal.to_json_lines())
    assert "warm" in again.to_json_lines()
    with pytest.raises(ValueError, match=r"a file holds no code.*Give functions=\{'warm': ...\}"):
        again.log[0].again()
    assert again.log[0].again({"warm": warm}) == Adjust("lr", warm)


def test_every_command_is_on_disk_when_it_took_effect(tmp_path: Path) -> None:
    file = tmp_path / "new" / "fit.jsonl"
    run = going(journal=file)
    run.note("first").wait(10)
    assert it.Journal.from_json_lines(file.read_text()).entries == run.journal.entries
    run.adjust(lr=0.01).wait(10)
    assert it.Journal.from_json_lines(file.read_text()).entries == run.journal.entries
    run.stop().wait(10)
    run.wait(10)
    lines, whole = file.read_text().splitlines(), run.journal.to_json_lines().splitlines()
    assert (lines[0], set(lines)) == (whole[0], set(whole))
    run.note("afterwards").wait(10)
    assert it.Journal.from_json_lines(file.read_text()).entries == run.journal.entries


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that kills")
def test_a_process_that_is_killed_leaves_all_that_took_effect(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from tests.training.common import going\n"
        "run = going(journal=sys.argv[1])\n"
        "run.adjust(lr=0.01).wait(10)\n"
        "run.note('the last').wait(10)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "fit.jsonl")],
        env=os.environ | {"PYTHONPATH": paths}, cwd=root, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == -9
    journal = it.Journal.from_json_lines((tmp_path / "fit.jsonl").read_text())
    assert [entry.text for entry in journal] == ["lr: 0.1 -> 0.01", "the last"]


def test_a_file_grows_by_the_digest_of_whole_blocks_and_at_the_end_by_the_rest(
    tmp_path: Path,
) -> None:
    history, file = History(), tmp_path / "fit.jsonl"
    journal = it.Journal({}, lambda: history)
    writer = JournalFile(file, journal)

    def more(steps: int) -> None:
        rows = np.arange(len(history), len(history) + steps, dtype=np.float64)
        history.extend(len(history) + 1, 1, rows, 0.1, rows)

    for steps in (BLOCK - 1, 2, BLOCK, 3 * BLOCK + 5):
        more(steps)
        journal.add(len(history), "note", new="here", command=Note("here"))
    spans = [row["curve"] for row in map(json.loads, file.read_text().splitlines())
             if "curve" in row]  # fmt: skip
    assert spans == [[1 + n * BLOCK, (n + 1) * BLOCK] for n in range(5)]
    writer.close()
    again = it.Journal.from_json_lines(file.read_text())
    assert again.blocks == journal.blocks
    assert again.last_step == len(history)
    more(BLOCK)  # the run was extended
    writer.close()
    assert it.Journal.from_json_lines(file.read_text()).blocks == journal.blocks


def test_a_file_keeps_what_it_held_and_the_last_run_is_read(tmp_path: Path) -> None:
    file = tmp_path / "fit.jsonl"
    first = going(pace=None, epochs=2, journal=file, plan=[it.at(1).note("one")]).wait(10)
    whole = file.read_text()
    file.write_text(whole[:-9])  # a crash in the middle of a line
    assert it.Journal.from_json_lines(file.read_text()).entries == first.journal.entries
    second = going(pace=None, epochs=2, journal=file, plan=[it.at(2).note("two")]).wait(10)
    assert file.read_text().startswith(whole[:-9])
    assert it.Journal.from_json_lines(file.read_text()).entries == second.journal.entries


def test_a_disk_that_refuses_does_not_end_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = going(journal=tmp_path / "fit.jsonl")
    assert run._journal_file is not None

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    open_file = run._journal_file._file
    assert open_file is not None
    open_file.close()
    run._journal_file._file = Full()
    assert run.note("still here").wait(10).error is None
    assert run.note("and here").wait(10).error is None
    assert capsys.readouterr().err.count("cannot be written") == 1
    run.stop()
    assert run.wait(10).status == "stopped"


def test_a_path_that_cannot_be_opened_is_refused_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    trainer, data = line()
    with pytest.raises(OSError, match="folder"):
        trainer.start(trainer.init(), data, journal=tmp_path / "folder")


def test_the_header_says_what_the_run_started_from() -> None:
    trainer, (x, y) = line()
    state = trainer.init(seed=4)
    plan = [it.at(2).adjust(lr=0.05)]

    def header(x: Any = x, state: Any = state, trainer: Any = trainer) -> Any:
        return trainer.start(state, (x, y), batch_size=4, shuffle=3, epochs=1,
                             plan=plan).wait(10).journal.header  # fmt: skip

    first, again = header(), header()
    parts = ("fingerprint", "state", "data", "arguments", "plan")
    assert {k: first[k] for k in parts} == {k: again[k] for k in parts}
    assert first["arguments"] == {
        "epochs": 1, "batch_size": 4, "shuffle": 3, "clip_norm": None, "accumulate": 1,
        "on_nonfinite": "pause", "validation": False,
    }  # fmt: skip
    assert first["plan"] == [{"step": 2, "command": {"kind": "adjust", "name": "lr",
                                                     "value": 0.05}}]  # fmt: skip
    assert {k for k, v in first["fingerprint"].items() if not v} == set()
    other = x.copy()
    other[3] += 1e-6
    assert header(x=other)["data"]["hash"] != first["data"]["hash"]
    assert header(state=trainer.init(seed=5))["state"]["hash"] != first["state"]["hash"]
    assert header(state=it.adjusted(state, lr=0.2))["state"]["hash"] != first["state"]["hash"]
    wider = it.Trainer(nn.Sequential(nn.Linear(1, 1, bias=False)), optim.SGD(0.1), loss=losses.mse)
    prints = header(state=wider.init(), trainer=wider)["fingerprint"]
    assert {k for k in prints if prints[k] != first["fingerprint"][k]} == {"model", "rules"}


BAD = [
    ("", "the first line is a header"),
    ("{}\n", "the first line is a header"),
    ("not json\n{}\n", "line 1 is a JSON object"),
    ('{"journal": 2}\n', "version 1; got version 2"),
    ('{"journal": "1"}\n', "version 1"),
    ('{"journal": 1, "state": []}\n', "state of the header"),
    ('{"journal": 1}\n{"what": 1}\n', "a line of a known kind"),
    ('{"journal": 1}\n[]\n{"journal": 2}\n', "version 1"),
    ('{"journal": 1}\n[]\n{"curve": 2}\n', "line 2 is a JSON object"),
    ('{"journal": 1}\n{"step": 1, "command": {"kind": "import os"}, "kind": "x"}\n', "known kind"),
    ('{"journal": 1}\n{"step": -1, "command": {"kind": "undo"}, "kind": "x"}\n', "step is a whole"),
    ('{"journal": 1}\n{"step": 1, "command": {"kind": "undo"}}\n', "texts in"),
    ('{"journal": 1}\n{"step": 1, "command": {"kind": "undo"}, "kind": "undo", "undoes": 0}\n',
     "an undo of one of 0 rows"),
    ('{"journal": 1}\n{"step": 1, "command": {"kind": "undo"}, "kind": "undo", "value": "1"}\n',
     "value is a number"),
    ('{"journal": 1}\n{"curve": [1], "hash": "", "loss": 1}\n', "a first and a last step"),
    ('{"journal": 1}\n{"curve": [1, "2"], "hash": "", "loss": 1}\n', "last is a whole"),
    ('{"journal": 1}\n{"line": 3}\n', "a list of spans"),
    ('{"journal": 1}\n{"line": [[0, 1]]}\n', "spans of 0 commands"),
    ("[" * 100000 + "\n{}\n", "line 1 is a JSON object"),
    ('{"journal": 1}\n{"step": 1, "command": {"kind": ["a"]}, "kind": "x"}\n', "known kind"),
    ('{"journal": 1}\n{"curve": [1, 2], "hash": "", "loss": 1' + "0" * 400 + "}\n",
     "loss is a number that a float holds"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "match"), BAD, ids=range(len(BAD)))
def test_what_is_no_journal_is_refused(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        it.Journal.from_json_lines(text)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                    max_leaves=6)  # fmt: skip
ROWS = st.dictionaries(
    st.sampled_from(["step", "command", "curve", "hash", "loss", "kind", "undoes", "value", "old"]),
    JSON | st.just({"kind": "undo"}) | st.integers(0, 3),
)


@given(st.lists(ROWS, max_size=4))
def test_any_lines_are_read_or_refused(rows: list[dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(row) for row in [{"journal": 1}, *rows])
    try:
        journal = it.Journal.from_json_lines(text)
    except ValueError:
        return
    repr(journal)
