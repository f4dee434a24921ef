"""Generated loops: a fused group as a plain Python function that one can print and read.

The name is a hash of the text, so equal groups of any model share one compiled kernel. An array
that the group reads and that its result replaces is one operand, read and then written at the
same element.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Expression, Kernel, tree_of
from interactive_train.program.program import Home, Op, Operand, Program, Ref

TYPES = {"?": "b1", "f": "T", "d": "T"}


@dataclass(frozen=True)
class Member:
    """An operation of a group: an elementwise call, or a column sum over one of its values."""

    op: Op
    n: int
    columns: int
    sums: bool = False

    def letters(self) -> Iterator[tuple[str, Operand]]:
        """Yield (pattern letter, operand) for what it reads."""
        if self.sums:
            yield "f", self.op.operands[1]
            return
        assert self.op.kernel.origin is not None
        yield from zip(self.op.kernel.origin[1], self.op.operands[1:], strict=False)

    def elementwise_reads(self) -> list[int]:
        """Return the values that it reads element by element."""
        return [o.number for letter, o in self.letters() if letter == "f" and isinstance(o, Ref)]


class _Names:
    """Operands of the loop under construction, and the local names of its values."""

    def __init__(self, program: Program, flat: bool) -> None:
        self.program, self.flat = program, flat
        self.local: dict[int, str] = {}  # owner -> name of the value at the current element
        self.arrays: list[tuple[str, str, str, Operand]] = []  # name, letter, type, operand
        self.loads: dict[str, list[str]] = {"element": [], "row": [], "once": []}
        self._known: dict[Any, str] = {}

    def read(self, letter: str, operand: Operand) -> str:
        """Return the local name under which an operand is read."""
        if isinstance(operand, Ref):
            owner, start = self.program.root(operand.number)
            if letter == "f" and owner in self.local and start == 0:
                return self.local[owner]
            value = self.program.values[operand.number]
            home = self.program.values[owner].home
            where: Any = (home.region, home.start + start) if home else (owner, start)
            kind = TYPES.get(value.dtype.char, "T")
        else:
            assert isinstance(operand, np.ndarray)
            where, kind = id(operand), TYPES.get(operand.dtype.char, "T")
        key = (letter, where)
        if key not in self._known:
            name = f"x{len(self.arrays)}"
            self.arrays.append((name, letter, kind, operand))
            local = self._known[key] = f"v{len(self.arrays) - 1}"
            index = {"f": "i" if self.flat else "i, j", "r": "j", "c": "i", "s": "0"}[letter]
            stage = {"f": "element", "r": "element", "c": "row", "s": "once"}[letter]
            self.loads[stage].append(f"{local} = {name}[{index}]")
        return self._known[key]


def generate(
    program: Program,
    members: Sequence[Member],
    n: int,
    columns: int,
    kept: Sequence[int],
    places: Mapping[int, Home],
) -> Op:
    """Return the call of one loop for a group.

    Parameters
    ----------
    members : sequence of Member
        In an order in which each reads what was made before.
    n, columns : int
        Elements of the domain; the length of its rows, 0 if nothing asks for rows.
    kept : sequence of int
        Values that are wanted outside of the loop.
    places : mapping of int to Home
        Where kept values are left behind; not empty for a loop that runs after the guard.
    """
    flat = not columns
    names = _Names(program, flat)
    scope: dict[str, Any] = {}
    body: list[str] = []
    sums: list[tuple[str, int]] = []
    wanted = {program.root(k)[0] for k in kept}
    outputs: list[tuple[str, int]] = []
    for member in members:
        (target,) = member.op.writes
        owner = program.root(target)[0]
        if member.sums:
            name = f"sum{len(sums)}"
            sums.append((name, target))
            (source,) = (names.read(letter, o) for letter, o in member.letters())
            body.append(f"{name}[j] += {source}")
            continue
        assert member.op.kernel.origin is not None
        expression, _ = member.op.kernel.origin
        arguments = [names.read(letter, o) for letter, o in member.letters()][
            : len(expression.inputs.split())
        ]
        local = f"t{len(names.local)}"
        names.local[owner] = local
        body.append(f"{local} = {_inlined(expression, arguments, scope)}")
        if owner in wanted:
            outputs.append((local, owner))
    return _call(program, members, n, columns, names, scope, body, outputs, sums, places)


def _call(
    program: Program,
    members: Sequence[Member],
    n: int,
    columns: int,
    names: _Names,
    scope: dict[str, Any],
    body: list[str],
    outputs: list[tuple[str, int]],
    sums: list[tuple[str, int]],
    places: Mapping[int, Home],
) -> Op:
    flat = not columns
    extent, index = ("n", "i") if flat else ("rows,columns", "i, j")
    extents = {"f": extent, "r": "columns", "c": "rows", "s": "1"}
    read_and_written: dict[str, int] = {}  # operand name -> value that replaces it
    stores: list[str] = []
    written: list[tuple[str, str, str, Operand]] = []
    for local, owner in outputs:
        kind = TYPES[program.values[owner].dtype.char]
        reuse = _replaced(program, names, places.get(owner), kind)
        if reuse and reuse not in read_and_written:
            read_and_written[reuse] = owner
            stores.append(f"{reuse}[{index}] = {local}")
        else:
            name = f"out{len(written)}"
            written.append((name, extent, kind, Ref(owner)))
            stores.append(f"{name}[{index}] = {local}")
    for name, owner in sums:
        written.append((name, "columns", "T", Ref(owner)))
    arrays = [(name, "=", e, kind, o) for name, e, kind, o in written]
    for name, letter, kind, operand in names.arrays:
        if name in read_and_written:
            arrays.append((name, "=", extents[letter], kind, Ref(read_and_written[name])))
    for name, letter, kind, operand in names.arrays:
        if name not in read_and_written:
            arrays.append((name, ":", extents[letter], kind, operand))
    sizes = ["n"] if flat else ["rows", "columns"]
    lines = _lines(flat, [a[0] for a in arrays] + sizes, names, body, stores, [s for s, _ in sums])
    signature = " ".join([*(f"{a}{role}{k}[{e}]" for a, role, e, k, _ in arrays), *sizes])
    kernel = _kernel(lines, signature, bool(sums), flat, _frozen(scope))
    numbers = (n,) if flat else (n // columns, columns)
    first = members[0].op
    labels = list(dict.fromkeys(m.op.label for m in members if m.op.label))
    name = " + ".join(m.op.name.lstrip("_") for m in members[:4])
    more = f" + {len(members) - 4} more" if len(members) > 4 else ""
    operands = (*(a[-1] for a in arrays), *numbers)
    return Op(kernel, first.floating, operands, name + more, ", ".join(labels[:3]), bool(places))


def _replaced(program: Program, names: _Names, home: Home | None, kind: str) -> str:
    """Return the operand that lies where a value is left behind, "" if none does."""
    if home is None:
        return ""
    for name, letter, own, operand in names.arrays:
        if letter == "f" and own == kind and isinstance(operand, Ref):
            owner, start = program.root(operand.number)
            value = program.values[owner]
            if value.home is not None and (value.home.region, value.home.start + start) == (
                home.region,
                home.start,
            ):
                return name
    return ""


def _lines(
    flat: bool,
    parameters: list[str],
    names: _Names,
    body: list[str],
    stores: list[str],
    sums: list[str],
) -> str:
    lines = [f"def NAME({', '.join(parameters)}):"]
    lines += [f"    {line}" for line in names.loads["once"]]
    if flat:
        lines.append("    for i in range(n):")
        inner = "        "
    else:
        for name in sums:
            lines += ["    for j in range(columns):", f"        {name}[j] = 0.0"]
        lines.append("    for i in range(rows):")
        lines += [f"        {line}" for line in names.loads["row"]]
        lines.append("        for j in range(columns):")
        inner = "            "
    lines += [inner + line for line in (*names.loads["element"], *body, *stores)]
    return "\n".join([*lines, "    return 0", ""])


def _inlined(expression: Expression, arguments: Sequence[str], scope: dict[str, Any]) -> str:
    """Return the expression on these names; what it refers to enters the scope."""
    text, free = _body(expression)
    for name, value in free:
        if scope.setdefault(name, value) is not value and scope[name] != value:
            raise ValueError(f"{expression.name}: {name!r} means two things in one loop")
    return text.format(*(a for a in arguments))


@lru_cache(maxsize=512)
def _body(expression: Expression) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Return an expression as a template of its arguments, and the globals that it uses."""
    tree = tree_of(expression.function)
    returned = tree.body[0]
    assert isinstance(returned, ast.Return)
    assert returned.value is not None
    names = [argument.arg for argument in tree.args.args]
    own: dict[str, Any] = getattr(expression.function, "__globals__", {})
    free: dict[str, Any] = {}
    for node in ast.walk(returned.value):
        if isinstance(node, ast.Name):
            if node.id in names:
                node.id = f"ARGUMENT{names.index(node.id)}"
            elif node.id in own:
                free[node.id] = own[node.id]
    text = f"({ast.unparse(returned.value)})".replace("{", "{{").replace("}", "}}")
    for at in range(len(names)):
        text = text.replace(f"ARGUMENT{at}", f"{{{at}}}")
    return text, tuple(free.items())


def _frozen(scope: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(scope.items(), key=lambda item: item[0]))


@lru_cache(maxsize=1024)
def _kernel(
    text: str, signature: str, sums: bool, flat: bool, scope: tuple[tuple[str, Any], ...]
) -> Kernel:
    meaning = text + signature + ",".join(name for name, _ in scope)
    name = "fused_" + hashlib.sha256(meaning.encode()).hexdigest()[:10]
    source = text.replace("def NAME(", f"def {name}(", 1)
    filename = f"<kernel {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    known: dict[str, Any] = {**dict(scope), "__name__": "interactive_train.kernels.fused"}
    exec(compile(source, filename, "exec"), known)
    function = known[name]
    assert isinstance(function, FunctionType)
    divided = "n" if flat else "rows"
    return Kernel(
        name,
        function,
        signature,
        text=source,
        parallel=(divided,),
        summed=(divided,) if sums else (),
    )
