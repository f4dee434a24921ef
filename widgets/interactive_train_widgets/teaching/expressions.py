"""Formulas as text, worked out and drawn: one expression gives the value and both pictures of it.

An expression is written in Python's arithmetic, ``beta1 * m + (1 - beta1) * g``. `evaluate` works
it out on whole arrays; `drawn` returns it as nested lists, with names or with the numbers of one
element in their place, which the page turns into MathML; `plain` as a line of text. Only
arithmetic, comparisons and the functions below are known; anything else is an error.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from interactive_train.optim.large import orthogonal

Tree = list[Any]
Values = Mapping[str, Any]
Index = tuple[int, ...]

SYMBOLS = {
    "x": "w", "g": "g", "dx": "Δ", "lr": "η", "momentum": "μ", "weight_decay": "λ",
    "beta1": "β₁", "beta2": "β₂", "eps": "ε", "velocity": "v", "m_hat": "m̂", "v_hat": "v̂",
    "s_hat": "ŝ", "p1": "β₁ᵗ", "p2": "β₂ᵗ", "beta1_power": "β₁ᵗ⁻¹", "beta2_power": "β₂ᵗ⁻¹",
    "count": "t", "rho": "ρ", "rho_inf": "ρ∞", "largest": "vₘₐₓ", "last": "a₋₁", "decay": "ρ",
    "mean": "ḡ", "variance": "σ²", "gradients": "G", "steps": "D", "sum": "S", "norm": "‖g‖",
    "norm_x": "‖w‖", "norm_u": "‖u‖", "ratio": "φ", "rows": "R", "columns": "C", "share": "b",
    "excess": "d", "size": "s", "rate": "α", "eta_plus": "η⁺", "eta_minus": "η⁻",
    "min_step": "sₘᵢₙ", "max_step": "sₘₐₓ", "before": "g₋₁", "agreement": "a", "used": "g′",
    "delta": "δ", "max_norm": "c", "beta2_decay": "κ", "eps_scale": "ε₂",
    "clipping_threshold": "d₀", "factor": "f", "turned": "O", "push": "p",
}  # fmt: skip


def _norm(v: Any) -> Any:
    return np.sqrt(np.sum(np.square(v)))


def _rms(v: Any) -> Any:
    return np.sqrt(np.mean(np.square(v)))


def _turned(v: Any, steps: Any) -> Any:
    return np.asarray(orthogonal(np.asarray(v), int(steps)))


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign, "max": np.maximum, "min": np.minimum,
}  # fmt: skip
WHOLE: dict[str, Callable[..., Any]] = {  # of whole arrays: no numbers of one element to fill in
    "norm_of": _norm,
    "rms_of": _rms,
    "row_mean": lambda v: np.mean(v, axis=-1, keepdims=True),
    "column_mean": lambda v: np.mean(v, axis=-2, keepdims=True),
    "turned_of": _turned,
}
WORDS = {
    "norm_of": "norm of all",
    "rms_of": "root mean square of all",
    "row_mean": "mean along the row of",
    "column_mean": "mean along the column of",
    "turned_of": "orthogonalised",
}
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow, ast.USub: operator.neg,
    ast.Gt: operator.gt, ast.Lt: operator.lt,
}  # fmt: skip
SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Gt: ">", ast.Lt: "<"}
SUM, PRODUCT, POWER, ATOM = range(4)


@cache
def parse(text: str) -> ast.expr:
    """Return the expression of a formula."""
    return ast.parse(text, mode="eval").body


def evaluate(text: str, values: Values) -> Any:
    """Return the value of an expression, on arrays or numbers.

    Examples
    --------
    >>> float(evaluate("lr * m / (sqrt(v) + eps)", {"lr": 0.1, "m": 2.0, "v": 4.0, "eps": 0.0}))
    0.1
    """
    with np.errstate(all="ignore"):
        return _value(parse(text), values)


def _value(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_value(operand, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            parts = (_value(part, values) for part in (test, body, orelse))
            return np.where(*parts)
        case ast.Call(func=ast.Name(id=name), args=args):
            return (ELEMENTWISE | WHOLE)[name](*(_value(part, values) for part in args))
    raise ValueError(f"formula: {ast.unparse(node)!r} is no arithmetic")


def element(value: Any, index: Index, shape: tuple[int, ...]) -> float:
    """Return what a value is for one element of an array of a shape."""
    array = np.asarray(value)
    return float(np.broadcast_to(array, shape)[index] if array.ndim else array)


def number(value: float) -> str:
    """Return a number in at most four significant digits.

    Examples
    --------
    >>> number(-0.000123456), number(0.9), number(12345.6)
    ('−1.235e−4', '0.9', '1.235e4')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value != 0 and not 1e-3 <= abs(value) < 1e4:
        mantissa, power = f"{value:.3e}".split("e")
        text = f"{float(mantissa):g}e{int(power)}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", "−")


