"""Generated loops: a fused group as a plain Python function that one can print and read.

The name is a hash of the text, so equal groups of any model share one compiled kernel. An array
that the group reads and that its result replaces is one operand, read and then written at the
same element.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from interactive_train.kernels.bits import accumulate
from interactive_train.kernels.kernel import COUNTERS, FORMS, Expression, Kernel, tree_of
from interactive_train.program.program import Home, Op, Operand, Program, Ref

SIZES = {len(sizes) - 1: sizes for sizes in FORMS}
TYPES = {"?": "b1", "f": "T", "d": "T"}


@dataclass(frozen=True)
class Member:
    """An operation of a group: an elementwise call, or a sum over one of its values.

    Attributes
    ----------
    n : int
        Elements of the domain.
    form : tuple of int
        () where nothing asks for more; (columns,) where an operand or a sum goes along rows;
        (middle, inner) where it goes along the middle axis.
    """

    op: Op
    n: int
    form: tuple[int, ...]
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

    def __init__(self, program: Program, form: tuple[int, ...]) -> None:
        self.program, self.places = program, FORMS[SIZES[len(form)]]
        self.local: dict[int, str] = {}  # owner -> name of the value at the current element
        self.arrays: list[tuple[str, str, str, Operand]] = []  # name, letter, type, operand
        self.loads: dict[str, list[str]] = {"element": [], "outer": [], "once": []}
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
            stage = {"f": "element", "r": "element", "s": "once"}.get(letter, "outer")
            self.loads[stage].append(f"{local} = {name}[{self.places[letter]}]")
        return self._known[key]


def generate(
    program: Program,
    members: Sequence[Member],
    n: int,
    form: tuple[int, ...],
    kept: Sequence[int],
    places: Mapping[int, Home],
) -> Op:
    """Return the call of one loop for a group.

    Parameters
    ----------
    members : sequence of Member
        In an order in which each reads what was made before.
    n, form
        As of a `Member`.
    kept : sequence of int
        Values that are wanted outside of the loop.
    places : mapping of int to Home
        Where kept values are left behind; not empty for a loop that runs after the guard.
    """
    names = _Names(program, form)
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
            if len(form) == 2:
                scope["accumulate"] = accumulate
                body.append(f"total{len(sums) - 1} = accumulate(total{len(sums) - 1}, {source})")
            else:
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
    return _call(program, members, n, form, names, scope, body, outputs, sums, places)


def _call(
    program: Program,
    members: Sequence[Member],
    n: int,
    form: tuple[int, ...],
    names: _Names,
    scope: dict[str, Any],
    body: list[str],
    outputs: list[tuple[str, int]],
    sums: list[tuple[str, int]],
    places: Mapping[int, Home],
) -> Op:
    sizes = SIZES[len(form)]
    counted = {counter: size for size, counter in COUNTERS.items() if size in sizes}
    extents = {
        letter: ",".join(counted.get(c, c) for c in place.split(", "))
        for letter, place in names.places.items()
    } | {"s": "1"}
    index = names.places["f"]
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
            written.append((name, extents["f"], kind, Ref(owner)))
            stores.append(f"{name}[{index}] = {local}")
    for name, owner in sums:
        written.append((name, sizes[1], "T", Ref(owner)))
    arrays = [(name, "=", e, kind, o) for name, e, kind, o in written]
    for name, letter, kind, _ in names.arrays:
        if name in read_and_written:
            arrays.append((name, "=", extents[letter], kind, Ref(read_and_written[name])))
    for name, letter, kind, operand in names.arrays:
        if name not in read_and_written:
            arrays.append((name, ":", extents[letter], kind, operand))
    lines = _lines(sizes, [*(a[0] for a in arrays), *sizes], names, body, stores, len(sums))
    signature = " ".join([*(f"{a}{role}{k}[{e}]" for a, role, e, k, _ in arrays), *sizes])
    kernel = _kernel(lines, signature, sizes[0], bool(sums), _frozen(scope))
    numbers = (n // max(1, math.prod(form)), *form)
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
    sizes: tuple[str, ...],
    parameters: list[str],
    names: _Names,
    body: list[str],
    stores: list[str],
    sums: int,
) -> str:
    lines = [f"def NAME({', '.join(parameters)}):"]
    lines += [f"    {line}" for line in names.loads["once"]]
    if sums:
        counter = COUNTERS[sizes[1]]
        lines.append(f"    for {counter} in range({sizes[1]}):")
        lines += [f"        sum{k}[{counter}] = 0.0" for k in range(sums)]
    depth = "    "
    for position, size in enumerate(sizes):
        if position and position == len(sizes) - 1:
            lines += [f"{depth}{line}" for line in names.loads["outer"]]
            if len(sizes) == 3:
                lines += [f"{depth}total{k} = 0.0" for k in range(sums)]
        lines.append(f"{depth}for {COUNTERS[size]} in range({size}):")
        depth += "    "
    lines += [depth + line for line in (*names.loads["element"], *body, *stores)]
    if len(sizes) == 3:
        lines += [f"{depth[:-4]}sum{k}[m] += total{k}" for k in range(sums)]
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
    text: str, signature: str, divided: str, sums: bool, scope: tuple[tuple[str, Any], ...]
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
    return Kernel(
        name,
        function,
        signature,
        text=source,
        parallel=(divided,),
        summed=(divided,) if sums else (),
    )
