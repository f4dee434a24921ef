"""Digest of a loss curve: a hash for every 256 steps, small enough to stand in a journal.

With it a replay says where it first differs, without the curve itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interactive_train.training.records.history import History

BLOCK = 256  # steps


@dataclass(frozen=True, slots=True)
class Block:
    """Some steps of a loss curve.

    Attributes
    ----------
    first, last : int
        The numbers of its first and last step.
    digest : str
        Of the bytes of its step numbers and losses.
    loss : float
        Of its last step.
    """

    first: int
    last: int
    digest: str
    loss: float


def blocks_of(history: History, start: int = 0) -> tuple[Block, ...]:
    """Return the digest of a history from the start-th row on, a block for every 256 rows.

    A history so long that old rows were left out has none.

    Examples
    --------
    >>> history = History()
    >>> history.extend(1, 1, np.ones(300), 0.1, np.ones(300))
    >>> [(block.first, block.last) for block in blocks_of(history)]
    [(1, 256), (257, 300)]
    """
    if getattr(history, "thinnings", 0):
        return ()
    loss = history.column("loss", start)
    steps = history.column("step", start)[: len(loss)]
    loss = loss[: len(steps)]
    return tuple(
        block(steps[row : row + BLOCK], loss[row : row + BLOCK])
        for row in range(0, len(steps), BLOCK)
    )


def block(steps: NDArray[np.int64], loss: NDArray[np.float64]) -> Block:
    """Return the digest of some steps."""
    digest = hashlib.blake2b(steps.astype("<i8").tobytes(), digest_size=8)
    digest.update(loss.astype("<f8").tobytes())
    return Block(int(steps[0]), int(steps[-1]), digest.hexdigest(), float(loss[-1]))