class Drawer:
    """Draws expressions, with names or with the numbers of one element."""

    def __init__(self, values: Values, index: Index, shape: tuple[int, ...], filled: bool) -> None:
        self._values, self._index, self._shape = values, index, shape
        self._filled = filled

    def draw(self, text: str) -> Tree:
        """Return an expression as nested lists: what stands there, and its parts."""
        return self._node(parse(text))[0]

    def _at(self, node: ast.expr) -> float:
        return element(_value(node, self._values), self._index, self._shape)

    def _node(self, node: ast.expr) -> tuple[Tree, int]:
        """Return a part and how strongly it holds together."""
        match node:
            case ast.Constant(value=int() | float() as constant):
                return ["num", number(constant), ""], ATOM
            case ast.Name(id=name):
                if not self._filled:
                    return ["var", SYMBOLS.get(name, name), name], ATOM
                value = element(self._values[name], self._index, self._shape)
                return ["num", number(value), name], ATOM if value >= 0 else SUM
            case ast.UnaryOp(operand=operand):
                return ["row", ["text", "−"], self._tied(operand, PRODUCT)], SUM
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return ["frac", self._node(left)[0], self._node(right)[0]], PRODUCT
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return ["sup", self._tied(left, ATOM), self._node(right)[0]], POWER
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                sign = ["op", "·" if self._filled or isinstance(left, ast.Constant) else "⁢"]
                parts = ["row", self._tied(left, PRODUCT), sign, self._tied(right, PRODUCT)]
                return parts, PRODUCT
            case ast.BinOp(left=left, op=op, right=right):
                after = PRODUCT if isinstance(op, ast.Sub) or self._filled else SUM
                sign = ["op", SIGNS[type(op)]]
                return ["row", self._node(left)[0], sign, self._tied(right, after)], SUM
            case ast.IfExp(test=ast.Compare() as test, body=body, orelse=orelse):
                return self._node(body if self._holds(test) else orelse)
            case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
                return ["sqrt", self._node(inner)[0]], ATOM
            case ast.Call(func=ast.Name(id="abs"), args=[inner]):
                return ["row", ["op", "|"], self._node(inner)[0], ["op", "|"]], ATOM
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args), ATOM
        raise ValueError(f"formula: {ast.unparse(node)!r} is no arithmetic")

    def _call(self, name: str, args: Sequence[ast.expr]) -> Tree:
        if name in WHOLE:
            inner = Drawer(self._values, self._index, self._shape, False)._node(args[0])[0]
            return ["row", ["text", WORDS[name] + " "], inner]
        parts: Tree = []
        for part in args:
            parts += [["op", ","], self._node(part)[0]] if parts else [self._node(part)[0]]
        return ["row", ["text", name], ["op", "("], *parts, ["op", ")"]]

    def _tied(self, node: ast.expr, strength: int) -> Tree:
        """Return a part, in parentheses where it would fall apart."""
        found, own = self._node(node)
        return found if own >= strength else ["row", ["op", "("], found, ["op", ")"]]

    def _holds(self, test: ast.Compare) -> bool:
        return bool(self._at(test))


def plain(tree: Tree) -> str:
    """Return a drawn expression as a line of text.

    Examples
    --------
    >>> tree = Drawer({"m": 1.0, "v": 4.0}, (), (), False).draw("m / (sqrt(v) + 1)")
    >>> plain(tree)
    'm / (√(v) + 1)'
    """
    kind, *parts = tree
    if kind in ("var", "num", "text"):
        return str(parts[0])
    if kind == "op":
        sign = str(parts[0])
        return {"⁢": "·", "·": "·", ",": ", "}.get(sign, sign if sign in "()|" else f" {sign} ")
    if kind == "row":
        return "".join(map(plain, parts))
    if kind == "sqrt":
        return f"√({plain(parts[0])})"
    if kind == "sup":
        return f"{plain(parts[0])}^{plain(parts[1])}"
    return " / ".join(
        plain(part) if part[0] in ("var", "num") else f"({plain(part)})" for part in parts
    )
