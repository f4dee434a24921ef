"""Replays: the same bits again, in this process and in another one; as_code makes the same run."""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.program.compile import most_shards
from interactive_train.training.journal import fingerprint
from interactive_train.training.journal.codify import value_text
from interactive_train.training.journal.wire import encode_value
from interactive_train.training.records.commands import Adjust
from tests.program.fits import watched
from tests.training.common import all_bits, going, line, problem, until

X, Y = problem(rows=90)


def mixed() -> it.Trainer:
    """Return a trainer with everything that has a state or a draw of its own."""
    model = nn.Sequential(
        nn.Linear(4, 24), nn.BatchNorm(24), nn.relu, nn.Dropout(0.3), nn.Linear(24, 3)
    )
    rule = optim.SGD(schedules.cosine_decay(0.2, 300), momentum=0.9)
    return it.Trainer(model, rule, loss=losses.cross_entropy_sparse)


def halted(run: it.Run, step: int) -> None:
    """Let a paused run go on to a step."""
    if step > run.step:
        run.run_until(step=step)
    until(lambda: run.step == step and run.status == "paused")


def steered(trainer: it.Trainer, **options: Any) -> it.Run:
    """Return a run in which a person did everything that changes bits."""
    state = trainer.init(seed=3)
    options = {"batch_size": 8, "shuffle": 7, "epochs": 10, "clip_norm": 1.0} | options
    run = trainer.start(state, (X, Y), plan=[it.at(0).pause()], name="steered", **options)
    halted(run, 5)
    for step, value in ((6, 0.31), (6, 0.2), (9, 0.123456789012), (11, 1 / 3)):
        run.submit(Adjust("lr", value), source="dashboard", gesture="drag 1")
        halted(run, step)
    run.note("a drag")
    halted(run, 20)
    run.undo()
    halted(run, 25)
    run.adjust(lr=it.scale(0.5))
    run.freeze("layers.0")
    halted(run, 33)
    run.adjust("layers.3", rate=0.1)
    run.thaw("layers.0")
    run.freeze("layers.*.bias")
    halted(run, 41)
    run.adjust(lr=schedules.join([(10, schedules.warmup_linear(0.0, 0.1, 10)), (50, 0.05)]))
    run.adjust(momentum=0.5)
    run.undo()
    halted(run, 60)
    run.release("lr")
    run.resume()
    return run.wait(30)


def same(one: it.Run, other: it.Run) -> None:
    """Compare two runs to the bit."""
    for name in ("step", "loss", "lr", "gradient_norm"):
        assert one.history.column(name).tobytes() == other.history.column(name).tobytes(), name
    assert all_bits(one.state) == all_bits(other.state)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_run_is_replayed_to_the_bit(recorded: bool) -> None:
    trainer = mixed()
    with watched(recorded=recorded) as seen:
        run = steered(trainer)
        assert seen.natively == recorded
        same(run, run.replay())
        again = it.replay(run.journal, trainer, trainer.init(seed=3), (X, Y))
        same(run, again)
        text = run.journal.to_json_lines()
        same(
            run, it.replay(it.Journal.from_json_lines(text), mixed(), mixed().init(seed=3), (X, Y))
        )
    assert again.status == "finished"
    rows = [(e.step, e.text, e.values, e.source) for e in run.journal
            if e.kind not in ("pause", "resume", "run_until")]  # fmt: skip
    assert rows == [(e.step, e.text, e.values, e.source) for e in again.journal]


def test_threads_change_no_bit_of_a_replay() -> None:
    trainer = mixed()
    with watched(threads=2, shards=3) as seen:
        run = steered(trainer)
    assert seen.natively
    for threads in (1, 2, 3):
        with watched(threads=threads, shards=3):
            same(run, it.replay(run.journal, trainer, trainer.init(seed=3), (X, Y)))


def test_a_fresh_process_with_another_number_of_threads_gives_the_same_bits(
    tmp_path: Path,
) -> None:
    run = steered(mixed(), batch_size=32, epochs=30)
    (tmp_path / "fit.jsonl").write_text(run.journal.to_json_lines(), encoding="utf-8")
    script = (
        "import os, sys\n"
        "if hasattr(os, 'sched_setaffinity'):\n"
        "    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "import interactive_train as it\n"
        "from interactive_train.machine.sharded import usable_threads\n"
        "from tests.training.test_replay import X, Y, mixed\n"
        "journal = it.Journal.from_json_lines(open(sys.argv[1], encoding='utf-8').read())\n"
        "found = it.verify(journal, mixed(), mixed().init(seed=3), (X, Y))\n"
        "print(usable_threads(), found)\n"
        "print(found.run.history.loss.tobytes().hex())\n"
    )
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "fit.jsonl")],
        env=os.environ | {"PYTHONPATH": paths}, cwd=root, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, bits = done.stdout.splitlines()
    assert said == f"1 reproduces: {run.step} steps, bit for bit"
    assert bits == run.history.loss.tobytes().hex()
    assert "not bit-exact" not in done.stderr


