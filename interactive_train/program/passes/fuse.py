"""Fusion: elementwise calls that hand values to one another become one loop.

A group has a domain of n elements, seen as rows or as blocks where one of its operands is
spread. An operation joins the group of a value that it reads element by element, if nothing that
it needs is made later: either it moves up to the group, or the group moves down to it. Column
sums over a value of the group (the gradient of a bias) are taken in the same loop. What the loop
is called and how it reads is the business of `program.generate`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from interactive_train.kernels.reduction import SUM, SUM_OUTER_INNER
from interactive_train.program.generate import Member, generate
from interactive_train.program.program import Commit, Home, Op, Program, Ref, Value

MOST_ARRAYS = 22  # operands of a loop; a row of the table has room for 31 words
MOST_MEMBERS = 48  # operations in one loop, for the compiler's sake
SMALLEST = 2  # elements: single numbers are left to the kernels of the library


@dataclass
class _Group:
    """Members of one loop, in order; `form` is () while no operand asks for more."""

    n: int
    form: tuple[int, ...]
    floating: str
    members: list[Member] = field(default_factory=list)
    made: set[int] = field(default_factory=set)
    reads: set[int] = field(default_factory=set)  # owners of the memory of outer operands


def fuse(program: Program) -> Program:
    """Return the program with groups of elementwise calls as single calls."""
    return _Fusion(program).result()


class _Fusion:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.items: list[Op | _Group | None] = []
        self.maker: dict[int, int] = {}  # owner of a value -> position of what makes it
        self.reader: dict[int, int] = {}  # position -> the last one that reads from it
        for op in program.ops:
            self._add(op)

    # Grouping -----------------------------------------------------------------------------

    def _add(self, op: Op) -> None:
        member = self._member(op)
        if member is None or not self._join(op, member):
            position = len(self.items)
            if member is not None and not member.sums:
                group = _Group(member.n, member.form, op.floating.char)
                self.items.append(group)
                self._enter(group, position, op, member)
            else:
                self.items.append(op)
                self._note(op, position)

    def _member(self, op: Op) -> Member | None:
        """Return an operation as a member of a loop, None for what cannot be one."""
        if op.late:
            return None
        sizes = op.sizes
        if op.kernel.name == SUM.name and sizes["outer"] == 1:
            form: tuple[int, ...] = (sizes["inner"],)
            n = sizes["middle"] * sizes["inner"]
            several = sizes["middle"] > 1  # or its result could be taken for one of the values
            return Member(op, n, form, True) if several and min(form) >= SMALLEST else None
        if op.kernel.name == SUM_OUTER_INNER.name:
            form = (sizes["middle"], sizes["inner"])
            n = sizes["outer"] * sizes["middle"] * sizes["inner"]
            several = sizes["outer"] * sizes["inner"] > 1
            return Member(op, n, form, True) if several and n >= SMALLEST else None
        if op.kernel.origin is None:
            return None
        expression, _ = op.kernel.origin
        if not {*expression.inputs.split(), expression.output} <= {"T", "b1"}:
            return None
        counts = tuple(sizes[d.name] for d in op.kernel.operands if d.role == "size")
        n = math.prod(counts)
        return Member(op, n, counts[1:]) if n >= SMALLEST else None

    def _join(self, op: Op, member: Member) -> bool:
        groups = []
        needs = {self.maker[s] for n in op.reads for s in self._owners(n) if s in self.maker}
        for number in member.elementwise_reads():
            at = self.maker.get(self.program.root(number)[0])
            group = self.items[at] if at is not None else None
            if at is None or at in groups or not isinstance(group, _Group):
                continue
            if self._fits(group, op, member):
                groups.append(at)
        for at in sorted(groups, reverse=True):
            group = self.items[at]
            assert isinstance(group, _Group)
            if any(need > at for need in needs):
                if self.reader.get(at, at) > at:
                    continue  # somebody between reads from the group: it cannot move down
                at = self._move_down(at)
            self._enter(group, at, op, member)
            for other in sorted(groups, reverse=True):
                if other != at and isinstance(self.items[other], _Group):
                    self._absorb(at, other)
            return True
        return False

    def _fits(self, group: _Group, op: Op, member: Member) -> bool:
        """Whether shapes, type and room allow the operation, and it reads the group in place."""
        if group.n != member.n or group.floating != op.floating.char:
            return False
        if member.form and group.form not in ((), member.form):
            return False
        if len(group.members) >= MOST_MEMBERS:
            return False
        wholes = {self.program.root(n)[0] for n in member.elementwise_reads()}
        if self._spread(member) & group.made or (member.sums and not wholes <= group.made):
            return False
        for number in member.elementwise_reads():
            owner, start = self.program.root(number)
            if owner in group.made and (start or self.program.values[owner].size != member.n):
                return False
        outer = self._arrays(group) | {self.program.root(n)[0] for n in op.reads}
        return len(outer - group.made) + len(group.made) + 1 <= 2 * MOST_ARRAYS

    def _spread(self, member: Member) -> set[int]:
        """Return the owners of what an operation reads otherwise than element by element."""
        whole = member.elementwise_reads()  # of the same owner, another piece may be spread
        return {s for n in member.op.reads if n not in whole for s in self._owners(n)}

    def _owners(self, number: int) -> Iterator[int]:
        return self.program.sources(number)

    def _enter(self, group: _Group, at: int, op: Op, member: Member) -> None:
        group.members.append(member)
        group.form = group.form or member.form
        self._note(op, at)
        group.made.update(self.program.root(n)[0] for n in op.writes)
        group.reads.update(s for n in op.reads for s in self._owners(n))

    def _note(self, op: Op, at: int) -> None:
        for number in op.reads:
            for source in self._owners(number):
                made_at = self.maker.get(source)
                if made_at is not None and made_at != at:
                    self.reader[made_at] = max(self.reader.get(made_at, at), at)
        for number in op.writes:
            self.maker[self.program.root(number)[0]] = at

    def _move_down(self, at: int) -> int:
        group = self.items[at]
        assert isinstance(group, _Group)
        self.items[at] = None
        self.items.append(group)
        new = len(self.items) - 1
        self._relocate(group, at, new)
        return new

    def _relocate(self, group: _Group, old: int, new: int) -> None:
        for made in group.made:
            self.maker[made] = new
        if old in self.reader:
            self.reader[new] = max(self.reader.pop(old), self.reader.get(new, 0))
        for source in group.reads:
            at = self.maker.get(source)
            if at is not None and at != new:
                self.reader[at] = max(self.reader.get(at, new), new)

    def _absorb(self, at: int, other: int) -> None:
        """Take an earlier group into the one at a position, if nobody between reads from it."""
        group, earlier = self.items[at], self.items[other]
        assert isinstance(group, _Group)
        assert isinstance(earlier, _Group)
        if other > at or self.reader.get(other, at) != at:
            return
        between = [
            n
            for n, item in enumerate(self.items)
            if other < n < at and item is not None and self._reads(item) & earlier.made
        ]
        if between or len(group.members) + len(earlier.members) > MOST_MEMBERS:
            return
        if group.form and earlier.form not in ((), group.form):
            return
        outer = (self._arrays(group) | self._arrays(earlier)) - group.made - earlier.made
        if len(outer) > MOST_ARRAYS:
            return
        if not self._elementwise_between(earlier, group):
            return
        group.members[:0] = earlier.members
        group.form = group.form or earlier.form
        group.made |= earlier.made
        group.reads |= earlier.reads
        self.items[other] = None
        self._relocate(group, other, at)
        self.reader.pop(at, None) if self.reader.get(at) == at else None

    def _elementwise_between(self, earlier: _Group, group: _Group) -> bool:
        """Whether a group reads an earlier one element by element only."""
        return not any(self._spread(member) & earlier.made for member in group.members)

    def _arrays(self, group: _Group) -> set[int]:
        """Return what would be operands of the loop: a value of many pieces is one."""
        return {self.program.root(n)[0] for member in group.members for n in member.op.reads}

    def _reads(self, item: Op | _Group) -> set[int]:
        if isinstance(item, _Group):
            return item.reads
        return {s for n in item.reads for s in self._owners(n)}

    # Result -------------------------------------------------------------------------------

    def result(self) -> Program:
        program = self.program
        outside: dict[int, int] = {}  # owner -> how often it is read outside of its group
        for item in self.items:
            if item is None:
                continue
            own = item.made if isinstance(item, _Group) else set()
            for source in self._reads(item) - own:
                outside[source] = outside.get(source, 0) + 1
        asked = {s for n in program.outputs.values() for s in program.sources(n)}
        left = {program.root(c.value)[0] for c in program.commits}
        homes = self._direct_homes()
        commits = list(program.commits)
        ops = []
        for item in self.items:
            if isinstance(item, Op):
                ops.append(item)
            elif item is not None:
                kept = [m for m in sorted(item.made) if m in outside or m in asked or m in left]
                late = bool(kept) and all(
                    m in homes and m not in outside and m not in asked for m in kept
                )
                late = late and not self._meets_others(item, kept)
                if len(item.members) == 1 and not late:
                    ops.append(item.members[0].op)
                    continue
                places = {m: homes[m] for m in kept} if late else {}
                op = generate(program, item.members, item.n, item.form, kept, places)
                if late:
                    commits = [c for c in commits if program.root(c.value)[0] not in places]
                ops.append(op)
        return _with_homes(replace(program, ops=tuple(ops), commits=tuple(commits)), homes)

    def _direct_homes(self) -> dict[int, Home]:
        """Return where the step leaves whole values that it leaves at one place only."""
        program = self.program
        found: dict[int, list[Home]] = {}
        for commit in program.commits:
            owner, start = program.root(commit.value)
            whole = not start and program.values[commit.value].size == program.values[owner].size
            found.setdefault(owner, []).extend([commit.home] if whole else [commit.home] * 2)
        return {owner: homes[0] for owner, homes in found.items() if len(homes) == 1}

    def _meets_others(self, group: _Group, kept: Sequence[int]) -> bool:
        """Whether a group reads what a place holds before the step, and not just where it writes.

        That place may hold the new values already, written by another call or by the loop itself.
        """
        program, values = self.program, self.program.values
        spread: set[int] = set()
        for member in group.members:
            whole = [n for n in member.elementwise_reads() if not program.root(n)[1]]
            spread.update(s for n in member.op.reads if n not in whole for s in self._owners(n))
        for source in group.reads - group.made:
            home = values[source].home
            for commit in program.commits if home is not None else ():
                own = program.root(commit.value)[0] in kept and source not in spread
                if not own and _overlap(home, values[source].size, commit, values):
                    return True
        return False


def _overlap(home: Home | None, size: int, commit: Commit, values: Sequence[Value]) -> bool:
    """Whether a place and what a commit writes have elements in common."""
    other, length = commit.home, values[commit.value].size
    if home is None or home.region != other.region:
        return False
    return home.start < other.start + length and other.start < home.start + size


def _with_homes(program: Program, homes: dict[int, Home]) -> Program:
    """Give what late calls make the places at which the step leaves it."""
    values = list(program.values)
    for op in program.ops:
        if op.late:
            for number in op.writes:
                if number in homes and values[number].home is None:
                    values[number] = replace(values[number], home=homes[number])
    return replace(program, values=tuple(values))


__all__ = ["Ref", "fuse"]
