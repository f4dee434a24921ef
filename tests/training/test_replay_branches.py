"""Replays of runs that went back in time: what led to where a run stands is what is made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, optim
from interactive_train.training.records.commands import Adjust
from tests.training.common import line, until
from tests.training.test_replay import X, Y, executed, halted, mixed, same


def begun(**options: Any) -> it.Run:
    """Return a run that was steered for thirty steps and is paused."""
    options = {"batch_size": 8, "shuffle": 7, "epochs": 10} | options
    run = mixed().start(mixed().init(seed=3), (X, Y), plan=[it.at(0).pause()], **options)
    halted(run, 6)
    for step, value in ((8, 0.3), (9, 0.1), (12, 0.21)):
        run.submit(Adjust("lr", value), source="dashboard", gesture="drag")
        halted(run, step)
    run.note("dragged").wait(10)
    run.freeze("layers.0").wait(10)
    halted(run, 17)
    run.set_batch_size(12).wait(10)
    run.assign("layers.4.bias", np.array([0.5, -0.25, 0.125])).wait(10)
    halted(run, 23)
    run.undo().wait(10)
    run.adjust("layers.3", rate=0.1).wait(10)
    halted(run, 30)
    return run


def back(run: it.Run, step: int) -> None:
    run.rewind(step).wait(20)
    until(lambda: run.step == step and run.status == "paused")


def reproduced(run: it.Run, folder: Path) -> None:
    """Make a run again in every way that there is."""
    same(run, run.replay())
    read = it.Journal.from_json_lines(run.journal.to_json_lines())
    assert read.entries == run.journal.entries
    assert [one.command for one in read.line] == [one.command for one in run.journal.line]
    assert repr(it.verify(read, mixed(), mixed().init(seed=3), (X, Y))) == (
        f"reproduces: {run.step} steps, bit for bit"
    )
    same(run, it.replay(read, mixed(), mixed().init(seed=3), (X, Y)))
    same(run, executed(run.journal.as_code(), mixed(), (X, Y)))
    assert read.as_code() == run.journal.as_code()
    run.save(folder / "fit")
    saved = it.load_run(folder / "fit", mixed())
    assert saved.verify((X, Y))
    assert saved.journal.entries == run.journal.entries


def test_arrays_batch_sizes_and_undos_are_made_again(tmp_path: Path) -> None:
    run = begun()
    run.resume()
    run.wait(20)
    reproduced(run, tmp_path)


@pytest.mark.parametrize("step", [30, 24, 23, 17, 9, 7, 0])
def test_behind_a_rewind_only_what_is_left_is_made_again(step: int, tmp_path: Path) -> None:
    run = begun(journal=tmp_path / "fit.jsonl")
    back(run, step)
    run.adjust(lr=0.05).wait(10)
    halted(run, step + 5)
    run.freeze("layers.4").wait(10)
    halted(run, step + 9)
    run.stop()
    run.wait(10)
    reproduced(run, tmp_path)
    file = it.Journal.from_json_lines((tmp_path / "fit.jsonl").read_text(encoding="utf-8"))
    assert file.entries == run.journal.entries
    assert file.numbers == run.journal.numbers
    assert file.blocks == run.journal.blocks


def test_every_branch_is_made_again_when_it_is_current(tmp_path: Path) -> None:
    run = begun(journal=tmp_path / "fit.jsonl")
    run.snapshot("here").wait(10)
    run.branch("bold").wait(10)
    run.adjust(lr=0.5).wait(10)
    halted(run, 38)
    back(run, 20)
    run.release("lr").wait(10)
    run.undo().wait(10)
    run.adjust(momentum=0.5).wait(10)
    halted(run, 26)
    run.rewind("here").wait(20)
    run.adjust(lr=0.01).wait(10)
    halted(run, 35)
    names = [branch.name for branch in run.branches]
    assert len(names) == 4
    for name in (*names, names[0]):
        run.switch(name).wait(20)
        until(lambda: run.status == "paused")
        again = run.replay()
        same(run, again)
        file = it.Journal.from_json_lines((tmp_path / "fit.jsonl").read_text(encoding="utf-8"))
        assert file.entries == run.journal.entries
        assert file.numbers == run.journal.numbers
    run.stop()
    run.wait(10)
    reproduced(run, tmp_path)


def test_the_file_of_a_long_run_holds_the_curve_of_the_branch_where_it_stands(
    tmp_path: Path,
) -> None:
    file = tmp_path / "fit.jsonl"
    trainer, data = line(optim.SGD(0.01))
    run = trainer.start(
        trainer.init(seed=1), data, batch_size=4, journal=file, plan=[it.at(1100).pause()]
    )
    until(lambda: run.status == "paused")
    for step, lr, end in ((530, 0.02, 900), (200, 0.03, 1200)):
        back(run, step)
        run.adjust(lr=lr).wait(10)
        halted(run, end)
    for name in ("main", "branch 1", "branch 2"):
        run.switch(name).wait(10)
        run.note("here").wait(10)
        read = it.Journal.from_json_lines(file.read_text(encoding="utf-8"))
        whole = len(run.history) // 256
        assert read.blocks == run.journal.blocks[:whole]
    run.stop()
    run.wait(10)
    read = it.Journal.from_json_lines(file.read_text(encoding="utf-8"))
    assert read.blocks == run.journal.blocks
    assert it.verify(read, trainer, trainer.init(seed=1), data)


def test_a_rescue_is_made_again(tmp_path: Path) -> None:
    trainer, data = line(optim.SGD(0.1))
    run = trainer.start(
        trainer.init(seed=1), data, batch_size=4, epochs=50, plan=[it.at(9).pause()]
    )
    until(lambda: run.status == "paused")
    run.adjust(lr=1e3).wait(10)
    run.resume().wait(10)
    until(lambda: run.status == "paused")
    assert "must be finite" in run.view().message
    run.rescue().wait(20)
    run.wait(20)
    assert run.step == 100
    assert np.isfinite(run.history.loss).all()
    same(run, run.replay())
    read = it.Journal.from_json_lines(run.journal.to_json_lines())
    same(run, it.replay(read, trainer, trainer.init(seed=1), data))
    same(run, executed(run.journal.as_code(), trainer, data, seed=1))
    run.save(tmp_path / "fit")
    assert it.load_run(tmp_path / "fit", trainer).verify(data)


def test_a_plan_assigns_and_sets_batch_sizes() -> None:
    plan = [it.at(4).set_batch_size(16).assign("layers.4.bias", [1, 2, 3]).snapshot("kept")]
    run = mixed().start(mixed().init(seed=3), (X, Y), batch_size=8, epochs=2, plan=plan).wait(10)
    assert [s.name for s in run.view().snapshots if s.name] == ["kept"]
    same(run, run.replay())
    with pytest.raises(ValueError, match=r'plan=, it.at\(1\).*Did you mean "layers.4.bias"'):
        mixed().fit(mixed().init(), (X, Y), plan=[it.at(1).assign("layers.4.bia", [1, 2, 3])])
    with pytest.raises(ValueError, match=r"has shape \(3,\)"):
        mixed().fit(mixed().init(), (X, Y), plan=[it.at(1).assign("layers.4.bias", [1.0])])


def test_what_a_plan_changes_is_due_again_behind_a_rewind_and_what_it_keeps_is_not() -> None:
    plan = [
        it.at(3).note("once").snapshot("kept").adjust(lr=0.05),
        it.at(6).adjust(lr=0.02).pause(),
    ]
    run = mixed().start(mixed().init(seed=3), (X, Y), batch_size=8, epochs=1, plan=plan)
    until(lambda: run.status == "paused")
    lrs = run.history.lr[2:].tolist()
    back(run, 2)
    run.run_until(step=6).wait(10)
    until(lambda: run.step == 6 and run.status == "paused")
    assert run.history.lr[2:].tolist() == lrs
    run.resume()
    assert run.wait(10).status == "finished"
    kinds = [(e.kind, e.step) for e in run.journal if e.source == "plan"]
    assert kinds == [("note", 3), ("snapshot", 3), ("adjust", 3), ("adjust", 6), ("pause", 6),
                     ("adjust", 3), ("adjust", 6)]  # fmt: skip
    same(run, run.replay())


def test_a_loss_of_ones_own_that_gives_up_recording_is_made_again() -> None:
    turn = [0]

    def loss(p: Any, y: Any) -> Any:
        turn[0] += 1
        return losses.cross_entropy_sparse(p, y) * (1.0 if float(p.numpy().sum()) < 1e9 else 2.0)

    model = mixed().model
    trainer = it.Trainer(model, optim.Adam(0.01), loss=loss)
    run = trainer.start(trainer.init(seed=1), (X, Y), batch_size=8, epochs=2).wait(20)
    same(run, run.replay())
