"""Register tiles: the inner loops of convolutions and recurrent steps, as vector instructions.

A compiler does not find these on its own: a block of sums lives in registers while the loop runs
over what is summed. Imported by adapters when they are compiled, since it needs numba; the
widths stand in `bands`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from interactive_train.kernels.bands import LANE_BYTES, ROWS

_WORD = ir.IntType(64)
_declared: Any = cgutils.get_or_insert_function


class _Vectors:
    """Loads, stores and products of one vector type."""

    def __init__(self, context: Any, builder: Any, kind: Any) -> None:
        self.builder = builder
        self.real = context.get_value_type(kind)
        self.item = 4 if isinstance(self.real, ir.FloatType) else 8
        self.count = LANE_BYTES // self.item
        self.type = ir.VectorType(self.real, self.count)
        self.zero = ir.Constant(self.type, [0.0] * self.count)
        name = f"v{self.count}f{8 * self.item}"
        three = ir.FunctionType(self.type, [self.type] * 3)
        self._product = _declared(builder.module, three, f"llvm.fmuladd.{name}")
        self._masks = ir.VectorType(ir.IntType(1), self.count)
        self._some = _declared(
            builder.module,
            ir.FunctionType(
                self.type, [self.type.as_pointer(), ir.IntType(32), self._masks, self.type]
            ),
            f"llvm.masked.load.{name}.p0{name}",
        )
        self._put = _declared(
            builder.module,
            ir.FunctionType(
                ir.VoidType(), [self.type, self.type.as_pointer(), ir.IntType(32), self._masks]
            ),
            f"llvm.masked.store.{name}.p0{name}",
        )

    def word(self, value: int) -> Any:
        return ir.Constant(_WORD, value)

    def plus(self, address: Any, *offsets: Any) -> Any:
        for offset in offsets:
            step = self.word(offset) if isinstance(offset, int) else offset
            address = self.builder.add(address, step)
        return address

    def pointer(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, kind.as_pointer())

    def integer(self, address: Any) -> Any:
        return self.builder.load(self.pointer(address, _WORD))

    def load(self, address: Any) -> Any:
        return self.builder.load(self.pointer(address, self.type), align=self.item)

    def load_some(self, address: Any, mask: Any) -> Any:
        align = ir.Constant(ir.IntType(32), self.item)
        pointer = self.pointer(address, self.type)
        return self.builder.call(self._some, [pointer, align, mask, self.zero])

    def store_some(self, value: Any, address: Any, mask: Any) -> None:
        align = ir.Constant(ir.IntType(32), self.item)
        self.builder.call(self._put, [value, self.pointer(address, self.type), align, mask])

    def first(self, count: Any) -> Any:
        """Return the mask of the first lanes."""
        lanes = ir.VectorType(_WORD, self.count)
        numbers = ir.Constant(lanes, list(range(self.count)))
        return self.builder.icmp_signed("<", numbers, self._repeated(count, lanes))

    def repeat(self, address: Any) -> Any:
        return self._repeated(self.builder.load(self.pointer(address, self.real)), self.type)

    def _repeated(self, value: Any, kind: Any) -> Any:
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.count), [0] * self.count)
        return self.builder.shuffle_vector(one, nothing, places)

    def store(self, value: Any, address: Any) -> None:
        self.builder.store(value, self.pointer(address, self.type), align=self.item)

    def registers(self, count: int) -> list[Any]:
        """Return places that the compiler keeps in registers, with zeros in them."""
        with self.builder.goto_entry_block():
            places = [self.builder.alloca(self.type) for _ in range(count)]
        for place in places:
            self.builder.store(self.zero, place)
        return places

    def accumulate(self, place: Any, x: Any, y: Any) -> None:
        total = self.builder.call(self._product, [x, y, self.builder.load(place)])
        self.builder.store(total, place)


@intrinsic
def copy(typing: Any, like: Any, to: Any, source: Any, count: Any) -> Any:
    """Copy `count` elements; of zeros where the source's address is 0."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, to, source, count = values
        whole = builder.sdiv(count, v.word(v.count))
        left = builder.srem(count, v.word(v.count))
        tail = builder.mul(whole, v.word(LANE_BYTES))
        mask = v.first(left)
        with builder.if_else(builder.icmp_signed("!=", source, v.word(0))) as (given, zeros):
            with given:
                with cgutils.for_range(builder, whole) as loop:
                    at = builder.mul(loop.index, v.word(LANE_BYTES))
                    v.store(v.load(v.plus(source, at)), v.plus(to, at))
                v.store_some(v.load_some(v.plus(source, tail), mask), v.plus(to, tail), mask)
            with zeros:
                with cgutils.for_range(builder, whole) as loop:
                    v.store(v.zero, v.plus(to, builder.mul(loop.index, v.word(LANE_BYTES))))
                v.store_some(v.zero, v.plus(to, tail), mask)
        return context.get_dummy_value()

    return types.void(like, types.int64, types.int64, types.int64), generate


