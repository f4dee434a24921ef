"""What a native kernel needs and plain Python lacks: pointers, calls through them, the stack.

Imported by adapters when they are compiled, never by the package itself, since
it needs numba.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BYTES = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """Turn an address into an untyped pointer."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], _BYTES)

    return types.voidptr(types.int64), generate


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
