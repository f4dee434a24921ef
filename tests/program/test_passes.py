"""Each pass by itself: what it leaves out, joins or moves, and that the results stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train import nn
from interactive_train.program.compile import PASSES, optimised
from interactive_train.program.passes.common import share_common
from interactive_train.program.passes.dead import drop_dead
from interactive_train.program.passes.fuse import fuse
from interactive_train.program.passes.views import alias_views
from interactive_train.program.program import Program
from tests.program.fits import draw
from tests.program.programs import Function, eagerly, recorded, results, run

X, W, B = draw(6, 4), draw(4, 5, seed=1), draw(5, seed=2)
ARRAYS = [X, W, B]


def names(program: Program) -> list[str]:
    return [op.kernel.name.split("_")[0] for op in program.ops]


def layer(x: Any, w: Any, b: Any) -> list[Any]:
    y = np.tanh(x @ w + b)
    return [y, (y * y).sum(0)]


FUNCTIONS: dict[str, Function] = {
    "a layer": layer,
    "the same twice": lambda x, w, b: [np.tanh(x @ w + b) + np.tanh(x @ w + b)],
    "what nobody reads": lambda x, w, b: [x @ w, np.exp(b)][1:],
    "pieces": lambda x, w, b: [x[2:5] * 2.0, x[1] + 1.0, x[:, 1:3] * 3.0, x[::2].sum()],
    "chains that meet": lambda x, w, b: [np.exp(x) * np.tanh(x) + nn.sigmoid(x)],
    "a circle through a sum": lambda x, w, b: [(lambda y: y / y.sum())(np.exp(x))],
    "a circle through rows": lambda x, w, b: [(lambda y: y - y.mean(0))(np.exp(x) * 2.0)],
    "a circle through a product": lambda x, w, b: [
        (lambda y: y + np.transpose(y @ np.transpose(y))[:, :4] * 0.1)(np.exp(-x * x))
    ],
    "numbers": lambda x, w, b: [x.mean() * 2.0 + b.sum(), np.tanh(b[0])],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("one", PASSES)
def test_a_pass_alone_keeps_the_results(one: str, name: str) -> None:
    program = recorded(FUNCTIONS[name], ARRAYS, [0])
    expected = eagerly(FUNCTIONS[name], ARRAYS)
    for found in (PASSES[one](program), optimised(program, [one]), optimised(program)):
        for shards in (1, 2, 4):
            for ours, right in zip(run(found, ARRAYS, shards, 6), expected, strict=True):
                np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-14)


def test_equal_calls_are_made_once() -> None:
    program = recorded(FUNCTIONS["the same twice"], ARRAYS)
    assert names(program) == ["gemm", "add", "tanh", "gemm", "add", "tanh", "add"]
    assert names(drop_dead(share_common(program))) == ["gemm", "add", "tanh", "add"]


def test_what_nobody_reads_is_not_computed() -> None:
    program = recorded(FUNCTIONS["what nobody reads"], ARRAYS)
    assert names(program) == ["gemm", "exp"]
    assert names(drop_dead(program)) == ["exp"]


def test_pieces_that_lie_together_are_no_copies() -> None:
    program = recorded(lambda x, w, b: [x[2:5] * 2.0, x[:, 1:3] * 2.0], ARRAYS)
    assert names(program).count("gather") == 2
    assert names(alias_views(program)).count("gather") == 1  # columns are apart from each other


def test_elementwise_calls_and_sums_of_columns_are_one_loop() -> None:
    program = fuse(recorded(layer, ARRAYS, [0]))
    assert [op.kernel.name[:5] for op in program.ops] == ["gemm", "fused"]
    assert len(program.ops[1].writes) == 2


@pytest.mark.parametrize(
    "name", ["a circle through a sum", "a circle through rows", "a circle through a product"]
)
def test_what_needs_the_whole_value_stays_out_of_its_loop(name: str) -> None:
    program = fuse(recorded(FUNCTIONS[name], ARRAYS, [0]))
    done: set[int] = set()
    for op in program.ops:  # nothing is read in the call that makes it, or before
        made = {program.root(n)[0] for n in op.writes}
        for number in op.reads:
            for owner in program.sources(number):
                value = program.values[owner]
                assert owner in done or value.home or value.constant is not None
                assert owner not in made
        done |= made


def test_passes_do_not_touch_what_they_are_given() -> None:
    program = recorded(layer, ARRAYS, [0])
    before = str(program)
    optimised(program)
    assert str(program) == before


@pytest.mark.parametrize("shards", [1, 2, 3, 6, 8])
def test_there_may_be_more_shards_than_work(shards: int) -> None:
    for rows in (1, 2, 6):
        arrays = [X[:rows], W, B]
        found = results(layer, arrays, [0], shards)
        for ours, right in zip(found, eagerly(layer, arrays), strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-12)