@intrinsic(prefer_literal=True)
def correlate(
    typing: Any,
    like: Any,
    rows: Any,
    vectors: Any,
    fresh: Any,
    out: Any,
    step: Any,
    x: Any,
    offsets: Any,
    weights: Any,
    units: Any,
) -> Any:
    """out[r, lane] = (0 if fresh else itself) + sum over u of weights[u, r] x[offsets[u] + lane].

    r < rows and lane < vectors * lanes of a vector, both literals; `weights` has ROWS columns,
    rows of out are `step` bytes apart, offsets are in bytes.
    """
    if not isinstance(rows, types.IntegerLiteral) or not isinstance(vectors, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, _, _, fresh, out, step, x, offsets, weights, units = values
        many = vectors.literal_value
        places = [(r, k) for r in range(rows.literal_value) for k in range(many)]
        sums = v.registers(len(places))

        def target(r: int, k: int) -> Any:
            return v.plus(out, builder.mul(step, v.word(r)), LANE_BYTES * k)

        with builder.if_then(builder.icmp_signed("==", fresh, v.word(0))):
            for (r, k), place in zip(places, sums, strict=True):
                builder.store(v.load(target(r, k)), place)
        with cgutils.for_range(builder, units) as loop:
            offset = v.integer(v.plus(offsets, builder.mul(loop.index, v.word(8))))
            row = v.plus(weights, builder.mul(loop.index, v.word(ROWS * v.item)))
            given = [v.load(v.plus(x, offset, LANE_BYTES * k)) for k in range(many)]
            for r in range(rows.literal_value):
                weight = v.repeat(v.plus(row, r * v.item))
                for k in range(many):
                    v.accumulate(sums[r * many + k], weight, given[k])
        for (r, k), place in zip(places, sums, strict=True):
            v.store(builder.load(place), target(r, k))
        return context.get_dummy_value()

    wide = [types.int64] * 7
    return types.void(like, rows, vectors, *wide), generate


@intrinsic(prefer_literal=True)
def pair_up(
    typing: Any,
    like: Any,
    vectors: Any,
    out: Any,
    step: Any,
    x: Any,
    offsets: Any,
    g: Any,
    g_step: Any,
    count: Any,
) -> Any:
    """out[r, lane] += sum over t < count of x[offsets[r] + t] g[t, lane], for r < ROWS.

    lane < vectors * lanes of a vector, `vectors` a literal; rows of out are `step`, those of g
    `g_step` bytes apart, offsets are in bytes.
    """
    if not isinstance(vectors, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, _, out, step, x, offsets, g, g_step, count = values
        many = vectors.literal_value
        places = [(r, k) for r in range(ROWS) for k in range(many)]
        sums = v.registers(len(places))
        rows = [v.plus(x, v.integer(v.plus(offsets, 8 * r))) for r in range(ROWS)]
        with cgutils.for_range(builder, count) as loop:
            row = v.plus(g, builder.mul(loop.index, g_step))
            given = [v.load(v.plus(row, LANE_BYTES * k)) for k in range(many)]
            at = builder.mul(loop.index, v.word(v.item))
            for r in range(ROWS):
                factor = v.repeat(v.plus(rows[r], at))
                for k in range(many):
                    v.accumulate(sums[r * many + k], factor, given[k])
        for (r, k), place in zip(places, sums, strict=True):
            target = v.plus(out, builder.mul(step, v.word(r)), LANE_BYTES * k)
            v.store(builder.fadd(v.load(target), builder.load(place)), target)
        return context.get_dummy_value()

    return types.void(like, vectors, *[types.int64] * 7), generate


@intrinsic
def turn(typing: Any, like: Any, to: Any, to_step: Any, source: Any, step: Any) -> Any:
    """Transpose a square block of as many rows as a vector has lanes; steps are in bytes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, to, to_step, source, step = values
        half, places = v.count // 2, ir.VectorType(ir.IntType(32), v.count)
        rows = [v.load(v.plus(source, builder.mul(step, v.word(r)))) for r in range(v.count)]
        # Zip the first half of the rows with the second until every row is a column.
        for _ in range(v.count.bit_length() - 1):
            zipped = []
            for one, other in zip(rows[:half], rows[half:], strict=True):
                for start in (0, half):
                    order = [i + s for i in range(start, start + half) for s in (0, v.count)]
                    mask = ir.Constant(places, order)
                    zipped.append(builder.shuffle_vector(one, other, mask))
            rows = zipped
        for r, row in enumerate(rows):
            v.store(row, v.plus(to, builder.mul(to_step, v.word(r))))
        return context.get_dummy_value()

    return types.void(like, *[types.int64] * 4), generate


@intrinsic(prefer_literal=True)
def multiply(
    typing: Any,
    like: Any,
    rows: Any,
    vectors: Any,
    more: Any,
    a: Any,
    a_step: Any,
    b: Any,
    b_step: Any,
    c: Any,
    c_step: Any,
    depth: Any,
) -> Any:
    """c[r, lane] = (itself if more else 0) + sum over p < depth of a[r, p] b[p, lane].

    r < rows and lane < vectors * lanes of a vector, both literals; rows are `..._step` bytes apart.
    """
    if not isinstance(rows, types.IntegerLiteral) or not isinstance(vectors, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, _, _, more, a, a_step, b, b_step, c, c_step, depth = values
        high, many = rows.literal_value, vectors.literal_value
        sums = v.registers(high * many)
        lefts = [v.plus(a, builder.mul(a_step, v.word(r))) for r in range(high)]
        targets = [
            v.plus(c, builder.mul(c_step, v.word(r)), LANE_BYTES * k)
            for r in range(high)
            for k in range(many)
        ]
        with builder.if_then(builder.icmp_signed("!=", more, v.word(0))):
            for place, target in zip(sums, targets, strict=True):
                builder.store(v.load(target), place)
        with cgutils.for_range(builder, depth) as loop:
            row = v.plus(b, builder.mul(loop.index, b_step))
            given = [v.load(v.plus(row, LANE_BYTES * k)) for k in range(many)]
            at = builder.mul(loop.index, v.word(v.item))
            for r in range(high):
                factor = v.repeat(v.plus(lefts[r], at))
                for k in range(many):
                    v.accumulate(sums[r * many + k], factor, given[k])
        for place, target in zip(sums, targets, strict=True):
            v.store(builder.load(place), target)
        return context.get_dummy_value()

    return types.void(like, rows, vectors, *[types.int64] * 8), generate


@intrinsic
def put_back(typing: Any, like: Any, out: Any, g: Any, x: Any, step: Any, count: Any) -> Any:
    """For each of a row of 2 x 2 windows of x, put g where the window is largest, else zeros.

    The two rows of x, and of out, are `step` bytes apart.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        v = _Vectors(context, builder, like)
        _, out, g, x, step, count = values
        places = ir.VectorType(ir.IntType(32), v.count)

        def shuffled(one: Any, other: Any, order: list[int]) -> Any:
            return builder.shuffle_vector(one, other, ir.Constant(places, order))

        def wins(one: Any, best: Any) -> Any:
            larger = builder.fcmp_ordered(">", one, best)
            return builder.or_(larger, builder.fcmp_unordered("uno", one, one))

        zipped = [i + s for i in range(v.count) for s in (0, v.count)]
        passes = builder.sdiv(builder.add(count, v.word(v.count - 1)), v.word(v.count))
        with cgutils.for_range(builder, passes) as loop:
            left = builder.sub(count, builder.mul(loop.index, v.word(v.count)))
            doubled = builder.add(left, left)
            masks = [v.first(doubled), v.first(builder.sub(doubled, v.word(v.count)))]
            at = builder.mul(loop.index, v.word(LANE_BYTES))
            given = v.load_some(v.plus(g, at), v.first(left))
            window = []
            for row in (x, v.plus(x, step)):
                halves = [
                    v.load_some(v.plus(row, at, at, LANE_BYTES * k), masks[k]) for k in range(2)
                ]
                window += [
                    shuffled(halves[0], halves[1], list(range(start, 2 * v.count, 2)))
                    for start in (0, 1)
                ]
            best: Any = window[0]
            chosen: list[Any] = [None] * 4
            for k in (1, 2, 3):
                chosen[k] = wins(window[k], best)
                best = builder.select(chosen[k], window[k], best)
            shares = []
            for k in (3, 2, 1):  # the last to win has it
                shares.append(builder.select(chosen[k], given, v.zero))
                given = builder.select(chosen[k], v.zero, given)
            shares = [given, *reversed(shares)]
            for row, pair in ((out, shares[:2]), (v.plus(out, step), shares[2:])):
                for k in range(2):
                    order = zipped[k * v.count : (k + 1) * v.count]
                    target = v.plus(row, at, at, LANE_BYTES * k)
                    v.store_some(shuffled(pair[0], pair[1], order), target, masks[k])
        return context.get_dummy_value()

    return types.void(like, *[types.int64] * 5), generate
