"""Run files: all of a run comes back to the bit, can be shown, gone on with and replayed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, metrics, nn, optim, schedules
from interactive_train.runtime.tensors import read_tensors, write_tensors
from interactive_train.training.records.commands import Adjust
from interactive_train.training.records.history import COLUMNS
from interactive_train.training.run import autosave
from tests.training.common import all_bits, going, line, until
from tests.training.test_replay import X, Y, halted, mixed, same, steered

RULES: dict[str, Any] = {
    "sgd": optim.SGD(schedules.linear(0.1, 0.01, 40), momentum=0.9),
    "adam": optim.Adam(0.01),
    "chain": optim.Chain(optim.ClipGlobalNorm(0.5), optim.AdamW(0.02)),
    "accumulating": optim.Chain(optim.AccumGrad(3), optim.Adam(0.01)),
    "rprop": optim.Rprop(),
}


def saved_and_loaded(run: it.Run, folder: Path, trainer: Any = None) -> it.SavedRun:
    run.save(folder / "fit.safetensors")
    return it.load_run(folder / "fit.safetensors", trainer)


def test_everything_comes_back(tmp_path: Path) -> None:
    trainer = mixed()
    run = steered(trainer, validation=(X, Y), metrics={
        "accuracy": metrics.accuracy, "matrix": metrics.confusion_matrix})  # fmt: skip
    saved = saved_and_loaded(run, tmp_path, mixed())
    assert (saved.name, saved.status, saved.step) == (run.name, "finished", run.step)
    for name in COLUMNS:
        assert saved.history.column(name).tobytes() == run.history.column(name).tobytes()
    for name, (steps, values) in run.history.metrics.items():
        assert saved.history.metrics[name][0].tolist() == steps.tolist()
        assert saved.history.metrics[name][1].tobytes() == values.tobytes()
    for name, (step, array) in run.history.arrays.items():
        assert saved.history.arrays[name][0] == step
        assert saved.history.arrays[name][1].tolist() == array.tolist()
    assert saved.journal.entries == run.journal.entries
    assert saved.journal.to_json_lines() == run.journal.to_json_lines()
    assert all_bits(saved.state) == all_bits(run.state)
    assert all_bits(saved.first_state) == all_bits(trainer.init(seed=3))
    assert {k: v.tobytes() for k, v in saved.arrays.items()} == all_bits(run.state)[0]


@pytest.mark.parametrize("name", RULES)
def test_a_loaded_state_goes_on_as_the_run_would(name: str, tmp_path: Path) -> None:
    def trainer() -> it.Trainer:
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm(8), nn.Dropout(0.2), nn.Linear(8, 3))
        return it.Trainer(model, RULES[name], loss=losses.cross_entropy_sparse)

    options: Any = {"batch_size": 8, "shuffle": 7}
    run = trainer().start(trainer().init(seed=3), (X, Y), **options, plan=[
        it.at(9).adjust(lr=it.scale(0.5)).freeze("layers.0.bias"),
        it.at(12).adjust("layers.2", rate=0.1), it.at(17).stop()]).wait(10)  # fmt: skip
    saved = saved_and_loaded(run, tmp_path, trainer())
    assert all_bits(saved.state) == all_bits(run.state)
    ends = [
        trainer().fit(state, (X, Y), **options, epochs=2, progress=False)
        for state in (run.state, saved.state)
    ]
    assert all_bits(ends[0]) == all_bits(ends[1])


def test_a_float64_state_and_a_function_as_schedule_come_back(tmp_path: Path) -> None:
    def warm(step: int) -> float:
        return 0.1 / step

    trainer = it.Trainer(nn.Linear(4, 3), optim.SGD(warm), loss=losses.cross_entropy_sparse)
    state = trainer.init(seed=1, dtype=np.float64)
    run = trainer.start(state, (X.astype(np.float64), Y), epochs=2).wait(10)
    saved = saved_and_loaded(run, tmp_path, trainer)
    assert all_bits(saved.state) == all_bits(run.state)
    assert saved.state.controls["lr"].base is warm


def test_a_saved_run_is_replayed_and_verified_from_its_own_first_state(tmp_path: Path) -> None:
    run = steered(mixed())
    saved = saved_and_loaded(run, tmp_path, mixed())
    same(run, saved.replay((X, Y)))
    assert repr(saved.verify((X, Y))) == f"reproduces: {run.step} steps, bit for bit"
    found = saved.verify((X[::-1], Y))
    assert (found.first, found.last, found.recorded) == (1, 1, run.history.loss[0])


def test_without_a_trainer_it_can_be_looked_at(tmp_path: Path) -> None:
    run = steered(mixed(), validation=(X, Y))
    saved = saved_and_loaded(run, tmp_path)
    view, live = saved.view(), run.view()
    for name in ("name", "status", "step", "first_step", "last_step", "epoch", "loss", "knobs",
                 "groups", "journal", "labels", "steps_per_epoch", "elapsed"):  # fmt: skip
        assert getattr(view, name) == getattr(live, name), name
    assert [m.name for m in view.metrics] == [m.name for m in live.metrics]
    assert saved.series("loss", 5)[1].tolist() == run.series("loss", 5)[1].tolist()
    steps = [1, 5, 6, 60, run.step, run.step + 50]
    assert saved.course("lr", steps)[:5].tolist() == run.course("lr", steps)[:5].tolist()
    with pytest.raises(ValueError, match=r"saved.state: the trainer.*it.load_run\(path, trainer\)"):
        _ = saved.state
    with pytest.raises(ValueError, match=r"saved.replay: the trainer"):
        saved.replay((X, Y))
    ticket = saved.submit(Adjust("lr", 0.1))
    assert "trainer.start(saved.state, data) goes on with it" in str(ticket.error)
    assert repr(saved).startswith("SavedRun('steered', finished, step 110, loss ")


def branched() -> it.Run:
    """A run of three branches, the middle one current, with an intervention on each."""
    run = mixed().start(mixed().init(seed=3), (X, Y), batch_size=8, shuffle=7, epochs=20,
                        validation=(X, Y), plan=[it.at(0).pause()])  # fmt: skip
    halted(run, 3)
    for rate, back, end in ((0.05, None, 30), (0.02, 12, 40), (0.3, 20, 25)):
        if back is not None:
            run.rewind(back).wait(10)
        run.adjust(lr=rate).wait(10)
        run.note(f"with {rate}").wait(10)
        halted(run, end)
    run.switch("branch 1").wait(10)
    return run


def test_branches_come_back_with_their_courses_and_can_be_replayed(tmp_path: Path) -> None:
    run = branched()
    saved = saved_and_loaded(run, tmp_path, mixed())
    assert saved.branches == saved.view().branches == run.branches
    assert [b.name for b in saved.branches] == ["main", "branch 1", "branch 2"]
    assert (saved.status, saved.view().message) == ("stopped", "")  # it was paused
    assert saved.view().standing == run.view().standing
    for branch in run.branches:
        for name in ("loss", "gradient_norm"):
            for mine, own in zip(
                saved.series(name, 3, branch.name), run.series(name, 3, branch.name), strict=True
            ):
                assert mine.tobytes() == own.tobytes()
    assert all_bits(saved.state) == all_bits(run.state)
    for branch in run.branches:
        run.switch(branch.name).wait(10)
        other = saved.switch(branch.name)
        assert other.step == run.step
        known = len(saved.journal)
        assert other.journal.entries == run.journal.entries[:known]
        told = [
            [one.command for one in journal.line if one.kind != "switch"]
            for journal in (other.journal, run.journal)
        ]
        assert told[0] == told[1]
        assert {n: v[1].tobytes() for n, v in other.history.metrics.items()} == {
            n: v[1].tobytes() for n, v in run.history.metrics.items()
        }
        assert other.verify((X, Y))
        assert all_bits(other.replay((X, Y)).state) == all_bits(run.state)
        assert other.switch("branch 1") is saved
        assert [b.name for b in other.branches if b.current] == [branch.name]
    with pytest.raises(ValueError, match=r"saved.state: the branch that was current.*replay"):
        _ = saved.switch("main").state
    with pytest.raises(ValueError, match=r"saved.switch: a branch; got 'branch 3'. Did you mean"):
        saved.switch("branch 3")
    with pytest.raises(
        ValueError, match=r"saved.series: a branch; got 'mian'. Did you mean \"main"
    ):
        saved.series("loss", branch="mian")


def test_what_branches_have_in_common_is_written_once(tmp_path: Path) -> None:
    run = branched()
    run.save(tmp_path / "fit")
    arrays, _ = read_tensors(tmp_path / "fit")
    lengths = {name: len(a) for name, a in arrays.items() if name.endswith("history/loss")}
    assert lengths == {"history/loss": 40, "branch/0/history/loss": 18, "branch/2/history/loss": 5}


def test_a_run_can_be_saved_while_it_goes_on(tmp_path: Path) -> None:
    run = going(pace=None)
    for _ in range(5):
        saved = saved_and_loaded(run, tmp_path, line()[0])
        assert saved.status == "stopped"
        assert saved.state.step == saved.step == saved.history.step[-1] == saved.journal.last_step
    run.stop()
    run.wait(10)
    assert run.history.loss[: saved.step].tolist() == saved.history.loss.tolist()
    assert saved.verify(line()[1])


def test_skipped_steps_leave_the_same_gaps(tmp_path: Path) -> None:
    trainer, (x, y) = line()
    x = x.copy()
    x[5] = np.inf
    run = trainer.start(trainer.init(), (x, y), batch_size=1, epochs=4, on_nonfinite="skip")
    run.wait(10)
    saved = saved_and_loaded(run, tmp_path)
    assert saved.history.step.tolist() == run.history.step.tolist()
    assert len(saved.history) == 28


def test_another_trainer_is_refused_by_what_differs(tmp_path: Path) -> None:
    run = going(pace=None, epochs=1).wait(10)
    run.save(tmp_path / "fit")

    def state(model: Any, rule: Any) -> it.TrainState:
        return it.load_run(tmp_path / "fit", it.Trainer(model, rule, loss=losses.mse)).state

    with pytest.raises(KeyError, match=r"a path of the model; got layers.0"):
        state(nn.Linear(1, 1), optim.SGD(0.1))
    with pytest.raises(ValueError, match=r"'layers.0.\w+' has shape"):
        state(nn.Sequential(nn.Linear(1, 2)), optim.SGD(0.1))
    with pytest.raises(ValueError, match="every array of the trainer's model"):
        state(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), optim.SGD(0.1))
    with pytest.raises(ValueError, match=r"the trainer's rule at 'layers.0.weight', Adam"):
        state(nn.Sequential(nn.Linear(1, 1)), optim.Adam(0.1))


def test_what_is_no_run_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "fit.safetensors"
    run = going(pace=None, epochs=1).wait(10)
    run.save(file)
    arrays, texts = read_tensors(file)

    def refused(match: str, arrays: Any = arrays, **changes: str) -> None:
        write_tensors(tmp_path / "other", arrays, texts | changes)
        with pytest.raises(ValueError, match=match):
            it.load_run(tmp_path / "other")

    refused(r"a run file of version 1; got 'interactive-train run' 2", version="2")
    refused(r"a run file of version 1; got 'weights'", format="weights")
    refused("the parts of a run", run="{}")
    refused("the parts of a run", run="[" * 100000)
    refused("the parts of a run", journal="{}")
    refused("the parts of a run", {k: v for k, v in arrays.items() if k != "history/lr"})
    refused("columns of different lengths", arrays | {"history/lr": np.ones(7)})
    rest = json.loads(texts["run"])
    for key in rest.keys() - {"branches"}:  # files of before had none
        refused("the parts of a run", run=json.dumps({k: v for k, v in rest.items() if k != key}))
    whole = {"name": "b", "parent": "main", "fork_step": 1, "last_step": 2}
    for branch in (
        *({"name": "b"}, whole | {"name": 3}, whole | {"last_step": 2.5}, whole | {"shared": 1}),
        *(whole | {"shared": 3}, whole | {"shared": 1, "line": [[0, 9]], "undone": []}),
    ):
        refused("the parts of a run", run=json.dumps(rest | {"branches": [branch]}))
    content = file.read_bytes()
    file.write_bytes(content[:-5])
    with pytest.raises(ValueError, match="cut off"):
        it.load_run(file)
    with pytest.raises(FileNotFoundError):
        it.load_run(tmp_path / "missing")


# Autosave -----------------------------------------------------------------------------------


def test_autosave_keeps_a_file_while_the_run_goes_on_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "SECONDS", 0.01)
    monkeypatch.setattr(autosave, "SHARE", 1.0)
    run = going(pace=None, autosave=tmp_path / "runs", name="a/b: c")
    until(lambda: any((tmp_path / "runs").glob("*.safetensors")))
    (file,) = (tmp_path / "runs").glob("*.safetensors")
    assert file.name.startswith("a-b-c-2")
    assert it.load_run(file).status == "stopped"
    run.stop()
    run.wait(10)
    assert it.load_run(file).step == run.step
    run.extend(steps=5)
    run.wait(10)
    assert it.load_run(file, line()[0]).state.step == run.step
    assert not [t for t in threading.enumerate() if t.name.startswith("save ")]
    again = going(pace=None, autosave=tmp_path / "runs", name="a/b: c", epochs=1).wait(10)
    assert len(list((tmp_path / "runs").glob("*.safetensors"))) == 2
    assert it.load_run(file).step == run.step != again.step


def test_autosave_waits_a_hundred_times_as_long_as_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Over(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return len(waits) > 2

    run = going(pace=None, epochs=1).wait(10)
    keeper = autosave.Autosave(tmp_path, run)
    monkeypatch.setattr(run, "save", lambda path: time.sleep(0.02))
    monkeypatch.setattr(autosave, "SECONDS", 0.5)
    keeper._work(Over())
    assert waits[0] == 0.5
    assert all(2.0 <= wait < 20 for wait in waits[1:])


def test_a_disk_that_is_full_does_not_end_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interactive_train.training.run.runfile.write_tensors", full)
    run = going(pace=None, epochs=2, autosave=tmp_path).wait(10)
    assert run.status == "finished"
    assert capsys.readouterr().err.count("cannot be written: [Errno 28]") == 1