def test_a_replay_cuts_its_steps_as_the_run_did_whatever_cores_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(256, 64)).astype(np.float32), random.integers(0, 3, 256)
    model = nn.Sequential(nn.Linear(64, 128), nn.relu, nn.Linear(128, 3))
    trainer = it.Trainer(model, optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    machine = fingerprint._machine()
    curves = []
    for cores in (3, 7):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        changed = {**machine, "shards": str(most_shards())}
        monkeypatch.setattr(fingerprint, "_machine", lambda changed=changed: changed)
        run = trainer.start(trainer.init(), (x, y), batch_size=128, epochs=4).wait(20)
        assert run.journal.header["fingerprint"]["shards"] == str(cores)
        curves.append(run)
    assert (curves[0].history.loss != curves[1].history.loss).any()
    again = it.replay(curves[0].journal, trainer, trainer.init(), (x, y))
    same(curves[0], again)
    assert capsys.readouterr().err == ""


def test_replay_says_once_why_it_is_not_exact_and_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trainer, (x, y) = line()
    run = trainer.start(trainer.init(seed=1), (x, y), batch_size=4, epochs=5).wait(10)
    lines = run.journal.to_json_lines().splitlines()
    header = json.loads(lines[0])
    header["fingerprint"]["processor"] = "z80"
    journal = it.Journal.from_json_lines("\n".join([json.dumps(header), *lines[1:]]))
    again = it.replay(journal, trainer, trainer.init(seed=1), (x, y))
    same(run, again)
    said = capsys.readouterr().err
    assert said.count("it.replay: not bit-exact, because the processor is another one (z80 ") == 1
    it.replay(run.journal, trainer, trainer.init(seed=2), (x + 1, y))
    said = capsys.readouterr().err
    assert said.count("not bit-exact") == 1
    assert "the start state is another one" in said
    assert "the data differ (other values)" in said
    again = it.replay(run.journal, trainer, trainer.init(seed=1), it.batches(x, y, batch_size=4))
    same(run, again)
    assert capsys.readouterr().err == ""


def test_verify_says_where_a_run_first_differs() -> None:
    trainer, (x, y) = line(optim.SGD(0.01))
    state = trainer.init(seed=1)
    plan = [it.at(700).adjust(lr=0.011)]
    run = trainer.start(state, (x, y), batch_size=4, epochs=500, plan=plan).wait(10)
    assert repr(it.verify(run.journal, trainer, state, (x, y))) == (
        "reproduces: 1000 steps, bit for bit"
    )
    text = run.journal.to_json_lines().replace('"value": 0.011}', '"value": 0.0111}')
    forged = it.Journal.from_json_lines(text)
    found = it.verify(forged, trainer, state, (x, y))
    assert not found
    assert (found.first, found.last) == (513, 768)
    assert found.recorded == run.history.loss[767] != found.replayed
    assert repr(found).startswith("differs first at the steps 513 to 768: the loss of step 768 was")
    forged.attach(lambda: run.history)
    found = it.verify(forged, trainer, state, (x, y))
    assert found.first == found.last
    assert found.first is not None
    assert 701 < found.first < 769
    row = found.first - 1
    assert found.recorded == run.history.loss[row] != found.replayed
    assert (run.history.loss[:row] == found.run.history.loss[:row]).all()


def test_a_loss_that_changed_behind_the_journal_is_found_out() -> None:
    _, (x, y) = line()
    factor = [1.0]

    def hidden(p: Any, t: Any) -> Any:
        return losses.mse(p, t) * factor[0]

    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=hidden)
    run = trainer.start(trainer.init(), (x, y), batch_size=4, epochs=2).wait(10)
    factor[0] = 0.5
    found = it.verify(run.journal, trainer, trainer.init(), (x, y))
    assert (found.reproduces, found.first) == (False, 1)
    other = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.huber)
    found = it.verify(run.journal, other, other.init(), (x, y))
    assert "the loss is another function (" in repr(found)
    assert "the recorded step is another one" in found.reasons


def test_skipped_steps_are_skipped_again() -> None:
    trainer, (x, y) = line()
    x = x.copy()
    x[5] = np.inf
    run = trainer.start(trainer.init(), (x, y), batch_size=1, epochs=4, on_nonfinite="skip")
    run.wait(10)
    assert len(run.history) == 28
    same(run, run.replay())
    assert it.verify(run.journal, trainer, trainer.init(), (x, y))


