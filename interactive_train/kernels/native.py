"""What a native kernel needs and plain Python lacks: pointers, calls through them, the stack.

The functions of `bits` stand here once more, as instructions.

Imported by adapters when they are compiled, never by the package itself, since
it needs numba.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

_BYTES = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)


@intrinsic
def array_at(typing: Any, address: Any, shape: Any, dtype: Any) -> Any:
    """Return the memory at an address, or a pointer, as a contiguous array that nobody owns.

    numba's `carray` does the same in a function of its own, compiled for every kind of array.
    """
    kind = types.Array(dtype.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(kind)(context, builder)
        extents = cgutils.unpack_tuple(builder, values[1])  # type: ignore[no-untyped-call]
        item = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        strides = [ir.Constant(_WORD, item)]
        for extent in reversed(extents[1:]):
            strides.insert(0, builder.mul(strides[0], extent))
        turn = builder.inttoptr if isinstance(address, types.Integer) else builder.bitcast
        data = turn(values[0], array.data.type)
        populate_array(  # type: ignore[no-untyped-call]
            array, data, extents, strides, itemsize=item, meminfo=None
        )
        return array._getvalue()

    return kind(address, shape, dtype), generate


@intrinsic(prefer_literal=True)
def workspace(typing: Any, like: Any, count: Any) -> Any:
    """Return the address of memory on the stack: `count`, a literal, elements of `like`'s type.

    It belongs to the whole call: a place in a loop gives the same memory each time around.
    """
    if not isinstance(count, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.ArrayType(context.get_value_type(like), count.literal_value)
        with builder.goto_entry_block():
            memory = builder.alloca(kind)
        memory.align = 64
        return builder.ptrtoint(memory, ir.IntType(64))

    return types.int64(like, count), generate


@intrinsic
def square_root(typing: Any, x: Any) -> Any:
    """Take the square root as one instruction; NaN for a negative number."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = values[0].type
        function = builder.module.declare_intrinsic("llvm.sqrt", [kind])
        return builder.call(function, values)

    return x(x), generate


def _layout(kind: Any) -> tuple[Any, Any, int, int]:
    """Return a floating type's LLVM type and word, the bits of its fraction and its bias."""
    if kind == types.float32:
        return ir.FloatType(), ir.IntType(32), 23, 127
    return ir.DoubleType(), ir.IntType(64), 52, 1023


def _above_root(builder: Any, x: Any, word: Any, fraction: int) -> tuple[Any, Any]:
    """Return the bits of x, and how far they lie above those of sqrt(1/2)."""
    bits = builder.bitcast(x, word)
    root = 0x3F3504F3 if fraction == 23 else 0x3FE6A09E667F3BCD
    return bits, builder.sub(bits, ir.Constant(word, root))


@intrinsic
def exponent(typing: Any, x: Any) -> Any:
    """`bits.exponent`: the field becomes the fraction of 2**23 (2**52), which is taken off."""
    real, word, fraction, bias = _layout(x)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, above = _above_root(builder, values[0], word, fraction)
        biased = builder.add(above, ir.Constant(word, bias << fraction))
        field = builder.lshr(biased, ir.Constant(word, fraction))
        whole = builder.or_(field, ir.Constant(word, (bias + fraction) << fraction))
        return builder.fsub(builder.bitcast(whole, real), ir.Constant(real, 2.0**fraction + bias))

    return x(x), generate


@intrinsic
def mantissa(typing: Any, x: Any) -> Any:
    """`bits.mantissa`: take the exponent off."""
    real, word, fraction, _ = _layout(x)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits, above = _above_root(builder, values[0], word, fraction)
        field = builder.and_(above, ir.Constant(word, -1 << fraction))
        return builder.bitcast(builder.sub(bits, field), real)

    return x(x), generate


@intrinsic
def two_to(typing: Any, held: Any) -> Any:
    """`bits.two_to`: move the lowest bits into the field of the exponent."""
    real, word, fraction, bias = _layout(held)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], word)
        field = builder.shl(bits, ir.Constant(word, fraction))
        return builder.bitcast(builder.add(field, ir.Constant(word, bias << fraction)), real)

    return held(held), generate


def _turned(builder: Any, bits: Any, word: Any) -> Any:
    """Flip all bits but the sign's where the sign is set: its own inverse."""
    sign = builder.ashr(bits, ir.Constant(word, word.width - 1))
    return builder.xor(bits, builder.lshr(sign, ir.Constant(word, 1)))


@intrinsic
def rank(typing: Any, x: Any) -> Any:
    """`bits.rank`."""
    _, word, _, _ = _layout(x)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _turned(builder, builder.bitcast(values[0], word), word)

    return (types.int32 if x == types.float32 else types.int64)(x), generate


