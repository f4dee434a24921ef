"""What a native kernel needs and plain Python lacks: pointers, calls through them, a bare sqrt.

Imported by adapters when they are compiled, never by the package itself, since
it needs numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BYTES = ir.IntType(8).as_pointer()


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """Turn an address into an untyped pointer."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], _BYTES)

    return types.voidptr(types.int64), generate


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
