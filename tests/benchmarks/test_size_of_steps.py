"""What a step costs, counted: calls, meeting points and bytes do not depend on the machine's mood.

A time would be noise here. A pass that stops to fuse, a copy that creeps in or a phase too many
shows in these numbers; whoever makes a step smaller lowers them.
"""

from __future__ import annotations

from typing import Any

import pytest

import interactive_train as it
from benchmarks.peers.ours_models import trainer_of
from benchmarks.workloads import WORKLOADS
from interactive_train.training.recorded.engine import Engine
from interactive_train.training.step.objective import of_predictions
from interactive_train.training.step.stepper import Stepper

# Calls in one shard, calls in two, phases of two, megabytes of the arena in two.
MOST: dict[str, tuple[int, int, int, float]] = {
    "tiny": (27, 47, 5, 0.1),
    "mnist": (27, 51, 6, 1.8),
    "wide": (27, 54, 13, 14.6),
    "cnn": (31, 59, 6, 10.0),
    "lstm": (29, 62, 9, 16.0),
    "gpt": (169, 330, 6, 34.8),
    "mlp_odd": (27, 51, 6, 0.2),
    "resnet_bn": (113, 211, 42, 8.8),
    "gru_dropout": (37, 78, 9, 4.9),
}


def prepared(name: str, shards: int) -> Any:
    """Return the table of a workload, made as a fit makes it."""
    workload = WORKLOADS[name]
    x, y = workload.arrays()
    trainer = trainer_of(workload)
    stepper = Stepper(trainer.init(seed=0), clip_norm=workload.clip)
    engine = Engine(stepper, threads=1, shards=shards)
    rows = it.batches(x, y, batch_size=workload.batch).rows()
    return engine.prepare(of_predictions(trainer.loss, "fit"), None, rows, 1)[0].lowered


@pytest.mark.parametrize("name", MOST)
def test_a_step_has_no_more_calls_phases_and_bytes_than_it_had(name: str) -> None:
    calls, calls_in_two, phases, megabytes = MOST[name]
    one, two = prepared(name, 1), prepared(name, 2)
    assert len(one.table.instructions) <= calls
    assert len(two.table.instructions) <= calls_in_two
    assert two.sharded.phases <= phases
    assert two.nbytes <= megabytes * 1e6


def test_every_workload_is_counted() -> None:
    assert MOST.keys() == WORKLOADS.keys()
