"""Planning: one arena for everything that lives within a step only.

A value that is made and read within one phase of one shard lies in that shard's private part,
where memory is reused as soon as its last reader ran; so activations of a shard stay in its
core's cache. What crosses a phase lies in the shared part for as long as phases need it. Partial
sums have a copy for each shard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interactive_train.program.program import Program, Ref
from interactive_train.program.shard import Row, Sharded

ALIGNMENT = 64  # bytes


@dataclass(frozen=True)
class Plan:
    """Where values lie, in bytes from the beginning of the arena.

    Attributes
    ----------
    private : dict of (owner, shard) to (offset, first element)
        The part of a value that a shard holds for itself.
    shared : dict of (owner, copy) to offset
        Whole values; copies from 1 on are partial sums.
    clones : dict of (region, copy) to offset
        Regions of partial sums whose value has a home.
    nbytes : int
        Of the arena.
    """

    private: dict[tuple[int, int], tuple[int, int]]
    shared: dict[tuple[int, int], int]
    clones: dict[tuple[str, int], int]
    nbytes: int


@dataclass
class _Use:
    """Who touches a value, and with which cuts."""

    first: int
    last: int
    places: set[tuple[int, int]]
    cuts: dict[int, set[tuple[int, int] | None]]
    copies: set[int]
    made: bool = False


def plan(sharded: Sharded, regions: dict[str, int]) -> Plan:
    """Place every value that has no place of its own.

    Parameters
    ----------
    regions : dict of str to int
        Bytes of each region, for copies of it.
    """
    program = sharded.program
    uses = _uses(sharded)
    wanted = program.wanted()
    local = {owner for owner, use in uses.items() if _is_local(program, owner, use, wanted)}
    private, private_size = _private(sharded, local)
    shared, clones, total = _shared(sharded, uses, local, wanted, regions)
    base = _rounded(total)
    placed = {
        key: (base + key[1] * private_size + offset, first)
        for key, (offset, first) in private.items()
    }
    return Plan(placed, shared, clones, base + private_size * sharded.shards)


def operands(program: Program, row: Row) -> Iterator[tuple[int, int, str]]:
    """Yield (position, owner, role) of a row's operands that are values."""
    for at, (declared, operand) in enumerate(
        zip(row.op.kernel.operands, row.op.operands, strict=True)
    ):
        if isinstance(operand, Ref):
            if declared.role == "written":
                yield at, program.root(operand.number)[0], declared.role
            else:
                owner = program.root(operand.number)[0]
                pieces = program.values[owner].pieces
                yield at, owner, declared.role
                if pieces:
                    for source in program.sources(owner):
                        yield at, source, "piece"


def _uses(sharded: Sharded) -> dict[int, _Use]:
    uses: dict[int, _Use] = {}
    for row in sharded.rows:
        for at, owner, role in operands(sharded.program, row):
            use = uses.setdefault(owner, _Use(row.phase, row.phase, set(), {}, set()))
            use.first, use.last = min(use.first, row.phase), max(use.last, row.phase)
            use.places.add((row.phase, row.shard))
            use.made = use.made or role == "written"
            if role != "piece":
                use.cuts.setdefault(row.shard, set()).add(row.cuts.get(at))
                use.copies.add(row.copies.get(at, 0))
    return uses


def _is_local(program: Program, owner: int, use: _Use, wanted: set[int]) -> bool:
    value = program.values[owner]
    if not use.made or value.home is not None or value.constant is not None or owner in wanted:
        return False
    if use.first != use.last or use.copies - {0}:
        return False
    return len(use.places) == 1 or all(
        len(cuts) == 1 and None not in cuts for cuts in use.cuts.values()
    )


def _private(
    sharded: Sharded, local: set[int]
) -> tuple[dict[tuple[int, int], tuple[int, int]], int]:
    program = sharded.program
    lists: dict[tuple[int, int], list[Row]] = {}
    for row in sharded.rows:
        lists.setdefault((row.phase, row.shard), []).append(row)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    size = 0
    for (_, shard), rows in lists.items():
        last = {owner: at for at, row in enumerate(rows) for _, owner, _ in operands(program, row)}
        arena = _Arena()
        for at, row in enumerate(rows):
            touched = [(p, o, r) for p, o, r in operands(program, row) if o in local]
            for position, owner, role in touched:
                if role == "written" and (owner, shard) not in found:
                    value = program.values[owner]
                    first, count = row.cuts.get(position, (0, value.size))
                    offset = arena.take(owner, count * value.dtype.itemsize)
                    found[owner, shard] = (offset, first)
            for _, owner, _ in touched:
                if last[owner] == at:
                    arena.give(owner)
        size = max(size, arena.size)
    return found, _rounded(size)


def _shared(
    sharded: Sharded,
    uses: dict[int, _Use],
    local: set[int],
    wanted: set[int],
    regions: dict[str, int],
) -> tuple[dict[tuple[int, int], int], dict[tuple[str, int], int], int]:
    program = sharded.program
    blocks: list[tuple[int, int, int, tuple[int, int]]] = []  # bytes, first, last phase, key
    clones: dict[tuple[str, int], int] = {}
    end = 0
    for owner, use in uses.items():
        value = program.values[owner]
        if not use.made or owner in local:
            continue
        last = sharded.phases if owner in wanted else use.last
        for copy in sorted(use.copies):
            if value.home is None:
                blocks.append((value.nbytes, use.first, last, (owner, copy)))
            elif copy and (value.home.region, copy) not in clones:
                clones[value.home.region, copy] = end
                end = _rounded(end + regions[value.home.region])
    placed: list[tuple[int, int, int, int]] = []  # offset, bytes, first, last
    shared: dict[tuple[int, int], int] = {}
    for size, first, last, key in sorted(blocks, key=lambda block: -block[0]):
        busy = sorted((o, n) for o, n, begin, end_ in placed if end_ >= first and begin <= last)
        offset = end
        for start, taken in busy:
            if offset + size <= start:
                break
            offset = max(offset, _rounded(start + taken))
        shared[key] = offset
        placed.append((offset, size, first, last))
    return shared, clones, max([end, *(o + n for o, n, _, _ in placed)])


class _Arena:
    """Memory of one list of rows: the lowest gap that fits."""

    def __init__(self) -> None:
        self.taken: dict[int, tuple[int, int]] = {}
        self.size = 0

    def take(self, owner: int, nbytes: int) -> int:
        size = _rounded(max(nbytes, 1))
        offset = 0
        for start, length in sorted(self.taken.values()):
            if offset + size <= start:
                break
            offset = max(offset, start + length)
        self.taken[owner] = (offset, size)
        self.size = max(self.size, offset + size)
        return offset

    def give(self, owner: int) -> None:
        self.taken.pop(owner, None)


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
