"""A kernel: a plain Python loop over named arrays, together with its declared signature.

The function stays undecorated: a debugger, a coverage tool and a lesson work on
it as it stands, and the checked executor calls it directly. `source` turns it
into a native adapter when it is first used.

An elementwise operation is written once, as an expression on scalars; `Expression`
makes the loop around it for each way in which its operands are spread over the
result (see `PATTERNS`), as Python that one can print and read.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any

from interactive_train.kernels.signature import Operand, parse

# How one operand of an elementwise kernel lies under the result [rows, columns].
PATTERNS = {
    "f": "full: one value for each element",
    "r": "row: one value for each column, repeated down the rows",
    "c": "column: one value for each row, repeated along it",
    "s": "scalar: one value for all",
    "b": "band: one value for each middle index, the result being [outer, middle, inner]",
}

# The loops of an elementwise kernel: how its sizes are called, and the index of each letter.
FORMS: dict[tuple[str, ...], dict[str, str]] = {
    ("n",): {"f": "i", "s": "0"},
    ("rows", "columns"): {"f": "i, j", "r": "j", "c": "i", "s": "0"},
    ("outer", "middle", "inner"): {"f": "i, m, j", "b": "m", "s": "0"},
}
COUNTERS = {"n": "i", "rows": "i", "columns": "j", "outer": "i", "middle": "m", "inner": "j"}


@dataclass(frozen=True)
class Kernel:
    """A plain loop and what it may touch.

    Attributes
    ----------
    name : str
        Unique in the catalogue; also the native symbol.
    function : callable
        The plain loop. It neither raises nor allocates; it returns 0 or a status
        code (`status.encode`).
    signature : str
        See `signature.parse`.
    text : str
        Source of a generated function; empty when `function` was written by hand.
    native : str
        A hand-written native body that stands in for the loop (matrix products
        call a library); empty for all others.
    reorder : bool
        Whether the compiler may change the order of a sum in order to vectorise it. The
        order it takes is part of the code, so equal input still gives equal bits.
    fits : callable, optional
        ``fits(operands) -> bool`` over all operands by name, for what extents alone do not
        bound: steps and strides. Asked when a table is built.
    parallel : tuple of str
        Sizes along which the work may be divided among threads: each operand whose first extent
        it is divides with it (its part is a contiguous piece), all others are shared by the parts.
    summed : tuple of str
        Those of `parallel` over which a written operand without that extent is a sum from zero:
        each part makes its own, and they are added in order.
    offset : str
        The size, if there is one, that tells a part where it begins (0 for the whole), counted
        along the divided size.
    origin : (Expression, str), optional
        For the loop of an elementwise expression: that and its pattern.
    """

    name: str
    function: Callable[..., int]
    signature: str
    text: str = ""
    native: str = ""
    reorder: bool = False
    fits: Callable[[Mapping[str, Any]], bool] | None = None
    parallel: tuple[str, ...] = ()
    summed: tuple[str, ...] = ()
    offset: str = ""
    origin: tuple[Expression, str] | None = None
    operands: tuple[Operand, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", parse(self.signature))
        sizes = {operand.name for operand in self.operands if operand.role == "size"}
        for name in {*self.parallel, *self.summed, *filter(None, [self.offset])} - sizes:
            raise ValueError(f"kernel {self.name}: {name!r} is no size of {self.signature!r}")

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and other.name == self.name


@dataclass(frozen=True)
class Expression:
    """An elementwise operation as a plain function of scalars.

    Parameters
    ----------
    function : callable
        For example ``def add(x, y): return x + y``. Float literals take the type
        of the kernel; write ``2.0``, never ``2``, next to a float.
    inputs : str
        One type per argument, for example ``"T T"`` or ``"b1 T T"``.
    output : str
        The type of the result.
    commutative : bool
        Whether f(x, y) and f(y, x) are equal to the bit; one loop then serves both orders.
    """

    function: Callable[..., Any]
    inputs: str = "T T"
    output: str = "T"
    commutative: bool = False

    @property
    def name(self) -> str:
        """The name of the scalar function."""
        return self.function.__name__

    def kernel(self, pattern: str) -> Kernel:
        """Return the loop for one letter of `PATTERNS` per operand."""
        return _loop(self, pattern)


def tree_of(function: Callable[..., Any], text: str = "") -> ast.FunctionDef:
    """Return the syntax tree of a plain function without annotations and docstring."""
    tree = ast.parse(text or textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.returns = None
    for argument in tree.args.args:
        argument.annotation = None
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    return tree


@cache
def _loop(expression: Expression, pattern: str) -> Kernel:
    types = expression.inputs.split()
    sizes = next((form for form, index in FORMS.items() if set(pattern) <= set(index)), None)
    if len(types) != len(pattern) or sizes is None:
        raise ValueError(
            f"{expression.name}: a pattern has one letter of {', '.join(PATTERNS)} per operand, "
            f"b only beside f and s; got {pattern!r} for {expression.inputs!r}."
        )
    tree = tree_of(expression.function)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Return) or not tree.body[0].value:
        raise ValueError(
            f"{expression.name}: the function of an expression is one return; got "
            f"{len(tree.body)} statements. Write a conditional as `a if c else b`."
        )
    assert isinstance(expression.function, FunctionType)
    result = ast.unparse(tree.body[0].value)
    scalars = [argument.arg for argument in tree.args.args]
    names = [f"x{i}" for i in range(len(types))]
    index = FORMS[sizes]
    sized = {counter: size for size, counter in COUNTERS.items() if size in sizes}
    extents = {
        letter: ",".join(sized.get(counter, counter) for counter in places.split(", "))
        for letter, places in index.items()
    } | {"s": "1"}
    name = f"{expression.name}_{pattern}"
    lines = [f"def {name}({', '.join(['out', *names, *sizes])}):"]
    for depth, size in enumerate(sizes, start=1):
        lines.append(f"{'    ' * depth}for {COUNTERS[size]} in range({size}):")
    inner = "    " * (len(sizes) + 1)
    lines += [
        f"{inner}{scalar} = {array}[{index[letter]}]"
        for scalar, array, letter in zip(scalars, names, pattern, strict=True)
    ]
    text = "\n".join([*lines, f"{inner}out[{index['f']}] = {result}", "    return 0", ""])
    filename = f"<kernel {name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = dict(expression.function.__globals__)
    exec(compile(text, filename, "exec"), scope)
    signature = " ".join(
        [
            f"out={expression.output}[{extents['f']}]",
            *(
                f"{operand}:{kind}[{extents[letter]}]"
                for operand, kind, letter in zip(names, types, pattern, strict=True)
            ),
            *sizes,
        ]
    )
    return Kernel(
        name, scope[name], signature, text=text, parallel=sizes[:1], origin=(expression, pattern)
    )
