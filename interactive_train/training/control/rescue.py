"""Rescue: which step a run goes back to when its loss went wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONGEST = 50  # steps of a window, and of the distance that is kept


def before_trouble(steps: NDArray[np.int64], losses: NDArray[np.float64], first: int) -> int:
    """Return the newest step from which the loss was still in its normal range.

    The normal range ends at the largest loss of the best window, the one whose largest is smallest.
    The step is a window's length in front of the last one in that range, since a loss is measured
    before the update of its step, and an update can be too large while losses do not tell yet.

    Parameters
    ----------
    steps, losses : ndarray
        Of every recorded step.
    first : int
        The first step that can be gone back to.

    Examples
    --------
    >>> losses = np.r_[np.linspace(2, 1, 100), 1.5, 4.0, 90.0, 1e9]
    >>> before_trouble(np.arange(1, 105), losses, 0)
    89
    """
    if not len(losses):
        return first
    window = int(np.clip(len(losses) // 10, 1, LONGEST))
    whole = len(losses) // window * window
    windows = losses[len(losses) - whole :].reshape(-1, window)
    last = int(np.flatnonzero(losses <= windows.max(axis=1).min())[-1])
    return max(first, int(steps[last]) - 1 - window)
