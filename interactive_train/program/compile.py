"""From a recorded step to one that can run: the passes in their order, then memory and table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from interactive_train.program.cost import seconds
from interactive_train.program.lower import Lowered, lower
from interactive_train.program.passes.commits import copy_commits
from interactive_train.program.passes.common import share_common
from interactive_train.program.passes.dead import drop_dead
from interactive_train.program.passes.fuse import fuse
from interactive_train.program.passes.gather import gather_late
from interactive_train.program.passes.losses import join_losses
from interactive_train.program.passes.views import alias_views
from interactive_train.program.program import Op, Program
from interactive_train.program.shard import Row, Sharded, shard

Pass = Callable[[Program], Program]

PASSES: Mapping[str, Pass] = {
    "common": share_common,
    "views": alias_views,
    "dead": drop_dead,
    "gather": gather_late,
    "losses": join_losses,
    "fuse": fuse,
}
MOST_SHARDS = 8
SMALL_STEP = 15e-6  # seconds of estimated work below which threads cost more than they bring


def optimised(program: Program, without: Sequence[str] = ()) -> Program:
    """Return the program after all passes but those named.

    Frozen parameters' gradients are dropped twice: behind fusion again, since fusion is decided
    on the whole program, so that freezing drops loops and never asks for new ones.
    """
    for name, change in PASSES.items():
        if name not in without:
            program = change(program)
    program = copy_commits(program)
    return program if "dead" in without else drop_dead(program)


def most_shards() -> int:
    """Return into how many shards a large step is cut on this machine: by its cores."""
    return min(os.cpu_count() or 1, MOST_SHARDS)


def shards_of(
    program: Program, batch: int, setting: int | None = None, most: int | None = None
) -> int:
    """Return into how many shards a step is cut: by its work and the machine's cores.

    `most` is what `most_shards` said where the fit was first made.
    """
    if setting is not None:
        return max(1, min(setting, batch or 1))
    if estimate(program) < SMALL_STEP:
        return 1
    return max(1, min(most or most_shards(), batch or 1))


def estimate(program: Program) -> float:
    """Return about how many seconds one core needs for a step."""
    return sum(seconds(op) for op in program.ops)


def build(
    program: Program,
    regions: Mapping[str, NDArray[Any]],
    batch: int,
    shards: int,
    before: Sequence[Op] = (),
    after: Sequence[Op] = (),
) -> Lowered:
    """Shard, plan and lower a program that went through the passes.

    Parameters
    ----------
    regions : mapping of str to ndarray
        The homes.
    before, after : sequence of Op
        Calls of constant operands that one thread makes in front of and behind all others.
    """
    placed = shard(program, shards, batch)
    rows = [Row(op, 0, 0) for op in before]
    rows += [Row(r.op, r.phase + 1, r.shard, r.cuts, r.copies, r.in_place) for r in placed.rows]
    last = placed.phases + 1
    rows += [Row(op, last, 0) for op in after]
    whole = Sharded(program, tuple(rows), last + 1, placed.guard + 1, shards)
    return lower(whole, regions)
