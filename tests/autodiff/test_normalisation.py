"""Normalisation: gradients of every order, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import Tensor, check_grads, grad
from interactive_train.autodiff.ops.normalisation import (
    channel_moments,
    normalise_rms,
    normalise_rows,
    standardise,
)


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).normal(0.5, 1.0, shape)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("normalise", [normalise_rows, normalise_rms])
def test_rows_to_the_third_order(normalise: Any, shape: tuple[int, ...]) -> None:
    check_grads(lambda x: normalise(1.5 * x, 0.1) * x, (draw(*shape),), order=3)


def batch_norm(x: Any) -> Any:
    return standardise(x, *channel_moments(x), 0.1)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 3, 2, 2), (1, 2, 3)])
def test_channels_to_the_third_order(shape: tuple[int, ...]) -> None:
    check_grads(lambda x: batch_norm(1.5 * x) * x, (draw(*shape),), order=3)
    check_grads(lambda x: channel_moments(x)[0], (draw(*shape),))
    check_grads(lambda x: channel_moments(x)[1], (draw(*shape),), order=2)


@pytest.mark.parametrize("axes", [(0, 2, 3), (0, 3), (0, 1, 3), (-1, 0), (0, 2), (1, 3)])
def test_a_sum_over_all_but_some_axes(axes: tuple[int, ...]) -> None:
    x = draw(2, 3, 4, 5)
    for kept in (False, True):
        got = np.sum(Tensor(x), axis=axes, keepdims=kept)
        np.testing.assert_allclose(np.asarray(got), x.sum(axis=axes, keepdims=kept), rtol=1e-12)
    check_grads(lambda a: np.sum(a * a, axis=axes), (x,), order=2)


def test_the_gradient_of_a_sum_of_normalised_rows_is_zero() -> None:
    found = grad(lambda x: normalise_rows(x, 1e-5).sum())(draw(3, 6))
    np.testing.assert_allclose(found.numpy(), 0.0, atol=1e-12)


def test_a_scalar_has_no_axis_to_normalise() -> None:
    with pytest.raises(ValueError, match=r"normalise_rows: needs an axis to normalise; got shape"):
        normalise_rows(np.array(1.0), 1e-5)
    with pytest.raises(ValueError, match="normalise_rms: needs an axis"):
        normalise_rms(np.array(1.0), 1e-5)