def test_a_run_that_was_stopped_and_extended_is_replayed_to_where_it_is() -> None:
    trainer = mixed()
    run = trainer.start(trainer.init(seed=3), (X, Y), batch_size=8, shuffle=7,
                        plan=[it.at(17).stop()]).wait(10)  # fmt: skip
    run.adjust(lr=0.05)
    run.extend(steps=9)
    run.wait(10)
    assert run.step == 26
    same(run, run.replay())
    run.extend(epochs=2)
    run.wait(10)
    same(run, it.replay(run.journal, trainer, trainer.init(seed=3), (X, Y)))


def test_a_fit_that_goes_on_from_a_used_state_is_replayed_from_there() -> None:
    trainer = mixed()
    half = trainer.fit(trainer.init(seed=3), (X, Y), batch_size=8, progress=False, shuffle=7,
                       plan=[it.at(5).stop()])  # fmt: skip
    assert half.position == (0, 40)
    run = trainer.start(half, (X, Y), batch_size=8, shuffle=7, epochs=2,
                        plan=[it.at(9).adjust(lr=0.1)]).wait(10)  # fmt: skip
    same(run, it.replay(run.journal, trainer, half, (X, Y)))
    same(run, run.replay())


def test_metrics_come_again_with_validation_data() -> None:
    trainer, data = line()
    options: Any = {"validation": data}
    run = trainer.start(trainer.init(), data, batch_size=4, epochs=3, **options).wait(10)
    again = it.replay(run.journal, trainer, trainer.init(), data, **options)
    for one in (again, run.replay()):
        steps, values = one.history.metrics["validation_loss"]
        assert steps.tolist() == [2, 4, 6]
        assert values.tolist() == run.history.metrics["validation_loss"][1].tolist()


def test_a_function_of_ones_own_is_replayed_here_and_has_to_be_given_to_a_file() -> None:
    def warm(step: int) -> float:
        return 0.1 / step

    trainer, data = line()
    plan = [it.at(2).adjust(lr=warm)]
    run = trainer.start(trainer.init(), data, batch_size=4, epochs=3, plan=plan).wait(10)
    same(run, run.replay())
    same(run, it.replay(run.journal, trainer, trainer.init(), data))
    read = it.Journal.from_json_lines(run.journal.to_json_lines())
    with pytest.raises(ValueError, match=r"a function has to be given again; got .*'warm'"):
        it.replay(read, trainer, trainer.init(), data)
    same(run, it.replay(read, trainer, trainer.init(), data, functions={"warm": warm}))


def test_data_that_pass_once_are_refused_with_what_to_use() -> None:
    trainer, (x, y) = line()
    once = ((x[i : i + 1], y[i : i + 1]) for i in range(8))
    run = trainer.start(trainer.init(), once, epochs=1).wait(10)
    with pytest.raises(ValueError, match=r"run.replay: data that can be passed again.*it.batches"):
        run.replay()
    with pytest.raises(ValueError, match=r"it.replay: data that can be passed again"):
        it.replay(run.journal, trainer, trainer.init(), iter([(x, y)]))


def test_what_is_no_journal_is_refused() -> None:
    trainer, data = line()
    run: Any = going(pace=None, epochs=1).wait(10)
    with pytest.raises(TypeError, match=r"the first argument is a journal.*run.journal"):
        it.replay(run, trainer, trainer.init(), data)


# as_code ------------------------------------------------------------------------------------


def executed(code: str, trainer: it.Trainer, data: Any, seed: int = 3) -> it.Run:
    names = {"trainer": trainer, "state": trainer.init(seed=seed), "data": data}
    exec(compile(code, "as_code", "exec"), names)
    run: Any = names["run"]
    return run.wait(30)  # type: ignore[no-any-return]


