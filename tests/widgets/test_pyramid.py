"""The decimated curve equals what brute force finds in the raw points, spikes and gaps included."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from interactive_train_widgets.pyramid import MAX_COLUMNS, RAW_POINTS, Pyramid, finite_rows


def brute(values: NDArray[np.float64], size: int) -> list[NDArray[np.float64]]:
    finite = np.where(np.isfinite(values), values, np.nan)
    parts = [finite[i : i + size] for i in range(0, len(finite), size)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-NaN buckets
        return [np.array([f(p) for p in parts]) for f in (np.nanmin, np.nanmax, np.nanmean)]


def check(values: NDArray[np.float64], pieces: list[int], limit: int) -> None:
    pyramid, at = Pyramid(), 0
    steps = np.arange(1, len(values) + 1)
    for piece in pieces:
        pyramid.append(steps[at : at + piece], values[at : at + piece])
        at += piece
    pyramid.append(steps[at:], values[at:])
    columns = pyramid.columns(limit)
    assert len(columns.first) <= max(2, limit)
    assert columns.total == len(values)
    np.testing.assert_array_equal(columns.first, steps[:: columns.size])
    low, high, mean = brute(values, columns.size)
    np.testing.assert_array_equal(columns.low, low)
    np.testing.assert_array_equal(columns.high, high)
    np.testing.assert_allclose(columns.mean, mean, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3000),
    st.lists(st.integers(1, 400), max_size=12),
    st.integers(2, 300),
    st.integers(0, 2**32 - 1),
)
def test_any_length_in_any_pieces_equals_brute_force(
    count: int, pieces: list[int], limit: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    values[rng.random(count) < 0.1] = np.nan
    values[rng.random(count) < 0.01] = np.inf
    check(values, pieces, limit)


@pytest.mark.parametrize("count", [RAW_POINTS - 1, 2 * RAW_POINTS + 1, 200_003])
@pytest.mark.parametrize("limit", [2, 700, MAX_COLUMNS])
def test_long_curves_equal_brute_force_after_raw_points_are_dropped(count: int, limit: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    check(values, [977] * (count // 977), limit)


def test_a_single_spike_among_a_million_points_survives() -> None:
    values = np.ones(1_000_000)
    values[654_321] = 1e6
    values[123_456] = -5.0
    pyramid = Pyramid()
    pyramid.append(np.arange(values.size), values)
    columns = pyramid.columns(600)
    assert columns.high.max() == 1e6
    assert columns.low.min() == -5.0


def test_an_empty_curve_has_no_columns() -> None:
    columns = Pyramid().columns(600)
    assert (len(columns.first), columns.total) == (0, 0)
    assert np.isnan(columns.last)


def test_a_curve_of_nan_is_a_gap_without_a_warning() -> None:
    pyramid = Pyramid()
    pyramid.append(np.arange(1000), np.full(1000, np.nan))
    assert np.isnan(pyramid.columns(100).mean).all()


def test_a_picture_of_a_million_points_costs_like_one_of_ten_thousand() -> None:
    def cost(count: int) -> float:
        pyramid = Pyramid()
        pyramid.append(np.arange(count), np.ones(count))
        best = np.inf
        for _ in range(20):
            start = time.thread_time()
            pyramid.append(np.arange(100), np.ones(100))
            pyramid.columns(700)
            best = min(best, time.thread_time() - start)
        return best

    assert cost(1_000_000) < 20 * cost(10_000) + 1e-3


def windowed(count: int, low: float, high: float, limit: int, every: int = 1) -> None:
    values = np.random.default_rng(count).normal(size=count)
    values[:: 1 + count // 50] = np.nan
    steps = every * np.arange(1, count + 1)
    pyramid = Pyramid()
    pyramid.append(steps, values)
    columns = pyramid.window(low, high, limit, lambda a, b: finite_rows(steps[a:b], values[a:b]))
    begin = int(np.searchsorted(steps, columns.first[0]))
    end = begin + columns.total
    inside = np.flatnonzero((steps >= low) & (steps <= high))
    assert begin <= inside[0]
    assert end > inside[-1]
    assert begin % columns.size == 0
    assert len(columns.first) <= limit + 3
    assert columns.last == steps[end - 1]
    np.testing.assert_array_equal(columns.first, steps[begin : end : columns.size])
    lowest, highest, mean = brute(values[begin:end], columns.size)
    np.testing.assert_array_equal(columns.low, lowest)
    np.testing.assert_array_equal(columns.high, highest)
    np.testing.assert_allclose(columns.mean, mean, rtol=1e-9, atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 5000), st.floats(0, 1), st.floats(0, 1), st.integers(20, 300))
def test_a_window_equals_brute_force(count: int, one: float, other: float, limit: int) -> None:
    ends = sorted((1 + one * (count - 1), 1 + other * (count - 1)))
    windowed(count, round(ends[0]), round(ends[1]), limit)


@pytest.mark.parametrize("low", [1, 123_457, 199_000])
@pytest.mark.parametrize("width", [10, 900, 40_000, 200_000])
def test_a_window_of_a_long_curve_reads_what_is_no_longer_kept(low: int, width: int) -> None:
    windowed(200_003, low, low + width, 700)


def test_a_window_counts_in_steps_and_not_in_rows() -> None:
    windowed(70_000, 20_000, 20_500, 600, every=10)


def test_a_narrow_window_shows_single_points() -> None:
    steps, values = np.arange(1_000_000), np.random.default_rng(0).normal(size=1_000_000)
    pyramid = Pyramid()
    pyramid.append(steps, values)
    columns = pyramid.window(
        500_000, 500_300, 600, lambda a, b: finite_rows(steps[a:b], values[a:b])
    )
    assert columns.size == 1
    np.testing.assert_array_equal(columns.mean, values[columns.first.astype(int)])
