"""From a plain loop to the source of its native adapter.

The adapter is an ordinary Python module, readable on its own: one ``entry`` that takes
arrays as pointers and sizes as words and then *is* the loop, and the helpers that the loop
calls. Three rewrites make it typed: float literals and
float constants become ``T(...)``, other constants of the kernels package are written out, and
annotations and docstrings go. A fourth makes it quick: ``np.exp`` and its like become
helpers from `transcendental`. It is one function, since each further one costs numba as
much time as the first.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

import numpy as np

from interactive_train.kernels import bits, transcendental
from interactive_train.kernels.kernel import Kernel, tree_of

PACKAGE = "interactive_train.kernels"

# NaN, Inf, subnormal numbers and the order of operations stay as written: no `nnan`, `ninf`,
# `arcp` (a reciprocal overflows where the quotient does not), no `afn`. Only `contract`
# (fused multiply-add), and reordering in the sums that ask for it.
OPTIONS = {"contract"}
REORDER = {"contract", "nsz", "reassoc"}

# What a kernel says, and the function of `transcendental` that takes its place: the C library's
# own compute one element at a time.
FUNCTIONS = {
    f"{module}.{name}": name
    for module in ("np", "math")
    for name in ("exp", "expm1", "log", "log1p", "tanh", "erf")
}

HEADER = '''"""Adapter of the kernel {name} for {dtype}; generated, do not edit."""
import math

import numpy as np
from numba import cfunc, njit, types

from interactive_train.kernels.native import accumulate, array_at, call_gemm, exponent
from interactive_train.kernels.native import mantissa, rank, square_root, two_to, unrank
from interactive_train.kernels.native import wide_product
from interactive_train.kernels.pipeline import Pipeline
from interactive_train.kernels.native import workspace
from interactive_train.kernels.tiles import copy, correlate, multiply, pair_up, put_back, turn

T = np.{dtype}
WORD = types.int64
POINTER = types.CPointer(WORD)
# Nothing is allocated, so that nothing is counted either.
COMMON = dict(error_model="numpy", _nrt=False, pipeline_class=Pipeline)
OPTIONS = dict(fastmath={fastmath}, **COMMON)
EXACT = dict(fastmath={{'contract'}}, **COMMON)
BARE = dict(no_cpython_wrapper=True, no_cfunc_wrapper=True)
'''
TYPES = {
    "T": "T",
    "i8": "np.int64",
    "u8": "np.uint64",
    "b1": "np.bool_",
    "f4": "np.float32",
    "f8": "np.float64",
}


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

    Raises
    ------
    TypeError
        For any other dtype.
    """
    if dtype.name not in ("float32", "float64"):
        raise TypeError(f"kernel {kernel.name}: T is float32 or float64; got {dtype}.")
    helpers: dict[str, str] = {}
    assert isinstance(kernel.function, FunctionType)
    tree = _typed(kernel.function, helpers, dtype, kernel.native or kernel.text)
    fastmath = "{" + ", ".join(map(repr, sorted(REORDER if kernel.reorder else OPTIONS))) + "}"
    head = HEADER.format(name=kernel.name, dtype=dtype.name, fastmath=fastmath)
    return "\n\n".join([head, *helpers.values(), _entry(kernel, tree, in_place)])


def _entry(kernel: Kernel, tree: ast.FunctionDef, in_place: bool) -> str:
    parameters, kinds, arrays = [], [], []
    written = next(operand.name for operand in kernel.operands if operand.role == "written")
    read = next((operand.name for operand in kernel.operands if operand.role == "read"), "")
    for operand in kernel.operands:
        if operand.role == "size":
            parameters.append(operand.name)
            kinds.append("WORD")
            continue
        parameters.append(f"{operand.name}_")
        kinds.append("POINTER")
        if in_place and operand.name == read:
            arrays.append(f"    {operand.name} = {written}")
        else:
            shape, kind = ", ".join(operand.extents), TYPES[operand.type]
            arrays.append(f"    {operand.name} = array_at({operand.name}_, ({shape},), {kind})")
    body = ast.unparse(ast.Module(tree.body, []))
    return "\n".join(
        [
            f"@cfunc(WORD({', '.join(kinds)}), **OPTIONS)",
            f"def entry({', '.join(parameters)}):",
            *arrays,
            *("    " + line for line in body.splitlines()),
            "",
        ]
    )


def _typed(
    function: FunctionType, helpers: dict[str, str], dtype: np.dtype[np.generic], text: str = ""
) -> ast.FunctionDef:
    """Return the rewritten tree of a function; collect the helpers that it calls."""
    tree = tree_of(function, text)
    names = {argument.arg for argument in tree.args.args}
    names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_stored(n)}
    _Typing(function.__globals__, names, helpers, dtype).visit(tree)
    return ast.fix_missing_locations(tree)


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


class _Typing(ast.NodeTransformer):
    """Give literals and constants a type, follow calls to helpers."""

    def __init__(
        self,
        scope: dict[str, Any],
        names: set[str],
        helpers: dict[str, str],
        dtype: np.dtype[np.generic],
    ) -> None:
        self.scope, self.names, self.helpers, self.dtype = scope, names, helpers, dtype

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _cast("T", node) if isinstance(node.value, float) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        # np.sqrt would be a call that sets errno, which no compiler vectorises.
        if ast.unparse(node) == "np.sqrt":
            return ast.Name("square_root", ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = FUNCTIONS.get(ast.unparse(node.func))
        if name is None:
            return self.generic_visit(node)
        kind = "single" if self.dtype == np.float32 else "double"
        function = getattr(transcendental, f"{name}_{kind}")
        self._follow(function)
        # Its polynomial is for T alone.
        taken: list[ast.expr] = [_cast("T", self.visit(argument)) for argument in node.args]
        return ast.Call(ast.Name(function.__name__, ast.Load()), taken, [])

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names or node.id not in self.scope:
            return node
        value = self.scope[node.id]
        if isinstance(value, FunctionType) and (value.__module__ or "").startswith(PACKAGE):
            if value.__module__ != bits.__name__:  # those are imported from `native`
                self._follow(value)
        elif isinstance(value, np.uint64):
            return _cast("np.uint64", ast.Constant(int(value)))
        elif isinstance(value, float):
            return _cast("T", ast.Constant(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            return ast.Constant(value)
        return node

    def _follow(self, function: FunctionType) -> None:
        """Add a helper, behind those that it calls itself."""
        name = function.__name__
        if name in self.helpers:
            return
        self.helpers[name] = ""
        tree = _typed(function, self.helpers, self.dtype)
        del self.helpers[name]
        # Reordering would undo a reduction of the range.
        options = "EXACT" if function.__module__ == transcendental.__name__ else "OPTIONS"
        self.helpers[name] = f"@njit(**BARE, **{options})\n" + ast.unparse(tree)


def _cast(kind: str, node: ast.expr) -> ast.Call:
    return ast.Call(ast.parse(kind, mode="eval").body, [node], [])
