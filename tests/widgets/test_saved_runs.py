"""Runs from a file in a dashboard: as they were, and beside runs that go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import interactive_train as it
import interactive_train_widgets as widgets
from interactive_train import losses, metrics, nn, optim, schedules
from interactive_train_widgets.describe import describe
from interactive_train_widgets.frames import Composer
from tests.widgets.test_frames import arrays, curve

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = X[:, :3].argmax(axis=1).astype(np.int64)


def ended() -> it.Run:
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 3))
    rule = optim.AdamW(schedules.linear(0.1, 0.01, 90), weight_decay=schedules.linear(0, 1, 150))
    trainer = it.Trainer(model, rule, loss=losses.cross_entropy_sparse)
    return trainer.start(
        trainer.init(0), (X, Y), batch_size=20, epochs=30, validation=(X, Y),
        metrics={"matrix": metrics.confusion_matrix},
        plan=[it.at(20).adjust(lr=it.scale(0.5)), it.at(30).adjust("layers.1", rate=0.5)],
    ).wait(10)  # fmt: skip


def test_a_run_from_a_file_is_shown_as_it_was(tmp_path: Path) -> None:
    run = ended()
    run.save(tmp_path / "fit")
    saved = it.load_run(tmp_path / "fit")
    live, kept = describe(run.view()), describe(saved.view())
    for part in ("knobs", "groups", "journal", "metrics"):
        assert kept[part] == live[part], part
    heads = [Composer([one], False).frame(one.view(), 300) for one in (run, saved)]
    drawn = [{(c["kind"], c["name"]) for c in head["curves"]} for head, _ in heads]
    assert drawn[0] == drawn[1]
    assert {("loss", ""), ("past", "weight_decay")} <= drawn[0]
    for kind, name in drawn[0] - {("plan", n) for _, n in drawn[0]}:
        found = [arrays(curve(head, kind, name), buffers) for head, buffers in heads]
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, rtol=0.02, err_msg=name)


def test_it_is_drawn_beside_one_that_goes_on_and_takes_no_commands(tmp_path: Path) -> None:
    run = ended()
    run.save(tmp_path / "fit")
    saved = it.load_run(tmp_path / "fit")
    head, _ = Composer([run, saved], False).frame(run.view(), 200)
    sizes = [curve(head, "loss", run=number)["size"] for number in (0, 1)]
    assert sizes[0] == sizes[1] > 0
    board = widgets.Dashboard(saved)
    assert board.status == "finished"
    board.close()
    assert widgets.display_run(saved) is not None
    with pytest.raises(ValueError, match=r"trainer.start"):
        saved.submit(it.training.records.commands.Pause()).wait(1)
