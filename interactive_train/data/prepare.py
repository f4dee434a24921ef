"""Arrays to batches, as stages: what `batches`, `Data.prepare` and `as_data` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interactive_train.data.sources import ArraySource
from interactive_train.data.stage import Stage
from interactive_train.data.transforms import Batch, Shuffle
from interactive_train.runtime.key import Key


def prepared(
    arrays: Sequence[Any], where: str, batch_size: object, shuffle: int | None, drop_last: object
) -> Stage:
    """Return the stage that gathers batches of rows, shuffled unless `shuffle` is None."""
    stage: Stage = ArraySource(arrays, where)
    if shuffle is not None:
        Key.from_seed(shuffle, f"{where}, shuffle=")
        stage = Shuffle(stage, shuffle)
    return Batch(stage, batch_size, drop_last, None, where, "batch_size")