@intrinsic
def unrank(typing: Any, k: Any) -> Any:
    """`bits.unrank`."""
    kind = types.float32 if k == types.int32 else types.float64
    real, word, _, _ = _layout(kind)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(_turned(builder, values[0], word), real)

    return kind(k), generate


@intrinsic
def accumulate(typing: Any, total: Any, x: Any) -> Any:
    """`bits.accumulate`: one addition that may be reordered, where all else keeps its order."""
    if total != x:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values, flags=("reassoc", "nsz", "contract"))

    return x(total, x), generate


@intrinsic
def wide_product(typing: Any, a: Any, b: Any) -> Any:
    """`bits.wide_product`: one instruction for both halves on most processors."""
    word, wide = ir.IntType(64), ir.IntType(128)
    pair: Any = types.UniTuple

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        product = builder.mul(*(builder.zext(value, wide) for value in values))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)
        return context.make_tuple(
            builder, signature.return_type, [high, builder.trunc(product, word)]
        )

    return pair(types.uint64, 2)(types.uint64, types.uint64), generate


@intrinsic
def call_row(typing: Any, address: Any, operands: Any) -> Any:
    """Call an adapter: ``int64 (*address)(int64 *operands)``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [_BYTES])
        function = builder.inttoptr(values[0], kind.as_pointer())
        return builder.call(function, [builder.inttoptr(values[1], _BYTES)])

    return types.int64(types.int64, types.int64), generate


@intrinsic
def call_gemm(
    typing: Any,
    routine: Any,
    transpose_a: Any,
    transpose_b: Any,
    m: Any,
    n: Any,
    k: Any,
    alpha: Any,
    a: Any,
    lda: Any,
    b: Any,
    ldb: Any,
    beta: Any,
    c: Any,
    ldc: Any,
) -> Any:
    """Call a row-major ``cblas_?gemm`` with 32-bit sizes through its address."""
    size, wide = ir.IntType(32), types.int64

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real = context.get_value_type(alpha)
        kind = ir.FunctionType(
            ir.VoidType(),
            [size] * 6 + [real, _BYTES, size, _BYTES, size, real, _BYTES, size],
        )
        function = builder.inttoptr(values[0], kind.as_pointer())

        def narrow(value: Any) -> Any:
            return builder.trunc(value, size)

        def transposition(flag: Any) -> Any:  # CblasNoTrans = 111, CblasTrans = 112
            return builder.add(narrow(flag), ir.Constant(size, 111))

        builder.call(
            function,
            [
                ir.Constant(size, 101),  # CblasRowMajor
                transposition(values[1]),
                transposition(values[2]),
                narrow(values[3]),
                narrow(values[4]),
                narrow(values[5]),
                values[6],
                builder.inttoptr(values[7], _BYTES),
                narrow(values[8]),
                builder.inttoptr(values[9], _BYTES),
                narrow(values[10]),
                values[11],
                builder.inttoptr(values[12], _BYTES),
                narrow(values[13]),
            ],
        )
        return context.get_dummy_value()

    integers = [wide] * 6
    return types.void(*integers, alpha, wide, wide, wide, wide, beta, wide, wide), generate


def _word_at(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _WORD.as_pointer())


@intrinsic
def atomic_load(typing: Any, address: Any) -> Any:
    """Read an int64 word; what another thread wrote before it stored the word is then seen."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_word_at(builder, values[0]), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def atomic_store(typing: Any, address: Any, value: Any) -> Any:
    """Write an int64 word, after everything that this thread wrote before."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], _word_at(builder, values[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def atomic_add(typing: Any, address: Any, value: Any) -> Any:
    """Add to an int64 word and return what it was; orders like a load and a store."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", _word_at(builder, values[0]), values[1], "acq_rel")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def atomic_swap(typing: Any, address: Any, expected: Any, value: Any) -> Any:
    """Replace an int64 word if it is as expected; return whether it was."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = _word_at(builder, values[0])
        result = builder.cmpxchg(word, values[1], values[2], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def pause(typing: Any) -> Any:
    """Tell the processor that this thread waits in a loop; nothing where it has no such hint."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        machine, nothing = platform.machine().lower(), ir.VoidType()
        if machine in ("x86_64", "amd64"):
            function = builder.module.declare_intrinsic(
                "llvm.x86.sse2.pause", fnty=ir.FunctionType(nothing, [])
            )
            builder.call(function, [])
        elif machine in ("aarch64", "arm64"):
            hint = ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.aarch64.hint", fnty=ir.FunctionType(nothing, [hint])
            )
            builder.call(function, [ir.Constant(hint, 1)])  # yield
        return context.get_dummy_value()

    return types.void(), generate
