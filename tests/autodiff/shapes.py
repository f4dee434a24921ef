"""Hypothesis strategies: arrays of few, small and odd shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

DTYPES = [np.float32, np.float64]


def arrays(
    shape: Any = None, low: float = -3.0, high: float = 3.0, dtype: Any = np.float64
) -> st.SearchStrategy[NDArray[Any]]:
    """Arrays of up to three axes with extents 0 ... 4, spread over [low, high]."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)

    def filled(given: tuple[int, ...], seed: int) -> NDArray[Any]:
        draw = np.random.default_rng(seed)
        return np.asarray(draw.uniform(low, high, given), dtype=dtype)

    chosen = shapes if shape is None else st.just(shape)
    return st.builds(filled, chosen, st.integers(0, 2**16))


def broadcastable(count: int) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    """Shapes that broadcast together, with extents of 0 and 1 among them."""
    return hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=4, min_side=0, max_side=4
    ).map(lambda found: found.input_shapes)
