"""Cost: how many operations and bytes a kernel call takes, the one place that knows.

Operations are additions, multiplications, comparisons and functions of floating numbers, each
counted as one. For kernels whose plain loops say it, they are counted there: operations in the
body times the extents of the loops around it. Kernels that hand their work to a library or step
through time have a formula. Bytes are those that a call has to move if every operand is moved
once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from interactive_train.kernels.kernel import Kernel, tree_of
from interactive_train.program.program import Op

Sizes = Mapping[str, int]

# One core's, per second; for estimates that must not depend on the machine or its mood.
PEAK, BANDWIDTH = 80e9, 15e9
PER_GATE = 8  # operations per gate and element of a recurrent cell beside its product


def flops(op: Op) -> int:
    """Return the floating operations of a call.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train.kernels.movement import COPY
    >>> flops(Op(COPY, np.dtype(np.float32), (np.zeros(5), np.zeros(5), 5)))
    0
    """
    sizes = op.sizes
    formula = _FORMULAS.get(op.kernel.name)
    if formula is not None:
        return formula(sizes)
    return sum(count * _extent(loops, sizes) for count, loops in counted(op.kernel))


def nbytes(op: Op) -> int:
    """Return the bytes that a call reads and writes; what it reads and replaces counts twice."""
    sizes, item = op.sizes, op.floating.itemsize
    formula = _MOVED.get(op.kernel.name)
    if formula is not None:
        return formula(sizes) * item
    total = 0
    for declared in op.kernel.operands:
        if declared.role != "size":
            own = declared.count(sizes) * declared.dtype(op.floating).itemsize
            replaced = declared.role == "written" and f" = {declared.name}[" in op.kernel.text
            total += own * (2 if replaced else 1)
    return total


def seconds(op: Op) -> float:
    """Return about how long one core needs for a call."""
    return flops(op) / PEAK + nbytes(op) / BANDWIDTH


# What the loops themselves say -------------------------------------------------------------------


@lru_cache(maxsize=2048)
def counted(kernel: Kernel) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return (operations, extents of the loops around them) for each statement of a plain loop."""
    found: list[tuple[int, tuple[str, ...]]] = []
    _statements(tree_of(kernel.function, kernel.text).body, (), found)
    return tuple(found)


def _statements(
    body: list[ast.stmt], loops: tuple[str, ...], found: list[tuple[int, tuple[str, ...]]]
) -> None:
    for statement in body:
        if isinstance(statement, ast.For):
            assert isinstance(statement.iter, ast.Call)
            limits = [ast.unparse(argument) for argument in statement.iter.args]
            extent = limits[0] if len(limits) == 1 else f"({limits[1]}) - ({limits[0]})"
            _statements(statement.body, (*loops, extent), found)
        elif isinstance(statement, (ast.If, ast.While)):
            found.append((_operations(statement.test), loops))
            test = ast.unparse(statement.test)  # of sizes: a factor of 0 or 1; of values: both ways
            _statements(statement.body, (*loops, f"1 if {test} else 0"), found)
            _statements(statement.orelse, (*loops, f"0 if {test} else 1"), found)
        elif isinstance(statement, (ast.Assign, ast.AugAssign)):
            own = isinstance(statement, ast.AugAssign)
            found.append((own + _operations(statement.value), loops))


def _operations(node: ast.AST) -> int:
    """Return the operations of an expression, without those that only find an element."""
    if isinstance(node, ast.Subscript):
        return 0
    own = isinstance(node, (ast.BinOp, ast.Compare))
    own = own or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub))
    own = own or (isinstance(node, ast.Call) and not _converts(node))
    return own + sum(_operations(child) for child in ast.iter_child_nodes(node))


def _converts(node: ast.Call) -> bool:
    name = ast.unparse(node.func)
    return name.startswith("np.") and name[-2:] in ("64", "32")


def _extent(loops: tuple[str, ...], sizes: Sizes) -> int:
    total = 1
    for loop in loops:
        total *= _number(loop, sizes)
    return total


def _number(text: str, sizes: Sizes) -> int:
    try:
        return max(0, int(eval(_compiled(text), {"__builtins__": {}}, dict(sizes))))
    except (NameError, TypeError):  # depends on values: a loop of unknown length
        return 1


