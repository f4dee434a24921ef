"""Sharding: which part of which call runs where, and where all have to wait for one another.

The batch is cut into S logical shards. A call whose operands are all cut alike runs in every
shard on its own part; what sums over the batch makes a partial sum in every shard, added in
shard order when somebody needs it. Where a call needs the whole of something that was cut - batch
norm, a norm of all gradients - a new phase begins. S follows from shapes and a setting, never from
the number of threads, so the bits do not depend on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from interactive_train.kernels import elementwise
from interactive_train.program.divide import Division, divisions
from interactive_train.program.program import Op, Program, Ref

LARGE_SUM = 1024 * 1024  # bytes of a sum over the batch from which on it is made in one piece
FEW_ROWS = (32, 768)  # rows of a product with a right side of as many bytes that is, too
GRAIN = 4096  # elements of a part below which dividing whole values is not worth it
PRODUCT_GRAIN = 1 << 19  # multiplications, the same for products
ALIGNED = 16  # units to which parts of whole values are rounded
ADD = elementwise.ADD.kernel("ff")


@dataclass(frozen=True)
class Row:
    """A call, or a part of one, in its place.

    Attributes
    ----------
    op : Op
        With the sizes of the part.
    phase, shard : int
    cuts : dict of int to (int, int)
        Operand position -> (first element, elements) of the value that it sees.
    copies : dict of int to int
        Operand position -> which partial copy of the value it is; 0 is the value itself.
    in_place : bool
        Whether the first array written is the first one read.
    """

    op: Op
    phase: int
    shard: int
    cuts: dict[int, tuple[int, int]] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    in_place: bool = False


@dataclass(frozen=True)
class Sharded:
    """A program in its order.

    Attributes
    ----------
    rows : tuple of Row
        Within a phase and shard in the order in which they run.
    phases, guard, shards : int
        The phases from `guard` on write what the step leaves behind.
    """

    program: Program
    rows: tuple[Row, ...]
    phases: int
    guard: int
    shards: int


@dataclass
class _Layout:
    """How a value lies: whole, cut at some elements, or as partial sums; and since which phase."""

    phase: int
    bounds: tuple[int, ...] | None = None
    partial: bool = False
    shard: int | None = None  # made whole by one shard; None: was there before the step


def shard(program: Program, shards: int, batch: int) -> Sharded:
    """Place every call of a program.

    Parameters
    ----------
    shards : int
        At least 1.
    batch : int
        Examples of the batch; 0 if nothing says.
    """
    return _Sharding(program, shards, batch).result()


class _Sharding:
    def __init__(self, program: Program, shards: int, batch: int) -> None:
        self.program, self.shards = program, shards
        self.batch = batch if batch >= shards else 0
        self.units = [self.batch * s // shards for s in range(shards + 1)]
        self.rows: list[Row] = []
        self.layouts: dict[int, _Layout] = {}
        self.floor = 0
        for op in program.ops:
            if not op.late:
                self._place(op)
        self.guard = 1 + max((row.phase for row in self.rows), default=-1)
        self._settle()
        self.floor = self.guard
        for op in program.ops:
            if op.late:
                self._place(op)

    def result(self) -> Sharded:
        rows = sorted(self.rows, key=lambda row: row.phase)  # stable: order within is kept
        phases = 1 + max((row.phase for row in rows), default=-1)
        return Sharded(self.program, tuple(rows), max(phases, self.guard), self.guard, self.shards)

    # One call -----------------------------------------------------------------------------

    def _place(self, op: Op) -> None:
        if self.shards == 1:
            self._serial(op)
            return
        for number in op.reads:
            layout = self._layout(number)
            if layout is not None and layout.partial:
                self._add_up(number)
        chosen, waits = None, 1 << 30
        for division in divisions(op):
            if division.windows:
                if self._is_in_one_piece(op):
                    bounds = self._even(op, division)
                    if bounds is not None:
                        chosen = (division, bounds)
                continue
            bounds = self._bounds(op, division)
            if bounds is None:
                continue
            syncs = self._syncs(op, division, bounds)
            if syncs < waits:
                chosen, waits = (division, bounds), syncs
        if chosen is None:
            self._serial(op)
        else:
            self._divided(op, *chosen)

    def _is_in_one_piece(self, op: Op) -> bool:
        """Whether every shard makes some rows or columns of a product, over the whole batch.

        It is so where a sum over the batch is so large that copies of it cost more than a wait, and
        where the right side is so large, and the batch so small, that each shard's copying it into
        the order in which the library reads it costs more.
        """
        sizes = op.sizes
        if sizes["transpose_a"]:
            return self.program.values[op.writes[0]].nbytes >= LARGE_SUM
        side = sizes["n"] * sizes["k"] * op.floating.itemsize
        return side >= LARGE_SUM and FEW_ROWS[0] <= sizes["m"] <= FEW_ROWS[1]

    def _bounds(self, op: Op, division: Division) -> list[int] | None:
        """Return where to cut: along the batch if an operand is, else evenly if it pays."""
        along = False
        given: tuple[int, ...] | None = None
        for at, inner in division.cut.items():
            operand = op.operands[at]
            if not isinstance(operand, Ref):
                continue
            owner, start = self.program.root(operand.number)
            value = self.program.values[owner]
            layout = self.layouts.get(owner)
            along = along or value.batched
            if layout is not None and layout.bounds is not None and start == 0 and inner:
                cuts = tuple(b // inner for b in layout.bounds)
                if all(c * inner == b for c, b in zip(cuts, layout.bounds, strict=True)):
                    given = cuts
        if given is not None and given[-1] == division.extent:
            return list(given)
        if along:
            if self.batch and division.extent % self.batch == 0:
                return [u * (division.extent // self.batch) for u in self.units]
            return None
        if (
            any(
                self._layout(n) is not None and self._layout(n).bounds is not None  # type: ignore[union-attr]
                for n in op.reads
            )
            and not op.late
        ):
            return None
        return self._even(op, division)

    def _even(self, op: Op, division: Division) -> list[int] | None:
        work = max((inner for inner in division.cut.values()), default=0) * division.extent
        sizes = op.sizes
        if "routine" in sizes and "m" in sizes:
            work = sizes["batch"] * sizes["m"] * sizes["n"] * sizes["k"] * GRAIN // PRODUCT_GRAIN
        if work < 2 * GRAIN or division.extent < self.shards:
            return None
        step = ALIGNED if division.extent >= 4 * ALIGNED * self.shards else 1
        cuts = [division.extent * s // self.shards // step * step for s in range(self.shards)]
        return [*cuts, division.extent]

    def _syncs(self, op: Op, division: Division, bounds: Sequence[int]) -> int:
        """Count the operands for whose sake a new phase would begin, and prefer no partial sums."""
        count = int(division.partial)
        for at, declared in enumerate(op.kernel.operands):
            operand = op.operands[at]
            if declared.role != "read" or not isinstance(operand, Ref):
                continue
            layout = self._layout(operand.number)
            if layout is None:
                continue
            if layout.partial or (
                layout.bounds is not None and not self._matches(op, at, division, bounds, layout)
            ):
                count += 2
        return count

    def _matches(
        self, op: Op, at: int, division: Division, bounds: Sequence[int], layout: _Layout
    ) -> bool:
        operand = op.operands[at]
        if at not in division.cut or not isinstance(operand, Ref):
            return False
        start = self.program.root(operand.number)[1]
        inner = division.cut[at]
        return start == 0 and layout.bounds == tuple(b * inner for b in bounds)

    # Layouts ------------------------------------------------------------------------------

    def _layout(self, number: int) -> _Layout | None:
        """Return how what is read lies; for several pieces the worst of them."""
        found = [self.layouts[s] for s in self.program.sources(number) if s in self.layouts]
        if not found:
            return None
        if len(found) == 1:
            return found[0]
        own = self.layouts.get(self.program.root(number)[0])
        if own is not None:
            return own
        partial = any(f.partial for f in found)
        return _Layout(max(f.phase for f in found), partial=partial, shard=-1)

    def _needed(self, op: Op, at: int, whole: bool, shard: int | None) -> int:
        """Return the first phase in which an operand can be read."""
        operand = op.operands[at]
        assert isinstance(operand, Ref)
        layout = self._layout(operand.number)
        if layout is None:
            return 0
        if layout.partial:
            self._add_up(operand.number)
            layout = self._layout(operand.number)
            assert layout is not None
        if layout.bounds is not None:
            return layout.phase + 1 if whole else layout.phase
        if layout.shard is None:
            return layout.phase
        return layout.phase if shard is not None and layout.shard == shard else layout.phase + 1

    def _reads(self, op: Op) -> list[int]:
        return [
            at
            for at, d in enumerate(op.kernel.operands)
            if d.role == "read" and isinstance(op.operands[at], Ref)
        ]

    def _serial(self, op: Op) -> None:
        phase = max([self.floor, *(self._needed(op, at, True, 0) for at in self._reads(op))])
        self.rows.append(Row(op, phase, 0))
        for number in op.writes:
            self.layouts[self.program.root(number)[0]] = _Layout(phase, shard=0)

    def _divided(self, op: Op, division: Division, bounds: Sequence[int]) -> None:
        phase = self.floor
        for at in self._reads(op):
            layout = self._layout(op.operands[at].number)  # type: ignore[union-attr]
            matches = (
                layout is not None
                and layout.bounds is not None
                and self._matches(op, at, division, bounds, layout)
            )
            phase = max(phase, self._needed(op, at, not matches, None))
        partial = {
            at
            for at, d in enumerate(op.kernel.operands)
            if d.role == "written" and at not in division.cut and at not in division.windows
        }
        for number in range(self.shards):
            low, high = bounds[number], bounds[number + 1]
            if low == high and not partial:
                continue
            operands = list(op.operands)
            for at, operand in division.part(low, high).items():
                operands[at] = operand
            cuts = {at: (low * inner, (high - low) * inner) for at, inner in division.cut.items()}
            cuts |= {at: window(low, high) for at, window in division.windows.items()}
            copies = dict.fromkeys(partial, number)
            part = replace(op, operands=tuple(operands))
            self.rows.append(Row(part, phase, number, cuts, copies))
        for at, declared in enumerate(op.kernel.operands):
            operand = op.operands[at]
            if declared.role == "written" and isinstance(operand, Ref):
                owner = self.program.root(operand.number)[0]
                if at in partial:
                    self.layouts[owner] = _Layout(phase, partial=True)
                elif at in division.windows:
                    self.layouts[owner] = _Layout(phase, shard=-1)
                else:
                    inner = division.cut[at]
                    self.layouts[owner] = _Layout(phase, tuple(b * inner for b in bounds))

    # Partial sums -------------------------------------------------------------------------

    def _add_up(self, number: int) -> None:
        """Add the partial sums of a value, or of a value's pieces, in shard order."""
        owner = self.program.root(number)[0]
        pieces = self.program.values[owner].pieces
        sources = list(dict.fromkeys(self.program.sources(number)))
        if pieces and all(self.layouts[s].partial for s in sources if s in self.layouts):
            self._add_whole(owner, sources)
            return
        for source in sources:
            if source in self.layouts and self.layouts[source].partial:
                self._add_whole(source, [source])

    def _add_whole(self, owner: int, sources: Sequence[int]) -> None:
        value = self.program.values[owner]
        phase = max(self.floor, 1 + max(self.layouts[s].phase for s in sources))
        size = value.size
        cuts = [0, size]
        if size >= 2 * GRAIN:
            cuts = [size * s // self.shards // ALIGNED * ALIGNED for s in range(self.shards)]
            cuts.append(size)
        bounds = tuple(cuts) if len(cuts) == self.shards + 1 else None
        for place, (low, high) in enumerate(itertools.pairwise(cuts)):
            for other in range(1, self.shards):
                op = Op(ADD, value.dtype, (Ref(owner), Ref(owner), Ref(owner), high - low),
                        "add", "partial sums")  # fmt: skip
                span = (low, high - low)
                self.rows.append(
                    Row(op, phase, place, {0: span, 1: span, 2: span}, {2: other}, in_place=True)
                )
        if len(sources) > 1 or sources[0] != owner:
            for source in sources:
                self.layouts[source] = _Layout(phase, shard=-1 if bounds else 0)
        self.layouts[owner] = _Layout(phase, bounds, shard=None if bounds else 0)

    def _settle(self) -> None:
        """Add up what somebody reads behind the step and nobody has needed before."""
        for number in self.program.outputs.values():
            layout = self._layout(number)
            if layout is not None and layout.partial:
                self._add_up(number)
        self.guard = 1 + max((row.phase for row in self.rows), default=-1)