EVIL = "0)]; print('owned'); [(1"


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "adjust", "name": f"lr={EVIL}", "value": 0.1},
        {"kind": "adjust", "name": "lr", "value": {"function": EVIL}},
        {"kind": "adjust", "name": "lr", "value": {"schedule": f"linear({EVIL})"}},
        {"kind": "adjust", "name": "lr", "value": {"schedule": ["linear"]}},
        {"kind": "adjust", "name": "lr", "value": {"schedule": "linear", f"x={EVIL}": 1}},
        {"kind": "set_batch_size", "size": EVIL},
        {"kind": "freeze", "path": f"'{EVIL}"},
    ],
)
def test_as_code_of_a_foreign_journal_holds_no_code_of_the_file(command: dict[str, Any]) -> None:
    rows = [{"journal": 1}, {"step": 1, "kind": command["kind"], "command": command}]
    journal = it.Journal.from_json_lines("\n".join(map(json.dumps, rows)) + "\n")
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(journal.as_code()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "print" not in calls


def test_as_code_refuses_a_command_without_its_fields() -> None:
    rows = [{"journal": 1}, {"step": 1, "kind": "adjust", "command": {"kind": "adjust"}}]
    journal = it.Journal.from_json_lines("\n".join(map(json.dumps, rows)) + "\n")
    with pytest.raises(ValueError, match=r"journal.as_code: a command 'adjust' has a name"):
        journal.as_code()


def test_as_code_makes_the_same_run() -> None:
    trainer = mixed()
    run = steered(trainer)
    code = run.journal.as_code()
    same(run, executed(code, mixed(), (X, Y)))
    assert it.Journal.from_json_lines(run.journal.to_json_lines()).as_code() == code
    assert "epochs=10, batch_size=8, shuffle=7, clip_norm=1.0, name='steered'" in code
    again = executed(code, mixed(), (X, Y))
    same(run, executed(again.journal.as_code(), mixed(), (X, Y)))


def test_as_code_ends_where_the_run_was_stopped() -> None:
    trainer = mixed()
    run = trainer.start(trainer.init(seed=3), (X, Y), plan=[it.at(13).stop()]).wait(10)
    assert run.journal.as_code() == (
        "import interactive_train as it\n\n"
        "plan = [\n    it.at(13).stop(),\n]\n"
        "run = trainer.start(state, data, plan=plan)\n"
    )
    run.extend(steps=4)
    run.wait(10)
    same(run, executed(run.journal.as_code(), mixed(), (X, Y)))


def test_a_drag_is_a_line_for_every_value_that_a_step_used() -> None:
    run = steered(mixed())
    text = run.journal.as_code()
    assert [row.strip() for row in text.splitlines() if "it.at(" in row][:5] == [
        "it.at(5).adjust(lr=0.31),",
        "it.at(6).adjust(lr=0.123456789012),",
        "it.at(9).adjust(lr=0.3333333333333333),",
        "it.at(11).note('a drag'),",
        "it.at(20).undo(3),",
    ]
    assert "schedules.join([(10, schedules.warmup_linear(0.0, 0.1, 10)), (50, schedules." in text


def test_functions_of_ones_own_stand_in_the_code_by_name() -> None:
    def warm(step: int) -> float:
        return 0.1 / step

    trainer, data = line()
    joined = schedules.join([(3, warm), (9, schedules.constant(0.01))])
    plan = [it.at(1).adjust(lr=warm), it.at(3).adjust(lr=joined)]
    run = trainer.start(trainer.init(), data, batch_size=4, epochs=4, plan=plan).wait(10)
    code = run.journal.as_code()
    assert "it.at(1).adjust(lr=warm),\n" in code
    assert "lr=schedules.join(segments=((3, warm), (9, schedules.constant(0.01))))" in code
    names: dict[str, Any] = {
        "trainer": trainer, "state": trainer.init(), "data": data, "warm": warm,
    }  # fmt: skip
    exec(compile(code, "as_code", "exec"), names)
    same(run, names["run"].wait(10))


def test_an_array_in_the_code_keeps_its_bits() -> None:
    random = np.random.default_rng(0)
    for array in (random.normal(size=(3, 2)).astype(np.float32), random.normal(size=(20, 9)),
                  np.array([[np.nan, np.inf]]), np.zeros((0, 3), np.float32)):  # fmt: skip
        text = value_text(encode_value(array))
        again = eval(text, {"np": np, "base64": base64})
        assert (again.dtype, again.shape) == (array.dtype, array.shape)
        assert again.tobytes() == array.tobytes()


def test_equal_schedules_make_one_number_of_a_step_however_often_they_were_made() -> None:
    one = schedules.linear(0.1, 0.01, 30)
    runs = []
    makers: tuple[Any, ...] = (lambda: one, lambda: schedules.linear(0.1, 0.01, 30))
    for schedule in makers:
        model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
        trainer = it.Trainer(model, optim.SGD(0.1), loss=losses.cross_entropy_sparse)
        moves = [it.at(n).adjust(f"layers.{n // 4}", lr=schedule()) for n in (3, 5)]
        options: Any = {"batch_size": 8, "epochs": 2, "plan": moves}
        runs.append(trainer.start(trainer.init(seed=3), (X, Y), **options).wait(10))
    same(*runs)
    read = it.Journal.from_json_lines(runs[0].journal.to_json_lines())
    same(runs[0], it.replay(read, trainer, trainer.init(seed=3), (X, Y)))