@lru_cache(maxsize=2048)
def _compiled(text: str) -> Any:
    return compile(text, "<extent>", "eval")


# What a formula says -----------------------------------------------------------------------------


def _product(s: Sizes) -> int:
    return 2 * s["batch"] * s["m"] * s["n"] * s["k"]


def _taps(s: Sizes) -> int:
    return s["depth"] * s["taps_y"] * s["taps_x"]


def _convolution(s: Sizes) -> int:
    if s["transposed"]:
        return 2 * s["images"] * s["sources"] * s["height"] * s["width"] * _taps(s)
    return _weight_gradient(s)


def _weight_gradient(s: Sizes) -> int:
    return 2 * s["images"] * s["targets"] * s["rows"] * s["columns"] * _taps(s)


def _scan(gates: int) -> Callable[[Sizes], int]:
    """Return the formula of a recurrent network: one product and one loop per time step."""

    def formula(s: Sizes) -> int:
        per_unit = gates * (2 * s["hidden"] + PER_GATE)
        return s["batch"] * s["steps"] * s["hidden"] * per_unit

    return formula


def _attention(products: int) -> Callable[[Sizes], int]:
    """Return the formula of attention: so many products over all pairs, and a softmax."""

    def formula(s: Sizes) -> int:
        pairs = s["queries"] * s["keys"]
        if s["causal"]:
            pairs -= s["queries"] * (s["queries"] - 1) // 2
        return s["batch"] * s["heads"] * pairs * (2 * products * s["head"] + 5)

    return formula


def _windows(s: Sizes) -> int:
    counts = s["images"] * s["channels"] * s["rows"] * s["columns"]
    return counts * s.get("window_y", 2) * s.get("window_x", 2)


_FORMULAS: Mapping[str, Callable[[Sizes], int]] = {
    "gemm": _product,
    "steps_product": lambda s: 2 * s["batch"] * s["steps"] * s["rows"] * s["columns"],
    **dict.fromkeys(("convolve", "convolve_plain"), _convolution),
    **dict.fromkeys(("convolve_weight", "convolve_weight_plain"), _weight_gradient),
    **dict.fromkeys(("rnn_scan", "rnn_scan_gradient"), _scan(1)),
    **dict.fromkeys(("gru_scan", "gru_scan_gradient"), _scan(3)),
    **dict.fromkeys(("lstm_scan", "lstm_scan_gradient"), _scan(4)),
    "attention": _attention(2),
    "attention_gradient": _attention(5),
    **dict.fromkeys(
        (
            *("max_pool", "max_pool_gradient", "max_pool_halves_gradient", "max_pool_pick"),
            *("average_pool", "average_pool_gradient"),
        ),
        _windows,
    ),
    **dict.fromkeys(
        (
            *("gather_view", "scatter_view", "copy", "join_two", "take_rows", "take_batch"),
            *("rnn_states", "gru_states", "lstm_states", "keys_at", "advance", "pick", "place"),
        ),
        lambda s: 0,
    ),
    "add_rows": lambda s: s["rows"] * s["columns"],
    "scalars": lambda s: s["length"],
}

# Kernels that see more than they touch: elements moved.
_MOVED: Mapping[str, Callable[[Sizes], int]] = {
    "gather_view": lambda s: 2 * s["rows"] * s["columns"],
    "scatter_view": lambda s: s["span"] + s["rows"] * s["columns"],
    "take_rows": lambda s: 2 * s["rows"] * (s["columns"] + 1),
    "take_batch": lambda s: 2 * s["rows"] * (s["width"] + 1),
    "pick": lambda s: 3 * s["rows"] * s["picks"],
    "steps_product": lambda s: (
        s["batch"] * s["steps"] * (s["rows"] + s["columns"]) + s["rows"] * s["columns"]
    ),
    "scalars": lambda s: 2 * (s["inputs"] + 4 * s["length"]),
    **dict.fromkeys(
        ("rnn_states", "gru_states", "lstm_states"),
        lambda s: 2 * s["batch"] * s["rows"] * s["hidden"],
    ),
}
