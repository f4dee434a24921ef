"""What a front end is told of time: branches without empty ones, rows that still stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.test_rewind import forward, kept_going


def test_a_branch_takes_the_place_of_one_that_going_back_began_and_rows_know_where_they_led() -> (
    None
):
    run, _ = kept_going()
    forward(run, 10)
    run.adjust(lr=0.02).wait(10)
    run.snapshot("here").wait(10)
    forward(run, 10)
    assert run.view().standing is None  # every row
    run.adjust(lr=0.03).wait(10)
    forward(run, 2)
    run.rewind("here").wait(10)
    run.branch("calm").wait(10)
    assert [b.name for b in run.branches] == ["main", "calm"]
    run.adjust(lr=0.001).wait(10)
    standing = run.view().standing
    assert standing is not None
    led = {e.new for e in run.journal if e.kind == "adjust" and e.sequence in standing}
    assert led == {"0.02", "0.001"}


def test_a_branch_tells_what_was_evaluated_on_it_and_gives_its_values(tmp_path: Path) -> None:
    trainer = it.Trainer(nn.Linear(2, 1), optim.SGD(0.1), loss=losses.mse)
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    data = (x, x.sum(axis=1, keepdims=True))
    options: dict[str, Any] = {"batch_size": 10, "epochs": 5, "validation": data, "pace": 1000}
    run = trainer.start(trainer.init(seed=0), data, **options)
    run.wait()
    before = run.history.metrics["validation_loss"]
    run.rewind(2).wait(10)
    run.adjust(lr=0.01).wait(10)
    run.save(tmp_path / "fit.safetensors")
    for source in (run, it.load_run(tmp_path / "fit.safetensors")):
        main, tail = source.branches
        assert (main.metrics, tail.metrics) == (("validation_loss",), ())
        steps, values = source.series("validation_loss", 1, "main")
        np.testing.assert_array_equal(steps, [8, 12, 16, 20])
        np.testing.assert_array_equal(values, before[1][1:])
