"""Indices that are known at the step only: rows, and one element of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Tensor
from interactive_train.kernels.status import BAD_INDEX
from tests.recorded import Recorded

RNG = np.random.default_rng(2)
take: Any = np.take
along: Any = np.take_along_axis
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "rows": (lambda x, i: x[i], (4,)),
    "rows in two axes": (lambda x, i: x[i], (2, 3)),
    "take": (lambda x, i: take(x, i, axis=0), (3,)),
    "take of all elements": (lambda x, i: take(x, i), (5,)),
    "one of each row": (lambda x, i: x[np.arange(4), i], (4,)),
    "along the rows": (lambda x, i: along(x, i, axis=1), (4, 2)),
    "along the columns": (lambda x, i: along(x, i, axis=0), (2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_recorded_is_the_indexing_on_other_data(name: str) -> None:
    call, shape = CASES[name]

    def function(tensors: list[Tensor], numbers: Any) -> list[Any]:
        point = leaf(tensors[0])
        found = call(point, tensors[1])
        value = (found * found).sum()
        return [found, *backward(value, Tensor(np.ones(())), [point])]

    x, index = RNG.normal(size=(4, 3)), RNG.integers(0, 3, shape)
    recorded = Recorded(function, [x, index])
    for i in (index, 2 - index):
        expected = function([Tensor(x), Tensor(i)], [])
        for found, right in zip(recorded([x * 1.0, i]), expected, strict=True):
            np.testing.assert_array_equal(found, right.numpy())
    with pytest.raises(RuntimeError, match=f"status {BAD_INDEX}"):
        recorded([x, index - 5])


def test_other_indices_of_the_step_are_not_recorded() -> None:
    x, index = RNG.normal(size=(4, 3)), np.array([2, 0, 1, 2])
    for call in (lambda x, i: x[i, i], lambda x, i: x[i > 0], lambda x, i: x[:, i]):
        with pytest.raises(NotRecordableError):
            Recorded(lambda t, _, call=call: [call(*t)], [x, index])  # type: ignore[misc]
