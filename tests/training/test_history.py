"""History: rows recorded one by one and many at a time are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.training.history import COLUMNS, History


@given(st.lists(st.integers(0, 700), max_size=5), st.booleans(), st.booleans())
def test_extending_equals_appending(counts: list[int], one_epoch: bool, one_rate: bool) -> None:
    rng = np.random.default_rng(0)
    single, bulk = History(), History()
    step = 1
    for chunk, count in enumerate(counts):
        loss, rate, norm = rng.random((3, count))
        epoch = np.full(count, chunk + 1) if one_epoch else rng.integers(1, 9, count)
        rate = np.full(count, 0.1) if one_rate else rate
        for i in range(count):
            single.append(step + i, int(epoch[i]), loss[i], rate[i], norm[i])
        bulk.extend(step, chunk + 1 if one_epoch else epoch, loss, 0.1 if one_rate else rate, norm)
        step += count
    assert len(single) == len(bulk) == step - 1
    for name in COLUMNS:
        assert single.column(name).dtype == bulk.column(name).dtype
        np.testing.assert_array_equal(single.column(name), bulk.column(name))


def test_what_was_handed_out_stays() -> None:
    history = History()
    history.extend(1, 1, np.arange(250.0), 0.1, np.ones(250))
    seen = history.loss
    history.extend(251, 2, -np.ones(1000), 0.1, np.ones(1000))
    np.testing.assert_array_equal(seen, np.arange(250.0))
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1.0
    assert history.last("loss") == -1.0
