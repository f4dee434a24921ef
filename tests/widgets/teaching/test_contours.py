"""Lines of equal value, against contourpy, which matplotlib draws with."""

from __future__ import annotations

import numpy as np
import pytest

from interactive_train_widgets.teaching.contours import isolines, span

contourpy = pytest.importorskip("contourpy")


def length(pieces: np.ndarray) -> float:
    return float(np.hypot(pieces[:, 2] - pieces[:, 0], pieces[:, 3] - pieces[:, 1]).sum())


@pytest.mark.parametrize("level", [-0.4, 0.0, 0.35])
@pytest.mark.parametrize("seed", range(4))
def test_lines_are_as_long_as_those_of_contourpy_where_there_is_no_saddle(
    seed: int, level: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.linspace(-2, 3, 41), np.linspace(0, 1, 33)
    a, b, c = rng.normal(size=3)
    z = np.sin(a * x) + np.cos(b * 4 * y)[:, None] + 0.3 * c * x * y[:, None]
    lines = contourpy.contour_generator(x, y, z).lines(level)
    expected = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)
    assert length(isolines(z, x, y, level)) == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_every_end_lies_on_the_level() -> None:
    x = y = np.linspace(-1, 1, 21)
    pieces = isolines(2 * x + y[:, None], x, y, 0.3)  # linear, so interpolation is exact
    for end in (pieces[:, :2], pieces[:, 2:]):
        assert np.allclose(2 * end[:, 0] + end[:, 1], 0.3)


def test_a_saddle_is_two_pieces_that_do_not_cross() -> None:
    pieces = isolines(np.array([[1.0, -1.0], [-1.0, 1.2]]), np.arange(2.0), np.arange(2.0))
    assert pieces.shape == (2, 4)
    assert length(pieces) < 2 * np.sqrt(0.5) + 0.1


def test_numbers_that_are_not_finite_have_no_line() -> None:
    z = np.array([[1.0, -1.0, 1.0], [np.nan, 1.0, -1.0]])
    pieces = isolines(z, np.arange(3.0), np.arange(2.0))
    assert np.isfinite(pieces).all()
    assert (pieces[:, [0, 2]] >= 1).all()


def test_a_plane_without_a_crossing_has_none() -> None:
    assert isolines(np.ones((3, 3)), np.arange(3.0), np.arange(3.0)).shape == (0, 4)


def test_a_range_around_equal_points_is_not_empty() -> None:
    (x0, x1), (y0, y1) = span(np.zeros((3, 2)))
    assert x0 < 0 < x1
    assert y0 < 0 < y1
