"""The arena: no two values that live at one time share memory, and no table can be wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from interactive_train.program.compile import optimised
from interactive_train.program.plan import Plan, operands, plan
from interactive_train.program.program import Ref
from interactive_train.program.shard import Sharded, shard
from tests.program.programs import lowered, recorded, regions_of
from tests.program.test_random_programs import ARRAYS, BATCH, BATCHED, MOVES, Move, loss_of

Span = tuple[int, int, int, int, Any]  # first byte, last byte, first time, last time, of what


def spans(sharded: Sharded, places: Plan) -> list[Span]:
    """Return when and where every placed value lies; time is phases, finer within a shard."""
    program, found = sharded.program, []
    order = sorted(range(len(sharded.rows)), key=lambda n: sharded.rows[n].phase)
    fine = len(order) + 1
    uses: dict[Any, list[tuple[int, int, int, int]]] = {}
    for time, number in enumerate(order):
        row = sharded.rows[number]
        for at, owner, _ in operands(program, row):
            private = places.private.get((owner, row.shard))
            size = program.values[owner].nbytes
            item = program.values[owner].dtype.itemsize
            if private is not None:
                start, count = row.cuts.get(at, (private[1], size // item))
                low = private[0] + (start - private[1]) * item
                when = row.phase * fine + time
                key = ("private", owner, row.shard)
                uses.setdefault(key, []).append((low, low + count * item, when, when))
            else:
                copy = row.copies.get(at, 0)
                if (owner, copy) in places.shared:
                    low = places.shared[owner, copy]
                    begin, end = row.phase * fine, row.phase * fine + fine - 1
                    uses.setdefault(("shared", owner, copy), []).append(
                        (low, low + size, begin, end)
                    )
    for key, all_of in uses.items():
        lows, highs, begins, ends = zip(*all_of, strict=True)
        found.append((min(lows), max(highs), min(begins), max(ends), key))
    return found


@given(MOVES)
@settings(max_examples=25)
def test_values_that_live_at_one_time_lie_apart(moves: list[Move]) -> None:
    program = optimised(recorded(loss_of(moves), ARRAYS, BATCHED))
    for shards in (1, 2, 3):
        sharded = shard(program, shards, BATCH)
        places = plan(sharded, {})
        found = spans(sharded, places)
        for number, (low, high, begin, end, key) in enumerate(found):
            assert 0 <= low <= high <= places.nbytes
            for other_low, other_high, other_begin, other_end, other in found[number + 1 :]:
                together = begin <= other_end and other_begin <= end
                if key[0] == other[0] == "private" and key[2] != other[2]:
                    together = True  # shards run at the same time
                if together and high > low and other_high > other_low:
                    assert high <= other_low or other_high <= low, (key, other)


def a_program() -> Any:
    return optimised(recorded(lambda x, r, w, b, s: [np.tanh(x @ w + b).sum()], ARRAYS, BATCHED))


def test_a_table_of_wrong_operands_is_never_built() -> None:
    regions, program = regions_of(ARRAYS), a_program()
    lowered(program, regions, BATCH, 1)
    for region, wrong, message in (
        ("in.0", regions["in.0"].astype(np.float32), "must be an array of float64"),
        ("in.2", regions["in.2"][:-1].copy(), "the kernel may touch"),
        ("in.3", np.repeat(regions["in.3"], 2)[::2], "must be C-contiguous"),
    ):
        with pytest.raises(ValueError, match=message):
            lowered(program, regions | {region: wrong}, BATCH, 1)


def test_sizes_that_exceed_an_operand_are_refused() -> None:
    program = a_program()
    at, op = next((n, op) for n, op in enumerate(program.ops) if "m" in op.sizes)
    names = [d.name for d in op.kernel.operands]
    larger = list(op.operands)
    larger[names.index("m")] = op.sizes["m"] + 1
    ops = list(program.ops)
    ops[at] = replace(op, operands=tuple(larger))
    with pytest.raises(ValueError, match=r"may touch|must stay within"):
        lowered(replace(program, ops=tuple(ops)), regions_of(ARRAYS), BATCH, 1)


def test_an_operand_that_is_written_and_read_is_refused() -> None:
    program = a_program()
    at, op = next((n, op) for n, op in enumerate(program.ops) if "m" in op.sizes)
    own = list(op.operands)
    assert isinstance(own[0], Ref)
    own[1] = own[0]
    ops = list(program.ops)
    ops[at] = replace(op, operands=tuple(own))
    with pytest.raises(ValueError, match=r"share memory|may touch"):
        lowered(replace(program, ops=tuple(ops)), regions_of(ARRAYS), BATCH, 1)


def test_memory_is_used_again() -> None:
    def chain(x: Any, *rest: Any) -> list[Any]:
        for _ in range(12):
            x = np.tanh(x) @ rest[1]
        return [x.sum()]

    program = optimised(recorded(chain, ARRAYS, BATCHED))
    sharded = shard(program, 1, BATCH)
    made = sum(program.values[n].nbytes for op in program.ops for n in op.writes)
    assert plan(sharded, {}).nbytes < made / 4
