"""Gathers behind products: a table times a matrix, then rows of the result, where rows repeat.

An embedding looks up thousands of rows of a table of some dozens. Rows of a product are products of
rows, so the table is multiplied once and the rows are taken from the result; and a sum over
equal rows comes before the product instead of behind it. All three products of an embedded
input (forward, weights, table) shrink from the number of look-ups to the table's height.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from interactive_train.kernels.gemm import GEMM, gemm_sizes
from interactive_train.kernels.indexing import ADD_ROWS, TAKE_ROWS
from interactive_train.program.program import Op, Operand, Program, Ref, Value

WORTH = 2  # look-ups per row of the table from which on the change pays


@dataclass(frozen=True)
class _Lookup:
    """A value that consists of rows of a table."""

    table: Operand
    index: Operand
    rows: int
    columns: int
    height: int


def gather_late(program: Program) -> Program:
    """Return the program with look-ups behind products, where a table is small."""
    return _Gathering(program).result()


class _Gathering:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.values = list(program.values)
        self.ops: list[Op] = []
        self.lookups: dict[int, _Lookup] = {}
        self.added: dict[tuple[object, object], tuple[int, int]] = {}
        readers: dict[int, int] = {}
        for op in program.ops:
            for number in op.reads:
                owner = program.root(number)[0]
                readers[owner] = readers.get(owner, 0) + 1
        self.readers = readers
        self.products: dict[int, Op] = {}  # owner -> the product that makes it

    def result(self) -> Program:
        pending = self.program.ops
        for op in pending:
            if op.kernel is TAKE_ROWS:
                self._note(op)
            if op.kernel is GEMM and op.sizes["batch"] == 1:
                self._product(op)
            elif op.kernel is ADD_ROWS:
                self._sum_of_rows(op)
            else:
                self.ops.append(op)
        return replace(self.program, values=tuple(self.values), ops=tuple(self.ops))

    def _note(self, op: Op) -> None:
        sizes = op.sizes
        if sizes["rows"] >= WORTH * sizes["height"]:
            owner = self.program.root(op.writes[0])[0]
            self.lookups[owner] = _Lookup(
                op.operands[1], op.operands[2], sizes["rows"], sizes["columns"], sizes["height"]
            )

    def _product(self, op: Op) -> None:
        sizes = op.sizes
        out, a, b = op.operands[:3]
        found = self._lookup(a)
        assert isinstance(out, Ref)
        if found is None:
            self.products[self.program.root(out.number)[0]] = op
            self.ops.append(op)
            return
        m, n, k = sizes["m"], sizes["n"], sizes["k"]
        height = found.height
        if not sizes["transpose_a"] and (m, k) == (found.rows, found.columns):
            small = self._value((height, n), op)
            self._gemm(op, small, found.table, b, (height, n, k), sizes["transpose_b"])
            operands = (out, small, found.index, found.rows, n, height)
            self.ops.append(Op(TAKE_ROWS, op.floating, operands, "take_rows", op.label))
        elif sizes["transpose_a"] and not sizes["transpose_b"] and k == found.rows:
            summed = self._added_up(b, found.index, n, found, op)
            self._gemm(op, out, found.table, summed, (m, n, height), 0, transpose_a=1)
        else:
            self.ops.append(op)

    def _sum_of_rows(self, op: Op) -> None:
        """add_rows(g @ w, index) = add_rows(g, index) @ w."""
        out, g, index = op.operands[:3]
        sizes = op.sizes
        assert isinstance(g, Ref)
        owner, start = self.program.root(g.number)
        maker = self.products.get(owner)
        single = self.readers.get(owner, 0) == 1 and start == 0
        few = sizes["rows"] >= WORTH * sizes["height"]
        if maker is None or not single or not few or maker.sizes["transpose_a"]:
            self.ops.append(op)
            return
        own = maker.sizes
        if (own["m"], own["n"]) != (sizes["rows"], sizes["columns"]):
            self.ops.append(op)
            return
        found = _Lookup(out, index, sizes["rows"], own["k"], sizes["height"])
        summed = self._added_up(maker.operands[1], index, own["k"], found, op)
        self.ops.remove(maker)
        self._gemm(
            maker,
            out,
            summed,
            maker.operands[2],
            (sizes["height"], own["n"], own["k"]),
            own["transpose_b"],
        )

    def _added_up(
        self, g: Operand, index: Operand, columns: int, found: _Lookup, like: Op
    ) -> Operand:
        """Return the sums of the rows of g that belong to one row of the table."""
        key = (self._identity(g), self._identity(index))
        if key not in self.added:
            value = self._value((found.height, columns), like)
            operands = (value, g, index, found.rows, columns, found.height)
            self.ops.append(Op(ADD_ROWS, like.floating, operands, "add_rows", like.label))
            self.added[key] = (value.number, 0)
        return Ref(self.added[key][0])

    def _gemm(
        self,
        op: Op,
        out: Operand,
        a: Operand,
        b: Operand,
        mnk: tuple[int, int, int],
        transpose_b: int,
        transpose_a: int = 0,
    ) -> None:
        sizes = gemm_sizes(1, mnk, transpose_a, transpose_b, op.sizes["routine"])
        self.ops.append(replace(op, operands=(out, a, b, *sizes)))

    def _lookup(self, operand: Operand) -> _Lookup | None:
        if not isinstance(operand, Ref):
            return None
        owner, start = self.program.root(operand.number)
        return self.lookups.get(owner) if start == 0 else None

    def _identity(self, operand: Operand) -> object:
        return self.program.root(operand.number) if isinstance(operand, Ref) else id(operand)

    def _value(self, shape: tuple[int, ...], like: Op) -> Ref:
        self.values.append(Value(shape, like.floating))
        return Ref(len(self.values) - 1)
