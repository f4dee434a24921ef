"""A division of rows that would leave its table cannot be made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.machine.sharded import Schedule

WRONG: dict[str, tuple[Any, int, str]] = {
    "shape": (np.zeros((2, 2)), 0, r"Schedule: spans have the shape .*; got \(2, 2\)\."),
    "backwards": ([[[0, 1], [3, 2]]], 0, r"got \[3, 2\] for phase 0, shard 1"),
    "negative": ([[[-1, 1]]], 0, "a first row and the one after the last; got"),
    "guard": ([[[0, 1]]], 2, r"guard lies in 0 \.\.\. 1; got 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_schedule_refuses(case: str) -> None:
    spans, guard, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        Schedule(np.array(spans, np.int64), guard)


def test_a_schedule_cannot_be_changed_behind_the_executors_back() -> None:
    spans = np.array([[[0, 1]]])
    schedule = Schedule(spans, 1)
    spans[:] = 99
    assert schedule.words.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        schedule.words[0] = 7
