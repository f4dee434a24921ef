"""From a plain loop to the source of its native adapter.

The adapter is an ordinary Python module, readable on its own: the loop, the
helpers that it calls, and an entry point with the C signature
``int64 entry(int64 *operands)``. Three rewrites make it typed: float literals
and float constants become ``T(...)``, other constants of the kernels package
are written out, and annotations and docstrings go.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Kernel

PACKAGE = "interactive_train.kernels"

# NaN and Inf stay honest: no `nnan`, no `ninf`.
HEADER = '''"""Adapter of the kernel {name} for {dtype}; generated, do not edit."""
import math

import numpy as np
from numba import carray, cfunc, njit, types

from interactive_train.kernels.native import call_gemm, pointer, square_root

T = np.{dtype}
OPTIONS = dict(error_model="numpy", fastmath={{"contract", "reassoc", "nsz", "arcp", "afn"}})
'''


def adapter_source(kernel: Kernel, dtype: np.dtype[np.generic], in_place: bool = False) -> str:
    """Return the module source of a kernel's adapter.

    Parameters
    ----------
    kernel : Kernel
    dtype : numpy.dtype
        What `T` stands for: float32 or float64.
    in_place : bool
        Make the variant whose first array read is the first array written. The two
        are then one name, so that the compiler still vectorises; with two names
        for one buffer it falls back to scalar code.
    """
    parts = [HEADER.format(name=kernel.name, dtype=dtype.name)]
    if kernel.native:
        parts.append("@njit(**OPTIONS)" + kernel.native)
    else:
        helpers: dict[str, str] = {}
        body = _typed(kernel.function, helpers, kernel.text)
        parts.extend([*helpers.values(), body])
    parts.append(_entry(kernel, in_place))
    return "\n\n".join(parts)


def _entry(kernel: Kernel, in_place: bool) -> str:
    sizes, arrays, call = [], [], []
    written = next(operand.name for operand in kernel.operands if operand.role == "written")
    read = next((operand.name for operand in kernel.operands if operand.role == "read"), "")
    for position, operand in enumerate(kernel.operands):
        call.append(written if in_place and operand.name == read else operand.name)
        if operand.role == "size":
            sizes.append(f"    {operand.name} = p[{position}]")
            continue
        kind = {"T": "T", "i8": "np.int64", "u8": "np.uint64", "b1": "np.bool_"}.get(
            operand.type, {"f4": "np.float32", "f8": "np.float64"}.get(operand.type, "")
        )
        shape = ", ".join(operand.extents)
        arrays.append(
            f"    {operand.name} = carray(pointer(p[{position}]), ({shape},), dtype={kind})"
        )
    return "\n".join(
        [
            "@cfunc(types.int64(types.CPointer(types.int64)), **OPTIONS)",
            "def entry(p):",
            *sizes,
            *arrays,
            f"    return {kernel.function.__name__}({', '.join(call)})",
            "",
        ]
    )


def _typed(function: Callable[..., Any], helpers: dict[str, str], text: str = "") -> str:
    """Return the rewritten source of a function; collect those that it calls."""
    assert isinstance(function, FunctionType)
    source = text or textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    typed = _Typing(function.__globals__, {a.arg for a in tree.args.args}, helpers).visit(tree)
    return "@njit(**OPTIONS)\n" + ast.unparse(ast.fix_missing_locations(typed))


class _Typing(ast.NodeTransformer):
    """Give literals and constants a type, drop annotations, follow calls to helpers."""

    def __init__(self, scope: dict[str, Any], names: set[str], helpers: dict[str, str]) -> None:
        self.scope, self.names, self.helpers = scope, names, helpers

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:]
        self.generic_visit(node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _cast("T", node) if isinstance(node.value, float) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        # np.sqrt would be a call that sets errno, which no compiler vectorises.
        if ast.unparse(node) == "np.sqrt":
            return ast.Name("square_root", ast.Load())
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names or node.id not in self.scope:
            return node
        value = self.scope[node.id]
        if isinstance(value, FunctionType) and (value.__module__ or "").startswith(PACKAGE):
            if node.id not in self.helpers:
                self.helpers[node.id] = ""
                source = _typed(value, self.helpers)
                del self.helpers[node.id]  # behind the helpers that it calls itself
                self.helpers[node.id] = source
        elif isinstance(value, np.uint64):
            return _cast("np.uint64", ast.Constant(int(value)))
        elif isinstance(value, float):
            return _cast("T", ast.Constant(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            return ast.Constant(value)
        return node


def _cast(kind: str, node: ast.Constant) -> ast.AST:
    return ast.Call(ast.parse(kind, mode="eval").body, [node], [])
