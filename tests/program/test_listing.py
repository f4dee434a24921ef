"""Lines of a step: shapes in few letters, words for operations, the source of every kernel."""

from __future__ import annotations

import numpy as np
import pytest

from interactive_train.kernels import catalogue, elementwise
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.movement import COPY
from interactive_train.program.listing import is_generated, operation, shown, source_of
from interactive_train.program.program import Op


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ([(64, 10)], "64x10"),
        ([()], "1"),
        ([(3,), (3,), (4, 4)], "2 of 3, 4x4"),
        ([], ""),
    ],
)
def test_shapes_are_shown_in_few_letters(shapes: list[tuple[int, ...]], text: str) -> None:
    assert shown(shapes) == text


@pytest.mark.parametrize(
    ("name", "words"),
    [("_sum", "sum"), ("keep", "copy"), ("cross_entropy_rows", "cross entropy rows"), ("", "copy")],
)
def test_operations_have_names_in_words(name: str, words: str) -> None:
    empty = np.zeros(0, np.float32)
    assert operation(Op(COPY, np.dtype(np.float32), (empty, empty, 0), name)) == words


@pytest.mark.parametrize(
    "kernel",
    [*(k for k in vars(catalogue).values() if isinstance(k, Kernel)), elementwise.ADD.kernel("ff")],
    ids=lambda kernel: kernel.name,
)
def test_every_kernel_shows_its_plain_loop(kernel: Kernel) -> None:
    assert source_of(kernel).startswith(f"def {kernel.function.__name__}(")
    assert not is_generated(kernel)
